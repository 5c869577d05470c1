import Foundation
import Glibc
import Testing

/// A small disk of its own, mounted where a shop has its data.
///
/// Whoever makes one unmounts it; the folder goes after it.
final class Disk: Sendable {
    enum Kind: String, Sendable {
        case tmpfs
        /// In a file, and read-only as soon as the kernel is told of an error on it.
        case ext4
    }

    let folder: Folder
    private let kind: Kind

    init(_ kind: Kind = .tmpfs, mebibytes: Int) throws {
        folder = try Folder()
        self.kind = kind
        mkdir(folder.data, 0o755)
        switch kind {
        case .tmpfs:
            try Self.run("mount", "-t", "tmpfs", "-o", "size=\(mebibytes)m", "none", folder.data)
        case .ext4:
            let image = "\(folder.path)/image"
            try Self.run("fallocate", "-l", "\(mebibytes)M", image)
            try Self.run("mkfs.ext4", "-q", "-m", "0", image)
            try Self.run("mount", "-o", "loop,errors=remount-ro", image, folder.data)
        }
    }

    private static func run(_ command: String...) throws {
        let done = try Shopctl.run(command)
        guard done.code == 0 else { throw Failure("\(command): \(done.all)") }
    }

    /// Whether disks can be mounted here, tried once for each kind.
    static func isPossible(_ kind: Kind) -> Bool { kind == .tmpfs ? hasTmpfs : hasExt4 }
    private static let hasTmpfs = isMountable(.tmpfs)
    private static let hasExt4 = isMountable(.ext4)

    private static func isMountable(_ kind: Kind) -> Bool {
        guard let disk = try? Disk(kind, mebibytes: 8) else { return false }
        defer { disk.unmount() }
        return kind == .tmpfs || access(disk.errorTrigger, W_OK) == 0
    }

    /// Bytes that may still be written.
    var free: Int {
        var status = statvfs()
        statvfs(folder.data, &status)
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    private var ballast: String { "\(folder.data)/ballast" }

    /// Takes room until so much is left, or a little less.
    func fill(leaving bytes: Int) throws {
        let file = open(ballast, O_RDWR | O_CREAT, 0o600)
        guard file >= 0 else { throw Failure("no ballast: errno \(errno)") }
        defer { close(file) }
        var status = stat()
        for _ in 0..<1000 where free > bytes {
            fstat(file, &status)
            // Whatever others took meanwhile makes this fail, and the next one smaller.
            posix_fallocate(file, status.st_size, off_t(max(4096, free - bytes)))
        }
        // What is left below a page's size.
        guard bytes == 0 else { return }
        lseek(file, 0, Int32(SEEK_END))
        let page = [UInt8](repeating: 0, count: 4096)
        while write(file, page, page.count) > 0 {}
    }

    /// Gives all room back.
    func empty() { unlink(ballast) }

    /// Has it mounted read-only from now on.
    func makeReadOnly() throws { try Self.run("mount", "-o", "remount,ro", folder.data) }
    func makeWritable() throws { try Self.run("mount", "-o", "remount,rw", folder.data) }

    /// The loop device's place among the kernel's ext4 disks.
    private var errorTrigger: String {
        let mounts = (try? String(contentsOfFile: "/proc/mounts", encoding: .utf8)) ?? ""
        let device = mounts.split(separator: "\n").map { $0.split(separator: " ") }
            .last { $0.count > 1 && $0[1] == folder.data.replacing("//", with: "/") }?.first
        let name = device?.split(separator: "/").last ?? ""
        return "/sys/fs/ext4/\(name)/trigger_fs_error"
    }

    /// Tells the kernel of an error on it, whereupon it lets nobody write any more.
    func fail() throws {
        guard let trigger = FileHandle(forWritingAtPath: errorTrigger) else {
            throw Failure("no \(errorTrigger)")
        }
        try trigger.write(contentsOf: Data("1".utf8))
        try trigger.close()
    }

    /// Takes it out, has it mended, and mounts it again.
    func mend() throws {
        // Not as `unmount` does: as long as anybody has a file open the kernel may go on writing to
        // the image, behind the back of who mends it.
        try eventually("the disk is free") {
            try Shopctl.run(["umount", folder.data]).code == 0
        }
        let image = "\(folder.path)/image"
        // 1: errors were mended.
        let checked = try Shopctl.run(["fsck.ext4", "-f", "-y", image])
        guard checked.code <= 1 else { throw Failure(checked.all) }
        try Self.run("mount", "-o", "loop,errors=remount-ro", image, folder.data)
    }

    func unmount() {
        _ = try? Shopctl.run(["umount", "-l", folder.data])
    }
}

extension Trait where Self == ConditionTrait {
    /// For tests that mount disks: `scripts/faults` runs them, as root and one after the other, as
    /// they want a machine for themselves.
    static func mounts(_ kind: Disk.Kind) -> Self {
        .enabled(
            if: ProcessInfo.processInfo.environment["KASSA_FAULTS"] != nil && Disk.isPossible(kind),
            "\(kind.rawValue) is not mounted here: run scripts/faults as root")
    }
}

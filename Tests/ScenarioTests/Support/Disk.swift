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
        /// The same in a file that has room only once it is needed, on a disk of its own: where
        /// that one is full, syncs fail, and nothing else does.
        case thin
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
            try Self.run("fallocate", "-l", "\(mebibytes)M", image)
            try makeFileSystem()
        case .thin:
            mkdir(host, 0o755)
            try Self.run("mount", "-t", "tmpfs", "-o", "size=\(mebibytes)m", "none", host)
            try Self.run("truncate", "-s", "\(mebibytes)M", image)
            try makeFileSystem()
        }
    }

    private var host: String { "\(folder.path)/host" }
    private var image: String { kind == .thin ? "\(host)/image" : "\(folder.path)/image" }

    private func makeFileSystem() throws {
        try Self.run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_journal_init=0", image)
        try mountImage()
    }

    private func mountImage() throws {
        try Self.run("mount", "-o", "loop,errors=remount-ro", image, folder.data)
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
    var free: Int { Self.free(folder.data) }

    private static func free(_ path: String) -> Int {
        var status = statvfs()
        statvfs(path, &status)
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    /// Whether the kernel, or somebody, lets nobody write to it. Where it has given a disk up,
    /// that is not among what the disk is mounted with.
    var isReadOnly: Bool {
        let probe = "\(folder.data)/probe"
        let file = open(probe, O_WRONLY | O_CREAT, 0o600)
        guard file >= 0 else { return errno == EROFS }
        close(file)
        unlink(probe)
        return false
    }

    private var ballast: String { "\(folder.data)/ballast" }

    /// Takes room until so much is left, or a little less.
    func fill(leaving bytes: Int) throws {
        try Self.fill(ballast, leaving: bytes) { free }
    }

    private static func fill(_ ballast: String, leaving bytes: Int, _ free: () -> Int) throws {
        let file = open(ballast, O_RDWR | O_CREAT, 0o600)
        guard file >= 0 else { throw Failure("no ballast: errno \(errno)") }
        defer { close(file) }
        var status = stat()
        // Not what comes free meanwhile: a reserve is there for others.
        var room = free() - bytes
        for _ in 0..<1000 where room > 0 {
            fstat(file, &status)
            // Not in one go: while the system is at it others write, and all would be full.
            let piece = min(room, max(4096, free() - bytes), 4 << 20)
            // Whatever others took meanwhile makes this fail, and the next one smaller.
            if posix_fallocate(file, status.st_size, off_t(piece)) == 0 { room -= piece }
            if free() <= bytes { break }
        }
        // What is left below a page's size.
        guard bytes == 0, room > 0 else { return }
        lseek(file, 0, Int32(SEEK_END))
        let page = [UInt8](repeating: 0, count: 4096)
        while room > 0, write(file, page, page.count) > 0 { room -= page.count }
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
        // 1: errors were mended.
        let checked = try Shopctl.run(["fsck.ext4", "-f", "-y", image])
        guard checked.code <= 1 else { throw Failure(checked.all) }
        try mountImage()
    }

    /// The disk as it would be found if the machine lost power now: what is in memory alone is not
    /// on it.
    func afterLossOfPower() throws -> Disk { try Disk(copyOf: image) }

    private init(copyOf image: String) throws {
        folder = try Folder()
        kind = .ext4
        mkdir(folder.data, 0o755)
        try Self.run("cp", "--sparse=always", image, self.image)
        try mountImage()
    }

    /// Leaves a thin disk no room but what it has already.
    func fillHost() throws {
        sync()
        try Self.fill("\(host)/ballast", leaving: 0) { Self.free(host) }
    }

    func emptyHost() { unlink("\(host)/ballast") }

    func unmount() {
        _ = try? Shopctl.run(["umount", "-l", folder.data])
        if kind == .thin { _ = try? Shopctl.run(["umount", "-l", host]) }
    }
}

extension Trait where Self == ConditionTrait {
    /// For tests that mount disks, which takes root, or `scripts/faults`.
    static func mounts(_ kind: Disk.Kind) -> Self {
        .enabled(
            if: Disk.isPossible(kind),
            "\(kind.rawValue) is not mounted here: run scripts/faults as root")
    }
}

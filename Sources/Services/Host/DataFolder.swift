import Foundation
import Glibc
import Projections

/// The folder that holds a shop: a folder a service, and a lock, so that no two shops run on one.
package final class DataFolder: Sendable {
    package enum Failure: Error, CustomStringConvertible {
        case inUse(String, by: String)
        case unusable(String, String)

        package var description: String {
            switch self {
            case .inUse(let path, let process):
                "\(path) is in use by a running shop (process \(process)); stop it, or "
                    + "choose another folder with --data"
            case .unusable(let path, let why):
                "\(path) cannot be used: \(why); choose another folder with --data"
            }
        }
    }

    package let path: String
    /// Held as long as this lives: the shop's own first.
    private let locks: [FolderLock]
    /// The folders that were not there before, this one first and then those it lies in.
    private let made: [String]

    /// How often a lock that is held is asked for, 50 ms apart: about a second in all. A doctor
    /// holds it for a moment to look, and is no running shop.
    package static let attempts = 20

    /// Makes the folder where there is none, and takes its lock.
    ///
    /// - Parameters:
    ///   - parts: whose folders are locked as well, so that none of them runs as a process of its
    ///     own meanwhile.
    ///   - pause: waits between two attempts.
    package init(
        path: String, parts: [ShopPart] = ShopPart.allCases, pause: () -> Void = { usleep(50_000) }
    ) throws(Failure) {
        self.path = path
        made = Self.missing(path)
        try Self.make(path)
        for part in ShopPart.allCases { try Self.make("\(path)/\(part)") }
        var locks: [FolderLock] = []
        for file in ["\(path)/lock"] + parts.map({ Self.lock(of: $0, in: path) }) {
            locks.append(try Self.lock(file, of: path, Self.attempts, pause))
        }
        self.locks = locks
        Self.removeScratch(in: path)
    }

    /// Makes a part's folder where there is none, and takes its lock, for a process that runs this
    /// part alone.
    ///
    /// - Parameter pause: waits between two attempts.
    package init(
        path: String, only part: ShopPart, pause: () -> Void = { usleep(50_000) }
    ) throws(Failure) {
        self.path = path
        made = []
        try Self.make(path)
        try Self.make("\(path)/\(part)")
        // The one before it may still be at its end.
        locks = [
            try Self.lock(Self.lock(of: part, in: path), of: path, Self.attempts * 5, pause)
        ]
    }

    /// Locked by whichever process runs the part.
    static func lock(of part: ShopPart, in path: String) -> String { "\(path)/\(part)/.running" }

    /// Where a part that is a process remembers the others.
    static func roster(of part: ShopPart, in path: String) -> RosterFile {
        RosterFile(path: "\(path)/\(part)/homes.json")
    }

    private static func make(_ path: String) throws(Failure) {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue
        {
            throw .unusable(path, "it is a file, not a folder")
        }
        do {
            // Orders, and the keys of what is sealed in them, are nobody else's affair.
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: isFolder.boolValue ? nil : [.posixPermissions: 0o700])
        } catch { throw .unusable(path, error.localizedDescription) }
    }

    private static func lock(
        _ file: String, of path: String, _ attempts: Int, _ pause: () -> Void
    ) throws(Failure) -> FolderLock {
        do throws(FolderLock.Failure) {
            return try FolderLock(file, attempts: attempts, pause: pause)
        } catch {
            switch error {
            case .held(let owner): throw .inUse(path, by: owner)
            case .unusable(let why): throw .unusable(path, why)
            }
        }
    }

    private static func missing(_ path: String) -> [String] {
        var missing: [String] = []
        var folder = URL(fileURLWithPath: path).standardizedFileURL
        while !FileManager.default.fileExists(atPath: folder.path) {
            missing.append(folder.path)
            folder.deleteLastPathComponent()
        }
        return missing
    }

    /// Removes what a start has made that came to nothing, where there was no folder before it.
    package func discardIfNew() {
        guard let own = made.first else { return }
        try? FileManager.default.removeItem(atPath: own)
        // Those it lies in only while they are empty.
        for folder in made.dropFirst() { rmdir(folder) }
    }

    /// A service's log.
    package static func log(_ service: String, in path: String) -> String {
        "\(path)/\(service)/\(service).db"
    }

    /// The read store's first file; after a rebuild another one is in use.
    static func firstReadStore(in path: String) -> String { "\(path)/gateway/read.db" }
    /// The read store's file that is in use.
    static func readStore(in path: String) -> String {
        ReadFiles(firstReadStore(in: path)).current
    }

    /// Runs `body` with a folder for what is built to compare with, which is nobody else's affair:
    /// the shop's own where it may be written, as its disk has room for a second read store.
    package static func withScratch<Result>(
        for path: String, _ body: (String) throws -> Result
    ) throws -> Result {
        var folder = path
        if access(path, W_OK) != 0, access(path, F_OK) == 0 {
            var template = Array("\(NSTemporaryDirectory())/kassa-verify-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else {
                throw Failure.unusable(path, "it may not be written, nor \(NSTemporaryDirectory())")
            }
            let bytes = template.dropLast().map { UInt8(bitPattern: $0) }
            folder = String(decoding: bytes, as: UTF8.self)
        }
        removeScratch(in: folder)
        defer {
            removeScratch(in: folder)
            if folder != path { rmdir(folder) }
        }
        return try body(folder)
    }

    /// Where a process builds a read store to compare with.
    package static func scratch(of process: Int32, in folder: String) -> String {
        "\(folder)/\(scratchPrefix)\(process).db"
    }

    private static let scratchPrefix = "verify-"

    /// Removes what processes that are gone, and this one, have left of their scratch: an
    /// interrupted audit does not come to its end.
    package static func removeScratch(in path: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            guard name.hasPrefix(scratchPrefix) else { continue }
            let parts = name.dropFirst(scratchPrefix.count)
                .split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let process = Int32(parts[0]), process > 0,
                ["db", "db-wal", "db-shm", "db-journal"].contains(parts[1])
            else { continue }
            let isGone = kill(process, 0) != 0 && errno == ESRCH
            if isGone || process == getpid() { unlink("\(path)/\(name)") }
        }
    }

    package static func cursorKey(in path: String) -> String { "\(path)/gateway/cursor.key" }
    static let cursorKeyAdvice =
        "delete it, and a new key is made (cursors given so far are then refused)"
    package static func mails(in path: String) -> String { "\(path)/notifications/mails" }

    /// Whether a file of that name, there or not, lies in the shop's folder.
    package static func holds(_ file: String, in path: String) -> Bool {
        let folder = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let parent = URL(fileURLWithPath: file).deletingLastPathComponent()
            .resolvingSymlinksInPath().path
        return parent == folder || parent.hasPrefix(folder + "/")
    }
}

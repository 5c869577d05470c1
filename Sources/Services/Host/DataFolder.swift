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
    private let descriptor: Int32
    /// The folders that were not there before, this one first and then those it lies in.
    private let made: [String]

    /// How often a lock that is held is asked for, 50 ms apart: about a second in all. A doctor
    /// holds it for a moment to look, and is no running shop.
    package static let attempts = 20

    /// Makes the folder where there is none, and takes its lock.
    ///
    /// - Parameter pause: waits between two attempts.
    package init(path: String, pause: () -> Void = { usleep(50_000) }) throws(Failure) {
        self.path = path
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue
        {
            throw .unusable(path, "it is a file, not a folder")
        }
        made = Self.missing(path)
        let services = ["orders", "payments", "deliveries", "notifications", "gateway", "broker"]
        do {
            for service in services {
                try FileManager.default.createDirectory(
                    atPath: "\(path)/\(service)", withIntermediateDirectories: true)
            }
        } catch { throw .unusable(path, error.localizedDescription) }
        descriptor = open("\(path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .unusable(path, String(cString: strerror(errno))) }
        guard Self.isLocked(descriptor, pause) else {
            let owner = (try? String(contentsOfFile: "\(path)/lock", encoding: .utf8)) ?? "unknown"
            // All is set, so that `deinit` closes it: twice would be once too often for whoever
            // has been given the number since.
            throw .inUse(path, by: owner.isEmpty ? "unknown" : owner)
        }
        ftruncate(descriptor, 0)
        let process = "\(getpid())"
        _ = process.withCString { write(descriptor, $0, process.utf8.count) }
        Self.removeScratch(in: path)
    }

    private static func isLocked(_ descriptor: Int32, _ pause: () -> Void) -> Bool {
        for attempt in 1...attempts {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
            if attempt < attempts { pause() }
        }
        return false
    }

    deinit { close(descriptor) }

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
    func discardIfNew() {
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

    /// Where a process builds a read store to compare with.
    package static func scratch(of process: Int32, in path: String) -> String {
        "\(path)/\(scratchPrefix)\(process).db"
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
    package static func mails(in path: String) -> String { "\(path)/notifications/mails" }

    /// Whether a file of that name, there or not, lies in the shop's folder.
    package static func holds(_ file: String, in path: String) -> Bool {
        let folder = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let parent = URL(fileURLWithPath: file).deletingLastPathComponent()
            .resolvingSymlinksInPath().path
        return parent == folder || parent.hasPrefix(folder + "/")
    }
}

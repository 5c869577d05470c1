import Foundation
import Glibc

/// The folder that a bench puts its files into, and that is removed afterwards.
///
/// It takes none that holds anything else: only one that is empty, or was left by a bench.
package final class BenchFolder {
    package enum Failure: Error, CustomStringConvertible {
        case taken(String)
        case inUse(String)
        case unusable(String, String)

        package var description: String {
            switch self {
            case .taken(let path):
                "\(path) holds something already, and a bench removes its folder at the end; "
                    + "name another one with --data"
            case .inUse(let path):
                "another bench runs in \(path); name another folder with --data"
            case .unusable(let path, let why):
                "\(path) cannot be used: \(why); name another folder with --data"
            }
        }
    }

    private static let mark = "made-by-bench"

    /// Where the bench's files go; there is nothing at this path yet.
    package let path: String
    private let folder: String
    private let descriptor: Int32

    package init(_ folder: String) throws(Failure) {
        let files = FileManager.default
        let mark = "\(folder)/\(Self.mark)"
        do {
            try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let names = try files.contentsOfDirectory(atPath: folder)
            guard names.isEmpty || names.contains(Self.mark) else { throw Failure.taken(folder) }
        } catch let error as Failure {
            throw error
        } catch { throw .unusable(folder, error.localizedDescription) }
        let descriptor = open(mark, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .unusable(folder, String(cString: strerror(errno))) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .inUse(folder)
        }
        (self.folder, self.descriptor, path) = (folder, descriptor, "\(folder)/run")
        // What one that was killed has left.
        try? files.removeItem(atPath: path)
    }

    deinit { close(descriptor) }

    /// Removes the folder with all that is in it.
    package func remove() { try? FileManager.default.removeItem(atPath: folder) }

    /// What the file system that holds the path has left.
    static func freeBytes(at path: String) -> Int64 {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return .max }
        return Int64(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }

    /// The bytes of the files of a folder, not of those below it, whose names end so.
    static func bytes(in folder: String, suffixes: [String] = [""]) -> Int64 {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        var sum: Int64 = 0
        for name in names where suffixes.contains(where: name.hasSuffix) {
            var status = stat()
            // Files come and go while the shop runs.
            guard lstat("\(folder)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG
            else { continue }
            sum += Int64(status.st_size)
        }
        return sum
    }
}

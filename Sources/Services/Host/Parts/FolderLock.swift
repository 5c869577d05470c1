import Glibc

/// A lock on a file, held as long as this lives: it goes with the process, however that ends.
final class FolderLock: Sendable {
    enum Failure: Error {
        /// Another holds it, whose process is named as the file has it.
        case held(by: String)
        case unusable(String)
    }

    private let descriptor: Int32

    /// Takes the lock, and writes this process's number into its file.
    ///
    /// - Parameters:
    ///   - attempts: how often it is asked for.
    ///   - pause: waits between two attempts.
    init(_ path: String, attempts: Int, pause: () -> Void) throws(Failure) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .unusable(String(cString: strerror(errno))) }
        guard Self.isLocked(descriptor, attempts, pause) else {
            // All is set, so that `deinit` closes it: twice would be once too often for whoever
            // has been given the number since.
            throw .held(by: Self.owner(descriptor))
        }
        ftruncate(descriptor, 0)
        let process = "\(getpid())"
        _ = process.withCString { write(descriptor, $0, process.utf8.count) }
    }

    deinit { close(descriptor) }

    private static func isLocked(_ descriptor: Int32, _ attempts: Int, _ pause: () -> Void)
        -> Bool
    {
        for attempt in 1...attempts {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
            if attempt < attempts { pause() }
        }
        return false
    }

    private static func owner(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : "unknown"
    }
}

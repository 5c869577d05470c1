package import EventSourcing
import Glibc

/// A secret of 32 bytes in a file that only its owner may read, made where there is none: what the
/// gateway's cursors are sealed under, and what a shop's processes show each other.
package enum KeyFile {
    package enum Failure: Error, CustomStringConvertible {
        case unusable(String, String, advice: String)

        package var description: String {
            switch self {
            case .unusable(let path, let why, let advice):
                "\(path) cannot be used: \(why); \(advice)"
            }
        }
    }

    private static let bytes = 32

    /// Reads it, or makes one where there is none.
    ///
    /// - Parameter advice: what to do where it cannot be used.
    /// - Throws: where the file cannot be read or made, or holds something else.
    package static func load(_ path: String, _ runtime: any Runtime, advice: String) throws(Failure)
        -> [UInt8]
    {
        if access(path, F_OK) != 0 { try make(path, runtime, advice) }
        return try read(path, advice: advice)
    }

    /// - Throws: where the file cannot be read, or holds something else.
    static func read(_ path: String, advice: String) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path, advice) }
        defer { close(descriptor) }
        // One more than it must hold tells whether there is more.
        var key = [UInt8](repeating: 0, count: bytes + 1)
        let count = Glibc.read(descriptor, &key, key.count)
        guard count >= 0 else { throw failure(path, advice) }
        guard count == bytes else {
            throw .unusable(path, "it does not hold \(bytes) bytes", advice: advice)
        }
        return Array(key.prefix(bytes))
    }

    /// The file appears with all its bytes or not at all; where another process has made it
    /// meanwhile, it stays as that one made it.
    private static func make(_ path: String, _ runtime: any Runtime, _ advice: String)
        throws(Failure)
    {
        var key: [UInt8] = []
        while key.count < bytes {
            withUnsafeBytes(of: runtime.random()) { key.append(contentsOf: $0) }
        }
        // No two have the same name for it: a process's number may be another one's elsewhere.
        let draft = "\(path).\(runtime.newID())"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(draft, advice) }
        defer { unlink(draft) }
        let isWritten = write(descriptor, key, key.count) == key.count && fsync(descriptor) == 0
        close(descriptor)
        guard isWritten, link(draft, path) == 0 || errno == EEXIST else {
            throw failure(draft, advice)
        }
    }

    private static func failure(_ path: String, _ advice: String) -> Failure {
        .unusable(path, String(cString: strerror(errno)), advice: advice)
    }
}

import EventSourcing
import Glibc

/// The key that the gateway's cursors are sealed under: 32 bytes in a file that only its owner may
/// read, made at the first start.
enum CursorKey {
    enum Failure: Error, CustomStringConvertible {
        case unusable(String, String)

        var description: String {
            switch self {
            case .unusable(let path, let why):
                "\(path) cannot be used: \(why); delete it, and a new key is made "
                    + "(cursors given so far are then refused)"
            }
        }
    }

    private static let bytes = 32

    /// - Throws: where the file cannot be read or made, or holds something else.
    static func load(_ path: String, _ runtime: any Runtime) throws(Failure) -> [UInt8] {
        try access(path, F_OK) == 0 ? read(path) : make(path, runtime)
    }

    /// - Throws: where the file cannot be read, or holds something else.
    static func read(_ path: String) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        // One more than it must hold tells whether there is more.
        var key = [UInt8](repeating: 0, count: bytes + 1)
        let count = Glibc.read(descriptor, &key, key.count)
        guard count >= 0 else { throw failure(path) }
        guard count == bytes else { throw .unusable(path, "it does not hold \(bytes) bytes") }
        return Array(key.prefix(bytes))
    }

    /// The file appears with all its bytes or not at all.
    private static func make(_ path: String, _ runtime: any Runtime) throws(Failure) -> [UInt8] {
        var key: [UInt8] = []
        while key.count < bytes {
            withUnsafeBytes(of: runtime.random()) { key.append(contentsOf: $0) }
        }
        let draft = "\(path).new"
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(draft) }
        let isWritten = write(descriptor, key, key.count) == key.count && fsync(descriptor) == 0
        close(descriptor)
        guard isWritten, rename(draft, path) == 0 else { throw failure(draft) }
        return key
    }

    private static func failure(_ path: String) -> Failure {
        .unusable(path, String(cString: strerror(errno)))
    }
}

import Glibc

/// Whoever read our output has gone; there is nobody left to tell.
struct OutputClosed: Error {}

/// Writes lines to a file descriptor through a buffer. A write that fails is an error, unlike with
/// `print`.
struct LineOutput {
    private static let capacity = 64 * 1024

    private let descriptor: Int32
    /// What an error calls the place.
    private let name: String
    private var buffer: [UInt8] = []

    init(descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    static var standard: LineOutput {
        LineOutput(descriptor: STDOUT_FILENO, name: "standard output")
    }

    /// Takes a line; it is out with the next `flush` at the latest.
    ///
    /// - Throws: `OutputClosed`, `CommandFailure`.
    mutating func line(_ text: String) throws {
        try write(text + "\n")
    }

    /// Takes text as it is, line break and all.
    ///
    /// - Throws: as `line`.
    mutating func write(_ text: String) throws {
        buffer.append(contentsOf: text.utf8)
        if buffer.count >= Self.capacity { try flush() }
    }

    /// - Throws: `OutputClosed` where a pipe's reader has gone, `CommandFailure` for a full disk.
    mutating func flush() throws {
        var done = 0
        while done < buffer.count {
            let count = buffer.withUnsafeBytes { bytes in
                Glibc.write(
                    descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let code = errno
                if code == EPIPE { throw OutputClosed() }
                throw CommandFailure("cannot write to \(name): \(String(cString: strerror(code)))")
            }
            done += count
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Waits, at most so long, while a reader may go away.
    ///
    /// - Throws: `OutputClosed` as soon as the reader has gone.
    func pause(milliseconds: Int32) throws {
        var entry = pollfd(fd: descriptor, events: 0, revents: 0)
        guard poll(&entry, 1, milliseconds) > 0 else { return }
        if Int32(entry.revents) & (POLLERR | POLLHUP | POLLNVAL) != 0 { throw OutputClosed() }
    }
}

import Glibc

/// An mbox file that mails are appended to. Whoever opens it closes it.
struct MboxFile {
    /// Whose mails it holds, counted from 1970-01-01.
    let day: Int64
    private let path: String
    private let descriptor: Int32
    private let identity: ino_t
    /// Where it ended when it was read or written last: after a whole mail.
    private var end: Int

    /// Opens it.
    ///
    /// - Parameter isNew: whether it is made, for its owner alone, where it is not there.
    init(path: String, day: Int64, isNew: Bool) throws(MailFolder.Failure) {
        let flags = O_RDWR | O_APPEND | O_CLOEXEC | (isNew ? O_CREAT : 0)
        descriptor = open(path, flags, 0o600)
        guard descriptor >= 0 else { throw .system("open", path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let failure = MailFolder.Failure.system("read", path)
            Glibc.close(descriptor)
            throw failure
        }
        (self.path, self.day, identity, end) = (path, day, status.st_ino, Int(status.st_size))
    }

    func close() { Glibc.close(descriptor) }

    /// Whether the file of this name is still this one, and nobody else has changed its length.
    var isInPlace: Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_ino == identity && Int(status.st_size) == end
    }

    /// Reads at most `limit` of its last bytes, and cuts off what is no whole mail.
    ///
    /// - Returns: what they hold, and how many they are.
    mutating func mend(reading limit: Int) throws(MailFolder.Failure) -> (MboxTail, Int) {
        var bytes = [UInt8](repeating: 0, count: min(end, limit))
        let start = end - bytes.count
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                pread(
                    descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled,
                    off_t(start + filled))
            }
            guard count > 0 else { throw .system("read", path) }
            filled += count
        }
        let tail = MboxTail(bytes, isAll: start == 0)
        if tail.keep < bytes.count {
            end = start + tail.keep
            guard ftruncate(descriptor, off_t(end)) == 0 else { throw .system("mend", path) }
        }
        return (tail, bytes.count)
    }

    /// Ends the last mail with an empty line, should somebody else have written it without.
    mutating func endLastMail(_ write: MailFolder.Write) throws(MailFolder.Failure) {
        var last: [UInt8] = [0x0A, 0x0A]
        guard end > 0 else { return }
        let count = last.withUnsafeMutableBytes { buffer in
            pread(descriptor, buffer.baseAddress, buffer.count, off_t(max(0, end - 2)))
        }
        guard count > 0 else { throw .system("read", path) }
        if last != [0x0A, 0x0A] { try append([0x0A] + (last[1] == 0x0A ? [] : [0x0A]), write) }
    }

    /// Appends a mail, in one write unless the system takes a part of it only.
    mutating func append(_ text: [UInt8], _ write: MailFolder.Write) throws(MailFolder.Failure) {
        var written = 0
        while written < text.count {
            let count = text.withUnsafeBytes { buffer in
                write(descriptor, UnsafeRawBufferPointer(rebasing: buffer[written...]))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .system("write", path) }
            written += count
        }
        end += text.count
    }

    /// Takes back what a failed `append` has written. Where that fails too, opening the file anew
    /// does it.
    func cutBack() { _ = ftruncate(descriptor, off_t(end)) }
}

extension MailFolder.Failure {
    fileprivate static func system(_ action: String, _ path: String) -> Self {
        let code = errno
        return Self(
            description: "cannot \(action) \(path): \(String(cString: strerror(code)))",
            code: code)
    }
}

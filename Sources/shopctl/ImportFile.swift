import EventStore
import Glibc

/// A file that is read from its beginning more than once: CSV, plain or compressed by gzip.
final class ImportFile {
    let path: String
    private let descriptor: Int32
    private let isCompressed: Bool

    /// - Throws: for what is not there, cannot be read, is no regular file or is empty.
    init(_ path: String) throws(CommandFailure) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure("\(path) cannot be opened: \(ImportFile.reason(errno))")
        }
        var status = stat()
        var start: [UInt8] = [0, 0]
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw CommandFailure(
                "\(path) is no regular file; give a file, which can be read twice")
        }
        let count = pread(descriptor, &start, 2, 0)
        guard count > 0 else {
            close(descriptor)
            throw CommandFailure("\(path) is empty; give an invoice file")
        }
        isCompressed = start == [0x1F, 0x8B]
    }

    deinit { close(descriptor) }

    /// Its content from the beginning. One at a time: they share the place in the file.
    func content() throws(CommandFailure) -> ImportContent {
        lseek(descriptor, 0, SEEK_SET)
        return try ImportContent(path: path, descriptor, isCompressed: isCompressed)
    }

    static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// A file's content as it is read, in pieces, unpacked by the gzip program where it is compressed.
final class ImportContent {
    /// The bytes of a piece.
    static let pieceSize = 64 * 1024

    /// The gzip program at work.
    private struct Child {
        let process: pid_t
        /// What it complains about.
        let errors: Int32
    }

    /// A digest of all that was read, the same for the same content: of each piece, with the digest
    /// of what is before it in front.
    private(set) var digest = SHA256.hash([])
    let path: String
    private let input: Int32
    private var child: Child?
    private var piece = [UInt8](repeating: 0, count: ImportContent.pieceSize)

    fileprivate init(
        path: String, _ descriptor: Int32, isCompressed: Bool
    ) throws(CommandFailure) {
        self.path = path
        guard isCompressed else {
            input = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
            return
        }
        (input, child) = try Self.gzip(descriptor)
    }

    deinit {
        close(input)
        // Somebody stopped reading: it has nothing to finish.
        if let child {
            kill(child.process, SIGKILL)
            _ = Self.end(of: child)
        }
    }

    /// The next piece, full but for the last; nil at the end.
    ///
    /// - Throws: where the file cannot be read, or is damaged.
    func next() throws(CommandFailure) -> ArraySlice<UInt8>? {
        var count = 0
        while count < piece.count {
            let got = piece.withUnsafeMutableBytes { bytes in
                read(input, bytes.baseAddress.map { $0 + count }, bytes.count - count)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else {
                throw CommandFailure("\(path) cannot be read: \(ImportFile.reason(errno))")
            }
            if got == 0 { break }
            count += got
        }
        guard count > 0 else {
            try finish()
            return nil
        }
        digest = SHA256.hash(digest.bytes, piece[..<count])
        return piece[..<count]
    }

    /// All is read: gzip must say that it was all there.
    private func finish() throws(CommandFailure) {
        guard let child else { return }
        self.child = nil
        let (code, errors) = Self.end(of: child)
        guard code == 0 else {
            throw CommandFailure(
                "\(path) is damaged or cut off: gzip ended with \(code) (\(errors)); "
                    + "get the file again")
        }
    }

    private static func gzip(_ descriptor: Int32) throws(CommandFailure) -> (Int32, Child) {
        let output = try pipe()
        let errors = try pipe()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            close(output.writing)
            close(errors.writing)
        }
        posix_spawn_file_actions_adddup2(&actions, descriptor, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output.writing, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors.writing, STDERR_FILENO)
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("gzip"), strdup("-dc"), nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, "gzip", &actions, nil, &arguments, environ)
        guard code == 0 else {
            close(output.reading)
            close(errors.reading)
            throw CommandFailure(
                "gzip cannot be run: \(ImportFile.reason(code)); install it, or unpack the file")
        }
        return (output.reading, Child(process: process, errors: errors.reading))
    }

    /// Both ends are closed in programs that are started.
    private static func pipe() throws(CommandFailure) -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else {
            throw CommandFailure("no pipe can be made: \(ImportFile.reason(errno))")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// Waits for its end: the exit code, or 128 and the signal it died of, and what it said.
    private static func end(of child: Child) -> (code: Int32, errors: String) {
        var said = [UInt8](repeating: 0, count: 500)
        let count = max(0, read(child.errors, &said, said.count))
        close(child.errors)
        var raw: Int32 = 0
        while waitpid(child.process, &raw, 0) < 0, errno == EINTR {}
        let signal = raw & 0x7F
        let errors = said[..<count].split { $0 == 0x0A }
            .map { String(decoding: $0, as: UTF8.self) }.joined(separator: "; ")
        return (signal == 0 ? (raw >> 8) & 0xFF : 128 + signal, errors)
    }
}

import Arguments
import Glibc

/// Where an export goes: standard output, or a file that is there whole or not at all.
struct FileOutput {
    static let options = [
        Option.value(
            "output", "FILE",
            "the file to write, which its owner alone may read; standard output without"),
        .flag("force", "replace the file where it exists"),
    ]

    /// Nil for standard output.
    private let path: String?

    /// - Throws: `UsageError` for `--force` without a file, `CommandFailure` where the file may not
    ///   be written.
    init(_ invocation: Invocation) throws {
        path = invocation.optionalText("output")
        let isForced = invocation.flag("force")
        guard let path else {
            if isForced { throw invocation.error(.needs("--force", "--output FILE")) }
            return
        }
        guard !path.isEmpty else {
            throw invocation.invalid("--output", path, expected: "a file's name")
        }
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CommandFailure("\(path) is no ordinary file; name another with --output")
        }
        guard isForced else {
            throw CommandFailure("\(path) exists; replace it with --force, or name another file")
        }
    }

    /// Whether a file is written, so that progress may be shown on a terminal.
    var isFile: Bool { path != nil }

    /// Writes what `body` writes. A file gets its name when all of it is on disk; Ctrl-C leaves
    /// none.
    ///
    /// - Throws: what `body` throws, `CommandFailure`.
    func write(_ body: (inout LineOutput) throws -> Void) throws {
        guard let path else {
            var output = LineOutput.standard
            try body(&output)
            return try output.flush()
        }
        Interruption.hold()
        let draft = "\(path).partial-\(getpid())"
        // Events hold payment tokens and sealed contacts.
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure("cannot make \(draft)") }
        do {
            defer { close(descriptor) }
            var output = LineOutput(descriptor: descriptor, name: draft)
            try body(&output)
            try output.flush()
            try Interruption.check()
            guard fsync(descriptor) == 0 else { throw Self.failure("cannot sync \(draft)") }
            guard rename(draft, path) == 0 else { throw Self.failure("cannot make \(path)") }
        } catch {
            unlink(draft)
            throw error
        }
        Self.syncFolder(of: path)
    }

    /// So that the name survives a loss of power as well.
    private static func syncFolder(of path: String) {
        let parts = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[...$0]) }
        let folder = open(parts ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    private static func failure(_ what: String) -> CommandFailure {
        CommandFailure(
            "\(what): \(String(cString: strerror(errno))); name another place with --output")
    }
}

/// Ctrl-C and its like, held back while a file is half written.
enum Interruption {
    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    /// From here on they wait for `check`.
    static func hold() {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// - Throws: `CommandFailure` where one of them has come.
    static func check() throws {
        var set = sigset_t()
        sigpending(&set)
        guard signals.contains(where: { sigismember(&set, $0) == 1 }) else { return }
        throw CommandFailure("interrupted; nothing was written")
    }
}

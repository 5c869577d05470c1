import EventSourcing
import Glibc

/// A part of the shop that runs as a process below this one, and what it writes.
final class ChildProcess {
    /// How a process ended.
    enum End: Hashable, CustomStringConvertible {
        case code(Int32)
        case signal(Int32)

        var description: String {
            switch self {
            case .code(let code): "exit code \(code)"
            case .signal(let signal): "signal \(signal)"
            }
        }
    }

    /// One of its two streams, cut into lines.
    struct Pipe {
        let descriptor: Int32
        fileprivate var rest: [UInt8] = []

        fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }
    }

    /// A longer line is cut.
    private static let longestLine = 16 * 1024

    let process: pid_t
    /// Nil where it has ended.
    private(set) var output: Pipe?
    private(set) var errors: Pipe?

    /// Runs this program with other arguments, in a group of its own, so that a terminal's Ctrl-C
    /// reaches the supervisor alone.
    ///
    /// - Throws: `Shop.Failure`.
    init(_ arguments: [String], environment: [String]) throws(Shop.Failure) {
        let output = try Self.pipe()
        defer { close(output.write) }
        let errors: (read: Int32, write: Int32)
        do throws(Shop.Failure) { errors = try Self.pipe() } catch {
            close(output.read)
            throw error
        }
        defer { close(errors.write) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.write, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors.write, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The supervisor hears some signals by itself; whom it starts must hear them as usual.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        var (values, names) = (arguments.map { strdup($0) }, environment.map { strdup($0) })
        defer { for text in values + names { free(text) } }
        values.append(nil)
        names.append(nil)
        var process: pid_t = 0
        let code = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, values, names)
        guard code == 0 else {
            close(output.read)
            close(errors.read)
            throw .cannotStart("a process cannot be started: \(String(cString: strerror(code)))")
        }
        self.process = process
        (self.output, self.errors) = (Pipe(output.read), Pipe(errors.read))
    }

    deinit {
        if let output { close(output.descriptor) }
        if let errors { close(errors.descriptor) }
    }

    private static func pipe() throws(Shop.Failure) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else {
            throw .cannotStart("no pipe can be made: \(String(cString: strerror(errno)))")
        }
        // Nobody else starts processes here meanwhile.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        return (ends[0], ends[1])
    }

    func signal(_ number: Int32) { kill(process, number) }

    /// How it ended; nil while it runs. Asked until then, and not again.
    func ended() -> End? {
        var raw: Int32 = 0
        guard waitpid(process, &raw, WNOHANG) == process else { return nil }
        let signal = raw & 0x7F
        return signal == 0 ? .code((raw >> 8) & 0xFF) : .signal(signal)
    }

    /// The lines that have come; the rest of a stream that ended is one.
    func lines() -> [(text: String, isError: Bool)] {
        Self.lines(&output).map { ($0, false) } + Self.lines(&errors).map { ($0, true) }
    }

    private static func lines(_ pipe: inout Pipe?) -> [String] {
        guard var open = pipe else { return [] }
        var lines: [String] = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = read(open.descriptor, &chunk, chunk.count)
            if count > 0 {
                open.rest += chunk[..<count]
                while let end = open.rest.firstIndex(of: UInt8(ascii: "\n")) {
                    lines.append(String(decoding: open.rest[..<end], as: UTF8.self))
                    open.rest.removeFirst(end + 1)
                }
                if open.rest.count > longestLine {
                    lines.append(String(decoding: open.rest, as: UTF8.self))
                    open.rest = []
                }
                continue
            }
            guard count == 0 || (errno != EAGAIN && errno != EINTR) else {
                pipe = open
                return lines
            }
            if !open.rest.isEmpty { lines.append(String(decoding: open.rest, as: UTF8.self)) }
            close(open.descriptor)
            pipe = nil
            return lines
        }
    }
}

import Foundation
import Glibc
import Synchronization

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A process of our own, its output in two files; killed when nobody holds it any more.
final class Child: Sendable {
    let process: pid_t
    private let output: String
    private let status = Mutex<Int32?>(nil)

    /// - Parameter output: where its two streams go, with `.out` and `.err` added.
    init(_ command: [String], output: String) throws {
        self.output = output
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output + ".out", flags, 0o600)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, output + ".err", flags, 0o600)
        var arguments = command.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // We may be on a thread that hears no signals, or under a shell that has us ignore Ctrl-C;
        // whom we start must not.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigaddset(&signals, SIGINT)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        let code = posix_spawnp(&process, command[0], &actions, &attributes, arguments, environ)
        guard code == 0 else { throw Failure("cannot run \(command[0]): errno \(code)") }
        self.process = process
    }

    deinit { kill() }

    var standardOutput: String { Self.text(output + ".out") }
    var standardError: String { Self.text(output + ".err") }

    private static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Its exit code, or 128 and the signal it died of; nil while it runs.
    var exitCode: Int32? {
        status.withLock { status in
            if let status { return status }
            var raw: Int32 = 0
            guard waitpid(process, &raw, WNOHANG) == process else { return nil }
            let signal = raw & 0x7F
            status = signal == 0 ? (raw >> 8) & 0xFF : 128 + signal
            return status
        }
    }

    func signal(_ number: Int32) { if exitCode == nil { Glibc.kill(process, number) } }

    /// Waits for its end.
    func end(within limit: Double = 60) throws -> Int32 {
        try eventually("process \(process) ends", within: limit) { exitCode }
    }

    /// The processes that it has started and that run.
    var children: [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { process in
            let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
            // Behind the name, which may hold anything: its state, and who started it.
            let rest = status?.split(separator: ")").last?.split(separator: " ") ?? []
            return rest.count > 1 && rest[1] == "\(self.process)" && rest[0] != "Z"
        }
    }

    /// Ends it as a loss of power to the process would: it can do nothing about it.
    func kill() {
        guard exitCode == nil else { return }
        Glibc.kill(process, SIGKILL)
        _ = try? end()
    }
}

/// By how much all limits are longer: `KASSA_PATIENCE`, for a program that a sanitizer slows down.
let patience =
    ProcessInfo.processInfo.environment["KASSA_PATIENCE"]
    .flatMap { Double($0) }.map { max($0, 1) } ?? 1

/// Asks until there is an answer, and fails when there is none in time.
func eventually<Value>(
    _ what: String, within limit: Double = 60, _ ask: () throws -> Value?
) throws -> Value {
    let limit = limit * patience
    let end = Date() + limit
    while true {
        if let value = try ask() { return value }
        guard Date() < end else { throw Failure("not within \(limit) s: \(what)") }
        usleep(5000)
    }
}

/// Asks until it is so.
func eventually(_ what: String, within limit: Double = 60, _ ask: () throws -> Bool) throws {
    let _: Bool = try eventually(what, within: limit) { try ask() ? true : nil }
}

/// Runs `body` on as many threads as it is told, and waits for all.
func inParallel<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) -> Value
) -> [Value] {
    let results = Results<Value>()
    let group = DispatchGroup()
    for index in 0..<count {
        group.enter()
        let thread = Thread {
            let value = body(index)
            results.values.withLock { $0.append(value) }
            group.leave()
        }
        thread.start()
    }
    group.wait()
    return results.values.withLock { $0 }
}

private final class Results<Value: Sendable>: Sendable {
    let values = Mutex<[Value]>([])
}

import EventSourcing
import Foundation
import Glibc

/// A shop whose parts are started one by one, each by a build of its own.
final class HandRunShop {
    static let parts = ["broker", "orders", "payments", "deliveries", "notifications", "gateway"]

    let folder: Folder
    private var children: [String: Child] = [:]
    private var ports: [String: UInt16] = [:]
    private var runs = 0

    init(_ folder: Folder) { self.folder = folder }

    /// Starts a part, at the port that it had before, and waits until it says that it is ready.
    ///
    /// - Parameters:
    ///   - program: the build that runs it.
    ///   - prefix: a command that runs that, `["env", "A=b"]`.
    func start(_ part: String, by program: String, prefix: [String] = []) throws {
        runs += 1
        var command =
            prefix + [
                program, "serve", part, "--json", "--data", folder.data, "--port",
                "\(ports[part] ?? 0)",
            ]
        command +=
            part == "broker"
            ? ["--shop"] : ["--broker", "nats://127.0.0.1:\(ports["broker"] ?? 0)"]
        children[part] = try Child(command, output: "\(folder.path)/\(part)-\(runs)")
    }

    /// Waits until a part says that it is ready.
    func waitUntilReady(_ part: String) throws {
        guard let child = children[part] else { throw Failure("\(part) was not started") }
        ports[part] = try eventually("\(part) is ready") { () -> UInt16? in
            if let code = child.exitCode {
                throw Failure("\(part): \(code), \(child.standardError)")
            }
            guard child.standardOutput.hasSuffix("\n"),
                let url = try JSON(parsing: Array(child.standardOutput.utf8))["url"]?.string
            else { return nil }
            return url.split(separator: ":").last.flatMap { UInt16($0) }
        }
    }

    /// Ends a part as an operator does, and has another build run it.
    func exchange(_ part: String, for program: String) throws {
        try stop(part)
        try start(part, by: program)
        try waitUntilReady(part)
    }

    func stop(_ part: String) throws {
        guard let child = children[part] else { return }
        child.signal(SIGTERM)
        let code = try child.end()
        guard code == 0 else { throw Failure("\(part) ended with \(code): \(child.standardError)") }
        children[part] = nil
    }

    /// The shop as its clients see it.
    func gateway() throws -> RunningShop {
        guard let child = children["gateway"], let port = ports["gateway"] else {
            throw Failure("the gateway was not started")
        }
        return RunningShop(folder, child, port: port)
    }
}

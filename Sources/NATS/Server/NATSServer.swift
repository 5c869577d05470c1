import Glibc
import Net

/// Why a server did not start.
package enum NATSServerError: Error, Hashable, Sendable, CustomStringConvertible {
    case invalidAddress(String)
    case portTaken(UInt16)
    case system(String)

    package var description: String {
        switch self {
        case .invalidAddress(let text):
            "\"\(text)\" is no address to listen at; give a numeric one, such as 127.0.0.1"
        case .portTaken(let port):
            "port \(port) is taken by another process; "
                + "stop it, or take another port (0: a free one)"
        case .system(let text): "the system refused to open a server: \(text)"
        }
    }
}

/// A server of the NATS client protocol, on one thread of its own. Runs until `stop`.
package final class NATSServer: Sendable {
    /// The port it listens at, also where 0 was asked for.
    package let port: UInt16
    private let calls: ServerCalls
    private let finished: EventSignal

    /// - Parameters:
    ///   - address: a numeric IPv4 or IPv6 address.
    ///   - port: 0 for a free one.
    ///   - info: what clients are told of it; address, port and limits are filled in.
    ///   - services: makes the server's own services, on its thread, before the first client;
    ///     `wake` has them work soon, and may be called from any thread.
    package static func start(
        address: String = "127.0.0.1", port: UInt16 = 4222, info: ServerInfo,
        limits: ServerLimits = ServerLimits(), login: Login = .anybody,
        notices: @escaping @Sendable (String) -> Void = { _ in },
        services:
            @escaping @Sendable (Hub, _ wake: @escaping @Sendable () -> Void) -> [any HubService] =
            { _, _ in [] }
    ) throws(NATSServerError) -> NATSServer {
        guard let resolved = Socket.resolve(address, port: port, numeric: true).first else {
            throw .invalidAddress(address)
        }
        var info = info
        (info.host, info.maximumPayload) = (address, limits.payload)
        info.requiresLogin = login.isRequired
        do throws(SystemError) {
            let listener = try Socket.listen(resolved, backlog: 1024)
            info.port = Socket.localPort(listener)
            let calls = try ServerCalls()
            let gate = try ServerLoop.Gate(listener, calls)
            let server = NATSServer(port: info.port, calls, finished: try EventSignal())
            let finished = server.finished
            try NetThread.start("nats") { [info] in
                let hub = Hub(info: info, limits: limits, login: login)
                let made = services(hub) { calls.post(.wake) }
                ServerLoop(hub, limits, login, gate, notices, made).run()
                finished.raise()
            }
            return server
        } catch {
            switch error.code {
            case EADDRINUSE: throw .portTaken(port)
            case EADDRNOTAVAIL: throw .invalidAddress(address)
            default: throw .system(error.description)
            }
        }
    }

    private init(port: UInt16, _ calls: ServerCalls, finished: EventSignal) {
        (self.port, self.calls, self.finished) = (port, calls, finished)
    }

    deinit { calls.post(.stop(.zero)) }

    /// Takes no more connections, tells clients that it goes, and closes once all have left, at
    /// most about `grace` later.
    package func stop(within grace: Duration = .seconds(10)) {
        calls.post(.stop(grace))
        finished.wait()
    }
}

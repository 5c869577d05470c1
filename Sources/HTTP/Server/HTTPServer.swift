import Glibc
import Net
import Synchronization

/// Why a server did not start.
package enum HTTPServerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not a numeric address of this machine.
    case invalidAddress(String)
    /// Another process has the port.
    case portTaken(UInt16)
    /// The system refused; what it said.
    case system(String)

    /// What happened and what to do.
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

/// An HTTP/1.1 server (RFC 9110, 9112) on one thread of its own.
///
///     let server = try HTTPServer.start(port: 0) { request, responder in
///         responder.respond(.text(200, "hello"))
///     }
///     print(server.port)
///     server.stop()
///
/// Runs until `stop`; the last reference going away stops it at once.
package final class HTTPServer: Sendable {
    struct Setup: Sendable {
        let limits: HTTPServerLimits
        let renderError: ErrorRenderer
        let handler: HTTPHandler
        let statistics: HTTPServerStatistics
    }

    /// The port it listens at, also where 0 was asked for.
    package let port: UInt16
    private let mailbox: Mailbox
    private let finished: EventSignal
    private let thread: Mutex<pthread_t?> = Mutex(nil)

    /// Listens and starts the thread.
    ///
    /// - Parameters:
    ///   - address: A numeric IPv4 or IPv6 address.
    ///   - port: 0 for a free one.
    ///   - renderError: Makes the answers for protocol errors, time limits, and dropped responders.
    ///   - statistics: Counts this server's connections.
    ///   - handler: Called on the reactor's thread; may not block.
    package static func start(
        address: String = "127.0.0.1", port: UInt16 = 0, limits: HTTPServerLimits = .init(),
        renderError: @escaping ErrorRenderer = { .text($0, $1) },
        statistics: HTTPServerStatistics = HTTPServerStatistics(), handler: @escaping HTTPHandler
    ) throws(HTTPServerError) -> HTTPServer {
        guard let resolved = Socket.resolve(address, port: port, numeric: true).first else {
            throw .invalidAddress(address)
        }
        do {
            let listener = try Socket.listen(resolved, backlog: limits.backlog)
            let setup = Setup(
                limits: limits, renderError: renderError, handler: handler,
                statistics: statistics)
            return try HTTPServer(setup, listener)
        } catch {
            switch error.code {
            case EADDRINUSE: throw .portTaken(port)
            case EADDRNOTAVAIL: throw .invalidAddress(address)
            default: throw .system(error.description)
            }
        }
    }

    private init(_ setup: Setup, _ listener: Descriptor) throws(SystemError) {
        let mailbox = try Mailbox()
        let finished = try EventSignal()
        self.mailbox = mailbox
        self.finished = finished
        port = Socket.localPort(listener)
        let epoll = try Epoll()
        let signal = mailbox.signal.descriptor.number
        try epoll.add(signal, .readable, token: Reactor.signalToken)
        try epoll.add(listener.number, .readable, token: Reactor.listenerToken)
        let id = try NetThread.start("http") {
            Reactor(setup, epoll, listener, mailbox).run()
            finished.raise()
        }
        thread.withLock { $0 = id }
    }

    deinit { mailbox.post(.stop(.zero)) }

    /// Stops accepting, lets requests in flight be answered, and closes.
    ///
    /// Returns once all is closed, at most about `grace` later; what is unanswered then is cut.
    /// Callable from any thread and repeatedly; on the reactor's own it returns at once.
    package func stop(within grace: Duration = .seconds(10)) {
        mailbox.post(.stop(grace))
        let own = thread.withLock { $0 }
        if let own, pthread_equal(own, pthread_self()) != 0 { return }
        finished.wait()
    }
}

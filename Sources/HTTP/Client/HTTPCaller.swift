import Glibc
package import Net
import Synchronization

/// A non-blocking HTTP/1.1 client for many small calls between processes (RFC 9110, 9112).
///
///     let caller = try HTTPCaller()
///     caller.send(request, to: HTTPPlace(host: "127.0.0.1", port: 8080)) { result in ... }
///     caller.stop()
///
/// One thread of its own owns all connections and keeps them open. Requests are pipelined: what is
/// handed over while it works goes out together. Nothing is ever sent twice. Looking up the name
/// of a new place holds up the calls to all others; give numeric addresses where that matters.
/// What it knows of a place stays until it is stopped: it is for a fixed few of them.
package final class HTTPCaller: Sendable {
    /// Time limits and sizes.
    package struct Options: Hashable, Sendable {
        /// For each address of the host.
        package var connectTimeout = Duration.seconds(1)
        /// From the moment a request is handed over to its whole answer.
        package var answerTimeout = Duration.seconds(5)
        /// To one place; at least one.
        package var connections = 2
        /// Requests on one connection whose answers are awaited (RFC 9112, 9.3.2); at least one.
        package var inFlight = 64
        /// For one place, over all that is on its way; above it a request is refused at once. At
        /// least one.
        package var waiting = 1024
        /// After so long without a request a connection is closed: before the server does so.
        package var idleTimeout = Duration.seconds(30)
        /// What an answer may take.
        package var message = MessageLimits()

        /// The defaults.
        package init() {}
    }

    /// Why a request has no answer, with the place and the reason.
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// Not a byte of it was sent: it cannot have been carried out.
        case notSent(String)
        /// It was sent, at least in part, and no whole answer came: it may have been carried out.
        case unanswered(String)
        /// Too many wait for that place already; nothing was sent.
        case full(String)

        /// What happened and what it means.
        package var description: String {
            switch self {
            case .notSent(let why): "not sent: \(why)"
            case .unanswered(let why):
                "no answer: \(why); whether the request took effect is unknown"
            case .full(let why): "not sent, as too many wait: \(why)"
            }
        }
    }

    private let options: Options
    private let mailbox: CallMailbox
    private let finished: EventSignal
    private let thread: Mutex<pthread_t?> = Mutex(nil)

    /// Starts the thread; connects with the first request for a place.
    ///
    /// - Throws: where the system has no descriptor or thread left.
    package init(options: Options = Options()) throws(SystemError) {
        let mailbox = try CallMailbox(most: options.waiting)
        let finished = try EventSignal()
        let epoll = try Epoll()
        (self.options, self.mailbox, self.finished) = (options, mailbox, finished)
        try epoll.add(
            mailbox.signal.descriptor.number, .readable, token: CallLoop.signalToken)
        let id = try NetThread.start("http-calls") {
            CallLoop(options, epoll, mailbox).run()
            finished.raise()
        }
        thread.withLock { $0 = id }
    }

    deinit { mailbox.stop() }

    /// Hands a request over, and never blocks. `Host` (where missing) and `Content-Length` are
    /// added.
    ///
    /// - Parameters:
    ///   - within: for this one, in place of `Options.answerTimeout`.
    ///   - reply: Called once, on the caller's thread, where it may not block and may send again;
    ///     or on the calling one before `send` returns: for `full`, and once it is stopped. An
    ///     answer of any status is a success.
    package func send(
        _ request: HTTPRequest, to place: HTTPPlace, within: Duration? = nil,
        reply: @escaping @Sendable (Result<HTTPResponse, Failure>) -> Void
    ) {
        let limit = within ?? options.answerTimeout
        if let failure = mailbox.post(request, place, within: limit, reply) {
            reply(.failure(failure))
        }
    }

    /// How many requests have no answer yet, to all places.
    package var waiting: Int { mailbox.waiting }

    /// Fails what is under way, closes all connections and ends the thread.
    ///
    /// Returns once all replies were called. Callable from any thread and repeatedly; on the
    /// caller's own it returns at once.
    package func stop() {
        mailbox.stop()
        let own = thread.withLock { $0 }
        if let own, pthread_equal(own, pthread_self()) != 0 { return }
        finished.wait()
    }
}

import CPlatform
import Glibc
import Net

/// The thread that owns the listener and all connections.
///
/// Made and run on that one thread and never leaves it, so it needs no lock; the mailbox is the
/// only way in.
final class Reactor {
    static let listenerToken: UInt64 = 0
    static let signalToken: UInt64 = 1

    let limits: HTTPServerLimits
    let handler: HTTPHandler
    let renderError: ErrorRenderer
    let statistics: HTTPServerStatistics
    let mailbox: Mailbox
    let epoll: Epoll
    var listener: Descriptor?
    /// While descriptors or memory are short the listener is not watched: it would stay ready
    /// and spin the loop.
    var acceptsAgainAt: Moment?
    var connections: [UInt64: Connection] = [:]
    var nextID: UInt64 = 2
    /// Those that had an event in this turn.
    var touched: [Connection] = []
    var now = Moment.now()
    /// Received on all connections and not yet handed to handlers.
    var received = 0
    /// Answers on all connections that their clients have not taken.
    var unsent = 0
    var date = HTTPDate()
    /// Set once stopping: what is not finished by then is cut.
    var endsBy: Moment?
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)

    init(_ setup: HTTPServer.Setup, _ epoll: Epoll, _ listener: Descriptor, _ mailbox: Mailbox) {
        limits = setup.limits
        handler = setup.handler
        renderError = setup.renderError
        statistics = setup.statistics
        self.epoll = epoll
        self.listener = listener
        self.mailbox = mailbox
    }

    deinit { scratch.deallocate() }

    func run() {
        _ = kassa_stage_enter(KASSA_STAGE_PARSE)
        var ready = [kassa_ready](repeating: kassa_ready(), count: Epoll.batch)
        var nextSweep = now + limits.tick
        while !isFinished {
            let idle = connections.isEmpty && acceptsAgainAt == nil && endsBy == nil
            let timeout = idle ? nil : now.milliseconds(until: nextSweep)
            let count = epoll.wait(&ready, milliseconds: mailbox.sleep() ? timeout : 0)
            now = Moment.now()
            for event in ready.prefix(count) { dispatch(event) }
            answerTouched()
            readMail()
            if now >= nextSweep {
                sweep()
                readMail()
                nextSweep = now + limits.tick
            }
        }
        for connection in connections.values { close(connection) }
        mailbox.close()
    }

    /// Answers go out once all that has arrived is taken in: each of them wakes a client, whose
    /// next request would make the turns short and many.
    private func answerTouched() {
        for connection in touched { answer(connection) }
        touched.removeAll(keepingCapacity: true)
    }

    private var isFinished: Bool {
        guard let endsBy else { return false }
        return connections.isEmpty || now >= endsBy
    }

    private func dispatch(_ event: kassa_ready) {
        switch event.token {
        case Reactor.listenerToken: accept()
        case Reactor.signalToken: mailbox.signal.lower()
        default:
            guard let connection = connections[event.token] else { return }
            handle(Epoll.Interest(rawValue: event.events), connection)
        }
    }

    /// Answers may let buffered requests go to handlers that answer at once: hence the loop, which
    /// ends because nothing new is read from sockets in it.
    private func readMail() {
        while true {
            let messages = mailbox.take()
            if messages.isEmpty { return }
            var touched: [UInt64] = []
            for message in messages {
                switch message {
                case .stop(let grace): beginStop(grace)
                case .answer(let id, let request, let response):
                    guard let connection = connections[id] else { continue }
                    let answer = response ?? renderError(500, "The request was not answered.")
                    connection.pipeline.answer(request, answer)
                    if touched.last != id { touched.append(id) }
                }
            }
            for id in touched { connections[id].map(proceed) }
        }
    }

    private func beginStop(_ grace: Duration) {
        let end = now + grace
        endsBy = endsBy.map { min($0, end) } ?? end
        // At once, for whoever connects from now on would wait for nobody.
        listener?.close()
        listener = nil
        acceptsAgainAt = nil
        for connection in connections.values {
            connection.takesNoMore = true
            if connection.pipeline.isEmpty && connection.waitingOutput == 0 {
                close(connection)
            } else {
                proceed(connection)
            }
        }
    }

    private func sweep() {
        if let again = acceptsAgainAt, now >= again { watchListener() }
        for connection in connections.values { checkTime(connection) }
    }
}

import CPlatform
import Net

/// The thread that owns the caller's connections.
///
/// Made and run on that one thread and never leaves it, so it needs no lock; the mailbox is the
/// only way in. In a turn it reads all answers there are, takes the calls that came, also from
/// replies to these answers, and then sends: once for each connection.
final class CallLoop {
    static let signalToken: UInt64 = 0
    static let stopReason = "the caller is stopped"

    let options: HTTPCaller.Options
    let epoll: Epoll
    let mailbox: CallMailbox
    /// By the number of the place's account.
    var routes: [CallRoute] = []
    var connections: [UInt64: CallConnection] = [:]
    var nextID: UInt64 = 1
    var now = Moment.now()
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    /// Those that may have something to send.
    private var touched: [CallRoute] = []
    /// No time limit ends before.
    private var wake = Moment.never

    init(_ options: HTTPCaller.Options, _ epoll: Epoll, _ mailbox: CallMailbox) {
        (self.options, self.epoll, self.mailbox) = (options, epoll, mailbox)
    }

    deinit { scratch.deallocate() }

    func run() {
        var ready = [kassa_ready](repeating: kassa_ready(), count: Epoll.batch)
        var calls: [Call] = []
        var goesOn = true
        while goesOn {
            let count = epoll.wait(&ready, milliseconds: mailbox.sleep() ? timeout : 0)
            now = Moment.now()
            for event in ready.prefix(count) { dispatch(event) }
            goesOn = mailbox.take(&calls)
            for call in calls { admit(call) }
            calls.removeAll(keepingCapacity: true)
            if goesOn { proceed() }
        }
        finish()
    }

    private var timeout: Int32? {
        wake == .never ? nil : Moment.now().milliseconds(until: wake)
    }

    func touch(_ route: CallRoute) {
        guard !route.isTouched else { return }
        route.isTouched = true
        touched.append(route)
    }

    /// Sees to it that time limits are looked at by then.
    func look(at moment: Moment) { wake = min(wake, moment) }

    private func dispatch(_ event: kassa_ready) {
        if event.token == CallLoop.signalToken {
            mailbox.signal.lower()
        } else if let connection = connections[event.token] {
            handle(Epoll.Interest(rawValue: event.events), connection)
        }
    }

    private func admit(_ call: Call) {
        // Numbered as they are first named, of which a call is the first sign.
        if call.account.number == routes.count { routes.append(CallRoute(call.account)) }
        let route = routes[call.account.number]
        route.waiting.append(call)
        look(at: call.deadline)
        touch(route)
    }

    private func proceed() {
        if now >= wake {
            wake = .never
            for route in routes { checkTime(route) }
        }
        while let route = touched.popLast() {
            route.isTouched = false
            proceed(route)
        }
    }

    /// Hands waiting calls to connections as far as these take them, and sends.
    private func proceed(_ route: CallRoute) {
        var areBusy = false
        while !route.waiting.isEmpty {
            var hasNew = false
            while let call = route.waiting.first,
                let connection = route.leastBusy(options.inFlight)
            {
                if !connection.sent.isEmpty { areBusy = true }
                route.waiting.popFirst()
                connection.append(call)
                hasNew = true
            }
            guard hasNew else { break }
            for connection in route.connections where !connection.isBlocked { flush(connection) }
        }
        if areBusy || !route.waiting.isEmpty, route.canOpen(options.connections) { open(route) }
    }

    /// Fails the calls whose time is over, and ends connections of which nothing is expected.
    private func checkTime(_ route: CallRoute) {
        if let again = route.opensAgainAt {
            if again <= now { route.opensAgainAt = nil } else { look(at: again) }
        }
        var unsent: [Call] = []
        route.waiting.keep { call in
            if call.deadline <= now {
                unsent.append(call)
                return false
            }
            look(at: call.deadline)
            return true
        }
        var unanswered: [Call] = []
        for connection in route.connections {
            if let until = connection.connectsUntil {
                if until > now { look(at: until) } else { giveUpConnecting(connection) }
                continue
            }
            look(at: connection.expire(now) { unanswered.append($0) })
            if let oldest = connection.sent.first {
                if oldest.cutBy <= now { end(connection, "it answers no more") }
            } else if connection.idleSince + options.idleTimeout <= now {
                end(connection, "idle")
            } else {
                look(at: connection.idleSince + options.idleTimeout)
            }
        }
        let name = route.account.name
        for call in unsent {
            call.settle(.failure(.notSent("\(name): it could not be sent within \(call.limit)")))
        }
        for call in unanswered {
            call.settle(.failure(.unanswered("\(name): no whole answer within \(call.limit)")))
        }
        touch(route)
    }

    private func finish() {
        for connection in Array(connections.values) { end(connection, CallLoop.stopReason) }
        for route in routes {
            while let call = route.waiting.popFirst() {
                call.settle(.failure(.notSent("\(route.account.name): \(CallLoop.stopReason)")))
            }
        }
    }
}

import CPlatform
import Glibc
import Net

/// The thread that owns the listener, all connections and the hub; made and run there alone.
final class ServerLoop {
    /// A connection's socket, and what has come of an operation that is not whole.
    final class Link {
        let session: Session
        let socket: Descriptor
        var parser: ClientParser
        /// Of `session.output`, what was sent.
        var sent = 0
        var watches: Epoll.Interest = .readable
        /// Since when nothing of what waits was taken.
        var stuckSince: Moment?
        /// Since when so much waits that those who publish to it are held up.
        var crowdedSince: Moment?
        /// Until when it must have said who it is.
        let loginBy: Moment
        var pingAt: Moment

        let peer: String
        var endsBecause: String?

        init(
            _ session: Session, _ socket: Descriptor, _ peer: String, _ limits: ServerLimits,
            now: Moment
        ) {
            (self.session, self.socket, self.peer) = (session, socket, peer)
            var bounds = ClientParser.Limits()
            (bounds.controlLine, bounds.payload) = (limits.controlLine, limits.payload)
            parser = ClientParser(limits: bounds)
            loginBy = now + limits.loginDeadline
            pingAt = now + limits.pingInterval
        }

        var waiting: Int { session.output.count - sent }
    }

    private static let listenerToken: UInt64 = 0
    private static let signalToken: UInt64 = 1
    private static let tick = Duration.milliseconds(100)

    /// What the thread waits at, opened before it starts.
    struct Gate: Sendable {
        let epoll: Epoll
        let listener: Descriptor
        let calls: ServerCalls

        init(_ listener: Descriptor, _ calls: ServerCalls) throws(SystemError) {
            (self.listener, self.calls) = (listener, calls)
            epoll = try Epoll()
            try epoll.add(listener.number, .readable, token: listenerToken)
            try epoll.add(calls.signal.descriptor.number, .readable, token: signalToken)
        }
    }

    private let limits: ServerLimits
    private let login: Login
    private let hub: Hub
    private let epoll: Epoll
    private var listener: Descriptor?
    private let calls: ServerCalls
    private let notices: @Sendable (String) -> Void
    private let services: [any HubService]
    private var links: [UInt64: Link] = [:]
    private var nextID: UInt64 = 2
    private var now = Moment.now()
    /// How many connections have more waiting for them than is good.
    private var crowded: Set<UInt64> = []
    /// Those that publish to such a one, and are not read from until it has caught up.
    private var slowed: Set<UInt64> = []
    /// Those that have more answers waiting than they read.
    private var full: Set<UInt64> = []
    /// Whether no connection can be taken for want of descriptors.
    private var isAcceptPaused = false
    private var endsBy: Moment?
    private let scratch = UnsafeMutableRawBufferPointer.allocate(
        byteCount: 256 * 1024, alignment: 16)

    init(
        _ hub: Hub, _ limits: ServerLimits, _ login: Login, _ gate: Gate,
        _ notices: @escaping @Sendable (String) -> Void, _ services: [any HubService]
    ) {
        (self.hub, self.limits, self.login) = (hub, limits, login)
        (epoll, listener, calls) = (gate.epoll, gate.listener, gate.calls)
        (self.notices, self.services) = (notices, services)
        hub.attach(services)
    }

    deinit { scratch.deallocate() }

    func run() {
        var ready = [kassa_ready](repeating: kassa_ready(), count: Epoll.batch)
        var nextSweep = now + Self.tick
        var wake = haveServicesWork()
        while !isFinished {
            if !slowed.isEmpty, crowded.isEmpty { wake = now }
            if full.contains(where: { links[$0].map(hasRoom) ?? true }) { wake = now }
            let count = epoll.wait(&ready, now: now, until: min(nextSweep, wake ?? nextSweep))
            now = Moment.now()
            hub.now = now
            for event in ready.prefix(count) { dispatch(event) }
            carryOutCalls()
            resumeSlowed()
            resumeFull()
            wake = haveServicesWork()
            flushTouched()
            if now >= nextSweep {
                sweep()
                nextSweep = now + Self.tick
            }
        }
        for id in Array(links.keys) { close(id, "the server stops") }
    }

    private func haveServicesWork() -> Moment? {
        services.compactMap { $0.work(at: now) }.min()
    }

    private var isFinished: Bool { endsBy.map { links.isEmpty || now >= $0 } ?? false }

    private func dispatch(_ event: kassa_ready) {
        switch event.token {
        case Self.listenerToken: accept()
        case Self.signalToken: calls.signal.lower()
        default:
            guard let link = links[event.token] else { return }
            let interest = Epoll.Interest(rawValue: event.events)
            if interest.contains(.writable) { flush(link) }
            guard links[event.token] != nil else { return }
            if interest.contains(.readable) {
                receive(link)
            } else if !interest.isDisjoint(with: .failed) {
                close(event.token, nil)
            }
        }
    }

    private func carryOutCalls() {
        for call in calls.take() {
            switch call {
            case .wake: continue
            case .stop(let grace):
                listener?.close()
                listener = nil
                hub.sayFarewell()
                endsBy = now + grace
            }
        }
    }

    private func accept() {
        for _ in 0..<64 {
            guard let listener else { return }
            var peer = [CChar](repeating: 0, count: Int(KASSA_PEER_CAPACITY))
            let number = kassa_accept(listener.number, &peer, peer.count)
            guard number >= 0 else {
                switch number {
                case -EAGAIN: return
                case -ECONNABORTED, -EINTR, -EPROTO: continue
                default: return pauseAccepting(listener, number)
                }
            }
            let bytes = peer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            admit(Descriptor(owning: number), String(decoding: bytes, as: UTF8.self))
        }
    }

    /// Without descriptors or memory the listener would be ready for ever: it is looked at again
    /// with the next sweep.
    private func pauseAccepting(_ listener: Descriptor, _ error: Int32) {
        isAcceptPaused = true
        epoll.remove(listener.number)
        let why =
            [-EMFILE, -ENFILE].contains(error)
            ? "the process has no descriptors left" : String(cString: strerror(-error))
        notices("no more connections can be taken: \(why)")
    }

    private func resumeAccepting() {
        guard isAcceptPaused, let listener else { return }
        isAcceptPaused = false
        do throws(SystemError) {
            try epoll.add(listener.number, .readable, token: Self.listenerToken)
        } catch { isAcceptPaused = true }
    }

    private func admit(_ socket: Descriptor, _ peer: String) {
        guard links.count < limits.connections else {
            let refusal = ServerMessages.error("maximum connections exceeded")
            _ = refusal.withUnsafeBytes { Socket.send(socket.number, $0) }
            return notices("\(peer) is turned away: \(limits.connections) connections are open")
        }
        Socket.disableDelay(socket.number)
        let id = nextID
        nextID += 1
        do {
            try epoll.add(socket.number, .readable, token: id)
        } catch {
            // Out of kernel memory for one more: the client sees a close and may try again.
            return notices("\(peer) is turned away: \(error)")
        }
        links[id] = Link(hub.open(id), socket, peer, limits, now: now)
    }

    private func receive(_ link: Link) {
        let got = Socket.receive(link.socket.number, scratch)
        guard got > 0 else {
            if got == 0 || !Socket.isRetryable(got) { close(link.session.id, nil) }
            return
        }
        link.parser.append(UnsafeRawBufferPointer(rebasing: scratch[..<got]))
        link.pingAt = now + limits.pingInterval
        link.session.pingsUnanswered = 0
        carryOut(link)
    }

    /// Carries out what has come in full.
    private func carryOut(_ link: Link) {
        do throws(ClientFault) {
            while !link.session.isEnding, !link.session.isSlowed, hasRoom(link),
                let operation = try link.parser.next()
            {
                try hub.take(operation, from: link.session)
            }
        } catch {
            if case .said(let text) = error { link.session.say(ServerMessages.error(text)) }
            return end(link, error.reason)
        }
        if link.session.isSlowed {
            slowed.insert(link.session.id)
        } else if !hasRoom(link) {
            full.insert(link.session.id)
        } else {
            return
        }
        watch(link, link.watches.subtracting(.readable))
    }

    /// Sends what waits, and closes.
    private func end(_ link: Link, _ why: String) {
        link.session.isEnding = true
        link.endsBecause = why
        flush(link)
    }

    private func flushTouched() {
        for id in hub.takeTouched() {
            guard let link = links[id] else { continue }
            flush(link)
        }
    }

    private func flush(_ link: Link) {
        while link.waiting > 0 {
            let sent = link.session.output.withUnsafeBytes { bytes in
                Socket.send(
                    link.socket.number, UnsafeRawBufferPointer(rebasing: bytes[link.sent...]))
            }
            guard sent > 0 else {
                guard Socket.isRetryable(sent) else { return close(link.session.id, nil) }
                return wait(link)
            }
            link.sent += sent
            link.stuckSince = nil
        }
        let capacity = link.session.output.capacity
        link.session.output.removeAll(keepingCapacity: capacity <= 1 << 20)
        link.sent = 0
        crowded.remove(link.session.id)
        link.crowdedSince = nil
        if link.session.isEnding { return close(link.session.id, link.endsBecause) }
        watch(link, isReadable(link) ? .readable : [])
    }

    private func isReadable(_ link: Link) -> Bool {
        !link.session.isSlowed && !full.contains(link.session.id)
    }

    /// It does not take what there is for it now.
    private func wait(_ link: Link) {
        if link.sent > 1 << 20 {
            link.session.output.removeFirst(link.sent)
            link.sent = 0
        }
        link.stuckSince = link.stuckSince ?? now
        guard link.waiting <= limits.pending, !link.session.isOverfull else {
            return close(link.session.id, "\(link.waiting) bytes wait that it does not take")
        }
        if link.waiting > limits.crowded, link.session.standing.isWaitedFor {
            crowded.insert(link.session.id)
            link.crowdedSince = link.crowdedSince ?? now
        } else {
            crowded.remove(link.session.id)
            link.crowdedSince = nil
        }
        watch(link, isReadable(link) ? [.readable, .writable] : .writable)
    }

    /// Whoever was held up for the sake of others goes on once all of them have caught up.
    private func resumeSlowed() {
        guard crowded.isEmpty, !slowed.isEmpty else { return }
        let resumed = slowed
        slowed = []
        for id in resumed.sorted() {
            guard let link = links[id] else { continue }
            link.session.isSlowed = false
            watch(link, link.watches.union(.readable))
            carryOut(link)
        }
    }

    /// Whether what a client asks can be answered: what it does not read is not to pile up.
    private func hasRoom(_ link: Link) -> Bool { link.waiting < limits.comfortable }

    /// Whoever has read the answers to what he asked is asked on.
    private func resumeFull() {
        for id in full.sorted() {
            guard let link = links[id] else {
                full.remove(id)
                continue
            }
            guard hasRoom(link) else { continue }
            full.remove(id)
            watch(link, link.watches.union(.readable))
            carryOut(link)
        }
    }

    private func watch(_ link: Link, _ interest: Epoll.Interest) {
        guard link.watches != interest else { return }
        link.watches = interest
        do {
            try epoll.change(link.socket.number, interest, token: link.session.id)
        } catch { close(link.session.id, "\(error)") }
    }

    /// - Parameter why: said to the operator; nil where the client left by itself.
    private func close(_ id: UInt64, _ why: String?) {
        guard let link = links.removeValue(forKey: id) else { return }
        crowded.remove(id)
        slowed.remove(id)
        full.remove(id)
        hub.close(id)
        epoll.remove(link.socket.number)
        link.socket.close()
        guard let why else { return }
        let letters = link.session.options.name?.prefix(64).map { letter in
            letter.isASCII && (letter.asciiValue ?? 0) >= 0x20 && letter.asciiValue != 0x7F
                ? letter : "?"
        }
        let name = letters.map { " (\(String($0)))" } ?? ""
        notices("connection \(id) from \(link.peer)\(name) is closed: \(why)")
    }

    /// Ends what has taken too long, and asks the silent whether they are there.
    private func sweep() {
        resumeAccepting()
        for (id, link) in links {
            if let since = link.stuckSince, now >= since + limits.writeDeadline {
                close(id, "it took nothing for \(limits.writeDeadline)")
                continue
            }
            if let since = link.crowdedSince, now >= since + limits.writeDeadline {
                close(id, "it is behind by \(link.waiting) bytes, and others wait for it")
                continue
            }
            if login.isRequired, !link.session.hasConnected, now >= link.loginBy {
                link.session.say(ServerMessages.error("Authentication Timeout"))
                end(link, "it did not say who it is within \(limits.loginDeadline)")
                continue
            }
            guard now >= link.pingAt else { continue }
            guard link.session.pingsUnanswered < limits.pingsWithoutAnswer else {
                link.session.say(ServerMessages.error("Stale Connection"))
                end(link, "it answered no ping")
                continue
            }
            link.session.pingsUnanswered += 1
            link.pingAt = now + limits.pingInterval
            link.session.say(ServerMessages.ping)
            flush(link)
        }
    }
}

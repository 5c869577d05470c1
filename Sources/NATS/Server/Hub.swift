import EventSourcing
package import Net

/// All connections of a server and what they listen to, without sockets: operations go in, bytes
/// come out. One thread at a time.
package final class Hub {
    private let limits: ServerLimits
    private let login: Login
    private let info: ServerInfo
    private var router = Router()
    private var serviceTree = SubjectTree<Int>()
    private var services: [any HubService] = []
    private var nextService: UInt64 = 1
    /// What each service listens to, by its entries in the tree.
    private var listening: [ObjectIdentifier: [(pattern: String, id: UInt64)]] = [:]
    /// When the round of input began that is being worked on.
    package var now = Moment.now()
    private(set) var sessions: [UInt64: Session] = [:]
    private var nextInterest: UInt64 = 1
    /// Which patterns are listened to, until somebody begins or ends to listen.
    private var heard: [String: Bool] = [:]
    private var reserved: [SubjectPattern] = []
    /// Those that have something to be sent since they were last taken.
    private var touched: Set<UInt64> = []

    package init(info: ServerInfo, limits: ServerLimits = ServerLimits(), login: Login = .anybody) {
        (self.info, self.limits, self.login) = (info, limits, login)
    }

    /// Has services take what is published to their subjects, whoever else listens.
    package func attach(_ services: [any HubService]) {
        self.services = services
        for (index, service) in services.enumerated() {
            for pattern in service.subjects { listen(pattern, index) }
        }
        for service in services { service.begin() }
    }

    private func listen(_ pattern: String, _ service: Int) {
        serviceTree.insert(service, at: pattern, id: nextService)
        listening[ObjectIdentifier(services[service]), default: []].append((pattern, nextService))
        nextService += 1
    }

    /// Has a service take what is published to a pattern as well.
    package func listen(_ pattern: String, _ service: any HubService) {
        if let index = services.firstIndex(where: { $0 === service }) { listen(pattern, index) }
    }

    /// Takes back one `listen`.
    package func unlisten(_ pattern: String, _ service: any HubService) {
        let key = ObjectIdentifier(service)
        guard let at = listening[key]?.firstIndex(where: { $0.pattern == pattern }),
            let entry = listening[key]?.remove(at: at)
        else { return }
        serviceTree.remove(entry.id, from: pattern)
    }

    /// A connection has come; it is told who we are.
    package func open(_ id: UInt64) -> Session {
        let session = Session(id: id, login.stranger)
        session.say(info.line(client: id))
        sessions[id] = session
        touched.insert(id)
        return session
    }

    /// A connection has gone, with all that it listened to.
    package func close(_ id: UInt64) {
        guard let session = sessions.removeValue(forKey: id) else { return }
        for held in session.subscriptions.values { router.remove(held.interest) }
        heard = [:]
        touched.remove(id)
    }

    /// The connections that something was written for since it was last asked.
    func takeTouched() -> Set<UInt64> {
        defer { touched.removeAll(keepingCapacity: true) }
        return touched
    }

    /// Carries out what a client asks.
    ///
    /// - Throws: what ends its connection.
    package func take(_ operation: ClientOperation, from session: Session) throws(ClientFault) {
        touched.insert(session.id)
        if login.isRequired, !session.hasConnected {
            guard case .connect = operation else { throw .said("Authorization Violation") }
        }
        switch operation {
        case .connect(let bytes): try connect(bytes, session)
        case .ping: session.say(ServerMessages.pong)
        case .pong: session.pingsUnanswered = 0
        case .subscribe(let subject, let queue, let sid):
            try subscribe(session, subject, queue: queue, sid: sid)
        case .unsubscribe(let sid, let most): unsubscribe(session, sid, after: most)
        case .publish(let message): try publish(message, from: session)
        }
    }

    private func connect(_ bytes: [UInt8], _ session: Session) throws(ClientFault) {
        do throws(JSONError) {
            session.options = try ConnectOptions(parsing: bytes)
        } catch { throw .silent("CONNECT: \(error)") }
        if session.options.wantsNoResponders, !session.options.hasHeaders {
            throw .said("no responders requires headers support")
        }
        guard let standing = login.standing(of: session.options) else {
            throw .said("Authorization Violation")
        }
        guard sessions.count <= standing.share(of: limits.connections) else {
            throw .said("maximum connections exceeded")
        }
        session.standing = standing
        session.hasConnected = true
        session.acknowledge()
    }

    private func subscribe(
        _ session: Session, _ subject: String, queue: String?, sid: String
    ) throws(ClientFault) {
        guard Subject.isPattern(subject) else {
            return session.say(ServerMessages.error("Invalid Subject"))
        }
        guard session.standing.maySubscribe(to: subject) else {
            return session.say(
                ServerMessages.error("Permissions Violation for Subscription to \"\(subject)\""))
        }
        if session.subscriptions[sid] == nil {
            guard session.subscriptions.count < limits.subscriptions else {
                throw .said("maximum subscriptions exceeded")
            }
            let interest = Router.Interest(
                id: nextInterest, connection: session.id, sid: sid, pattern: subject, queue: queue,
                standing: session.standing)
            nextInterest += 1
            session.subscriptions[sid] = Session.Held(interest)
            router.add(interest)
            heard = [:]
        }
        session.acknowledge()
    }

    private func unsubscribe(_ session: Session, _ sid: String, after most: UInt64?) {
        defer { session.acknowledge() }
        guard let held = session.subscriptions[sid] else { return }
        held.most = most
        if held.delivered >= most ?? 0 { end(held, of: session) }
    }

    private func end(_ held: Session.Held, of session: Session) {
        session.subscriptions[held.interest.sid] = nil
        router.remove(held.interest)
        heard = [:]
    }

    private func publish(_ message: ClientOperation.Publish, from session: Session)
        throws(ClientFault)
    {
        if !message.headers.isEmpty, !session.options.hasHeaders {
            throw .said("message headers not supported")
        }
        guard Subject.isValid(message.subject) else {
            return session.say(ServerMessages.error("Invalid Publish Subject"))
        }
        guard maySend(to: message.subject, as: session.standing) else {
            return session.say(
                ServerMessages.error("Permissions Violation for Publish to \"\(message.subject)\""))
        }
        // What answers is the server or another client, who may publish there.
        if let reply = message.reply, !maySend(to: reply, as: session.standing) {
            return session.say(
                ServerMessages.error("Permissions Violation for Publish with Reply of \"\(reply)\"")
            )
        }
        session.acknowledge()
        let wasHeard = publish(message, by: session.id, echoes: session.options.echoes)
        if !wasHeard, let reply = message.reply, session.options.wantsNoResponders,
            session.options.hasHeaders
        {
            let nobody = ClientOperation.Publish(
                subject: reply, reply: nil, headers: ServerMessages.noResponders, payload: [])
            // It is for whoever asked, and for nobody else who listens there.
            for interest in router.receivers(of: reply, except: nil)
            where interest.connection == session.id {
                deliver(nobody, to: interest)
            }
        }
    }

    /// Whether a client may publish to a subject, and have others send there.
    package func maySend(to subject: String, as standing: Standing) -> Bool {
        standing.mayPublish(to: subject) && !reserved.contains { $0.matches(subject) }
    }

    /// Delivers a message to all who listen, services included.
    ///
    /// - Returns: whether there was anybody.
    @discardableResult
    package func publish(_ message: ClientOperation.Publish, by connection: UInt64, echoes: Bool)
        -> Bool
    {
        let served = serviceTree.matches(message.subject)
        for service in served { services[service].take(message, from: connection) }
        let receivers = router.receivers(of: message.subject, except: echoes ? nil : connection)
        var isCrowded = false
        for receiver in receivers { isCrowded = deliver(message, to: receiver) || isCrowded }
        if isCrowded { sessions[connection]?.isSlowed = true }
        return !served.isEmpty || !receivers.isEmpty
    }

    /// Whether a client listens to any subject that a pattern stands for.
    package func isHeard(_ pattern: String) -> Bool {
        if let known = heard[pattern] { return known }
        let isHeard = sessions.values.contains { session in
            session.subscriptions.values.contains {
                Subject.overlap($0.interest.pattern, pattern)
            }
        }
        heard[pattern] = isHeard
        return isHeard
    }

    /// Keeps subjects for the server's own: clients may listen to them and not publish.
    package func reserve(_ pattern: String) { reserved.append(SubjectPattern(pattern)) }

    /// What a connection is; 0 is the server itself, which others may have say something.
    package func standing(of connection: UInt64) -> Standing {
        sessions[connection]?.standing ?? login.stranger
    }

    /// Whether anybody listens to a subject.
    package func hasInterest(in subject: String) -> Bool { router.hasInterest(in: subject) }

    /// Whether somebody listens to a subject who takes what there is for him: there is no use in
    /// having more than a few MiB wait.
    package func hasRoom(_ subject: String) -> Bool {
        let listeners = router.listeners(to: subject)
        let ready = listeners.filter { isComfortable($0) }
        // Of a queue one is enough; each other has to follow.
        return !ready.isEmpty
            && listeners.allSatisfy { $0.queue != nil || isComfortable($0) }
    }

    private func isComfortable(_ interest: Router.Interest) -> Bool {
        sessions[interest.connection].map { $0.output.count < limits.comfortable } ?? true
    }

    /// A message for one subject's listeners under another subject: what a stream delivers keeps
    /// the subject it was published to.
    ///
    /// - Returns: whether there was anybody.
    @discardableResult
    package func send(_ message: ClientOperation.Publish, toListenersOf inbox: String) -> Bool {
        let receivers = router.receivers(of: inbox, except: nil, isReady: isComfortable)
        for receiver in receivers { deliver(message, to: receiver) }
        return !receivers.isEmpty
    }

    /// - Returns: whether more waits for the receiver than it takes, and others wait for it.
    @discardableResult
    private func deliver(_ message: ClientOperation.Publish, to interest: Router.Interest) -> Bool {
        guard let session = sessions[interest.connection],
            let held = session.subscriptions[interest.sid], held.interest === interest
        else { return false }
        guard session.output.count <= limits.pending else {
            // It is cut off with what waits for it now: more would be no use to anybody.
            session.isOverfull = true
            touched.insert(session.id)
            return false
        }
        held.delivered += 1
        ServerMessages.append(
            message, sid: interest.sid, withHeaders: session.options.hasHeaders,
            to: &session.output)
        touched.insert(session.id)
        if let most = held.most, held.delivered >= most { end(held, of: session) }
        return session.standing.isWaitedFor && session.output.count > limits.crowded
    }

    /// Tells every client that the server is about to go: it looks for another one.
    func sayFarewell() {
        var last = info
        last.isLameDuck = true
        for session in sessions.values {
            session.say(last.line(client: session.id))
            touched.insert(session.id)
        }
    }
}

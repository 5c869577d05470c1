package import EventSourcing
import Messaging
package import NATS
import Net
import Synchronization

/// Says over the broker, twice a second, that this process is there, and hears who else is.
///
/// While the broker is away nothing is said and nothing heard; what was heard before stays, and
/// where the others' homes were is kept in a file.
package final class Heartbeat: Sendable {
    private static let pause = Duration.milliseconds(500)
    /// How often anybody is answered at once at most: many may come at the same time.
    private static let answerPause = Duration.milliseconds(20)
    private static let patience = Duration.seconds(2)

    private struct State: Sendable {
        /// Nil before it is started.
        var announcement: Announcement?
        /// How it is, asked each time it is said.
        var health: @Sendable () -> Announcement.Health = { .starting }
        /// Whether it may have changed since it was last said.
        var isNews = true
        var isStopping = false
        var roster: Roster
        /// The instances of the homes that the file has.
        var kept: [String] = []
    }

    private let address: NATSAddress
    private let runtime: any Runtime
    private let notice: @Sendable (String) -> Void
    private let file: RosterFile?
    private let state: Monitor<State>
    private let worker = Mutex<Worker?>(nil)

    /// - Parameters:
    ///   - file: where the others' homes are kept; nil for who calls nobody.
    ///   - notice: told what an operator should know of the broker.
    package init(
        _ address: NATSAddress, _ runtime: any Runtime, file: RosterFile? = nil,
        notice: @escaping @Sendable (String) -> Void
    ) {
        (self.address, self.runtime, self.notice) = (address, runtime, notice)
        self.file = file
        let homes = file?.read() ?? []
        state = Monitor(
            State(roster: Roster(remembering: homes), kept: homes.map(\.instance)))
    }

    /// Begins to say who this process is, as starting until it says otherwise.
    func start(_ announcement: Announcement) {
        state.withLock { $0.announcement = announcement }
        worker.withLock { $0 = Worker("heartbeat", .awaited) { [self] in run() } }
    }

    /// Who is there.
    package var roster: Roster { state.withLock { $0.roster } }

    /// Waits until the roster has something, for a bounded time.
    ///
    /// - Returns: nil where it has not.
    func wait<Found>(_ limit: Duration, for look: (Roster) -> Found?) -> Found? {
        state.wait(until: .now() + limit) { state in
            look(state.roster).map { .done($0) } ?? .wait(atMost: .milliseconds(50))
        }
    }

    /// Who this process is and how it is; nil before it is started.
    var own: Announcement? {
        let (announcement, health) = state.withLock { ($0.announcement, $0.health) }
        guard var announcement else { return nil }
        announcement.health = health()
        announcement.residentBytes = ProcessMemory.resident
        return announcement
    }

    /// Says from now on what has become of this process.
    func change(_ health: @escaping @Sendable () -> Announcement.Health) {
        state.withLock { ($0.health, $0.isNews) = (health, true) }
    }

    /// Says that it goes, and ends.
    func stop() {
        change { .stopping }
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        worker.withLock { worker in
            defer { worker = nil }
            return worker
        }?.join()
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }

    private func run() {
        var failures = 0
        while true {
            do throws(NATSLinkError) {
                try speak { failures = 0 }
                return
            } catch {
                failures += 1
                if error.description.contains("Authorization Violation") {
                    notice(
                        "\(error): the broker has another secret; copy the file \"secret\" of "
                            + "its data folder to this one's")
                } else if failures == 40 {
                    // One that has just come up, or is being exchanged, is nothing to speak of.
                    notice("\(error); others do not hear of this process")
                }
            }
            let isOver = state.wait(until: .now() + .milliseconds(min(50 * failures, 1000))) {
                (state) -> Monitor<State>.Look<Bool> in
                state.isStopping ? .done(true) : .wait(atMost: nil)
            }
            if isOver == true { return }
        }
    }

    /// Speaks and listens over one connection, until it breaks or all is said.
    private func speak(_ isConnected: () -> Void) throws(NATSLinkError) {
        let link = try NATSLink(address, name: "heartbeat", within: Self.patience)
        try link.send(
            Array("SUB \(Announcement.subject).> 1\r\n".utf8), until: .now() + Self.patience)
        isConnected()
        // Whoever is there already is to say so now.
        try say(link, asks: true)
        var (next, answers) = (Moment.now() + Self.pause, Moment.now())
        while true {
            let isOver = isStopping
            let now = Moment.now()
            if isOver || now >= next || isNews {
                try say(link, asks: false)
                keep()
                next = now + Self.pause
            }
            if isOver { return }
            // Short, as what is changed here waits for it.
            let operation = try link.receive(until: min(next, now + .milliseconds(100)))
            guard case .message(let delivery)? = operation else {
                if case .error(let text)? = operation { throw link.failure(text) }
                continue
            }
            if hear(delivery.payload), Moment.now() >= answers {
                try say(link, asks: false)
                answers = .now() + Self.answerPause
            }
        }
    }

    /// Writes the homes down where others are known than the file has.
    private func keep() {
        guard let file else { return }
        let homes = state.withLock { (state) -> [Announcement]? in
            let homes = state.roster.homes
            let instances = homes.map(\.instance)
            guard instances != state.kept else { return nil }
            state.kept = instances
            return homes
        }
        if let homes { file.keep(homes) }
    }

    /// Takes in what a process says of itself when it is called, where it was not heard yet.
    func find(_ announcement: Announcement) {
        let now = runtime.now()
        state.withLock { $0.roster.find(announcement, at: now) }
    }

    private var isNews: Bool { state.withLock { $0.isNews } }

    private func say(_ link: NATSLink, asks: Bool) throws(NATSLinkError) {
        state.withLock { $0.isNews = false }
        guard let announcement = own else { return }
        let payload = announcement.bytes(asks: asks)
        let subject = "\(Announcement.subject).\(announcement.part)"
        let head = Array("PUB \(subject) \(payload.count)\r\n".utf8)
        try link.send(head + payload + [0x0D, 0x0A], until: .now() + Self.patience)
    }

    /// Takes in what somebody says; what is no announcement is passed over.
    ///
    /// - Returns: whether it wants an answer.
    @discardableResult
    package func hear(_ payload: [UInt8]) -> Bool {
        guard let json = try? JSONObject(try JSON(parsing: payload)),
            let announcement = try? Announcement(json)
        else { return false }
        let now = runtime.now()
        let (isOwn, rival) = state.withLock { state in
            state.roster.hear(announcement, at: now)
            let isOwn = announcement.instance == state.announcement?.instance
            return (isOwn, isOwn ? state.roster.rival(of: announcement, at: now) : nil)
        }
        state.wakeAll()
        if let rival {
            notice(
                "there is another \(rival.part): process \(rival.process) at \(rival.host):"
                    + "\(rival.port); a log has one home: stop one of them")
        }
        return !isOwn && json["asks"] == .bool(true)
    }
}

import EventSourcing
import EventStore
import Messaging

/// A service that records each message it reads, and fails as it is told.
final class ProbeCore: ServiceCore {
    static let log = LogName("probe")
    static let sources = [
        Source(LogName("orders"), Publication.facts),
        Source(LogName("payments"), Publication.facts),
    ]
    /// Each event goes out on two channels.
    static let publication = Publication(
        channels: ["first", "second"],
        rules: [
            "probe.seen": { record in
                ["first", "second"].map {
                    Published(channel: $0, type: record.type, data: record.data)
                }
            }
        ])

    typealias Answer = ProbeAnswer
    struct ProbeAnswer: ServiceAnswer { var remembered: LedgerEntry?, position: Position? }

    /// Told of each message before it is recorded.
    var before: (Message) throws(ReactionError) -> Void

    init(before: @escaping (Message) throws(ReactionError) -> Void = { _ in }) {
        self.before = before
    }

    static func label(of command: String) -> CommandLabel {
        CommandLabel("record", StreamID("probe", "own"))
    }

    func open(_ log: EventLog) {}
    func keep() {}
    func rollback() {}
    func snapshot(in transaction: Transaction) {}
    func fire(_ timer: Timer, in transaction: Transaction) {}

    /// Records the text.
    func handle(_ command: String, in transaction: Transaction) throws(StoreError) -> ProbeAnswer {
        try record(command, key: "own", in: transaction)
        return ProbeAnswer(remembered: nil, position: transaction.head)
    }

    func render(_ entry: LedgerEntry, in transaction: Transaction) -> ProbeAnswer {
        ProbeAnswer(remembered: nil, position: entry.position)
    }

    func finish(_ effect: Effect, _ result: EffectResult, in transaction: Transaction)
        throws(StoreError)
    {
        try transaction.finish(effect)
    }

    func react(to message: Message, in transaction: Transaction) throws(ReactionError) {
        do throws(StoreError) {
            try record("\(message.identity)", key: message.stream.id, in: transaction)
        } catch { throw .store(error) }
        // It has written by now: what fails takes that back.
        try before(message)
    }

    private func record(_ text: String, key: String, in transaction: Transaction)
        throws(StoreError)
    {
        var data = JSONWriter()
        data.object { $0.member("saw", text) }
        var metadata = JSONWriter()
        transaction.metadata.encode(to: &metadata)
        try transaction.append(
            [NewEvent(type: EventType("probe.seen"), data: data.bytes, metadata: metadata.bytes)],
            to: StreamID("seen", key), expecting: .any)
    }
}

extension Bench<ProbeCore> {
    /// What was seen, in order.
    func seen(_ key: String? = nil) throws -> [String] {
        let seen = try records().filter { $0.stream.category != "parked" }
        return try seen.filter { key == nil || $0.stream.id == key }.map { record in
            try JSONObject(try JSON(parsing: record.data)).string("saw")
        }
    }
}

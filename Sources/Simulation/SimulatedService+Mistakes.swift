import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import SQLite

extension SimulatedService {
    /// What is planted between two lives of a service: in its file, as it dies.
    func plantAtDeath() {
        do {
            switch mistake {
            case .timerLost where name == "orders":
                try change("DELETE FROM timers")
            case .checkpointBeforeEffects where name != "orders":
                for source in Core.sources { try skipMessage(of: source) }
            case .oldSnapshot where name == "deliveries": try plantOldSnapshot()
            default: break
            }
        } catch {
            // A disk that fails now has no room for a mistake either.
        }
    }

    /// Keeps the newest watermark, for `pretence`.
    func keepWatermark(of received: [Received]) {
        for received in received {
            if case .watermark(let watermark)? = try? Bulletin(received.carried) {
                watermarks[Source(watermark.log, watermark.channel)] = watermark
            }
        }
    }

    /// What has deadlines pass as though all participants were up.
    func pretence(at now: Timestamp) -> [EngineInput<Core>] {
        guard mistake == .deadlineIgnoresWatermark, name == "orders" else { return [] }
        return watermarks.sorted { $0.key < $1.key }.map { source, watermark in
            let bulletin = Bulletin.watermark(watermark.pretending(at: now))
            return .bulletins(source, [Received(bulletin.brokerMessage)])
        }
    }

    /// Outcomes of attempts that were given up, said of the attempt that the saga waits for now.
    func takingGivenUp(_ received: [Received]) -> [Received] {
        guard mistake == .givenUpOutcomeTaken, name == "orders" else { return received }
        return received.map { received in
            guard case .event(let message)? = try? Bulletin(received.carried),
                let reply = try? StepReply.read(message.type, message.data),
                let pending = pendingStep(of: reply.step.saga),
                pending.step == reply.step.step, pending != reply.step
            else { return received }
            let changed = message.with(step: pending, insteadOf: reply.step)
            return Received(Bulletin.event(changed).brokerMessage)
        }
    }

    private func pendingStep(of saga: String) -> StepReference? {
        let stream = StreamID("checkout", saga)
        let records = try? engine?.log.queries.stream(stream, after: .none, limit: 1000)
        var progress = CheckoutProgress()
        for record in records ?? [] {
            guard let event = try? record.decoded(as: CheckoutProgress.Event.self).event else {
                return nil
            }
            progress.evolve(event)
        }
        return progress.pending
    }

    private func change(_ sql: String, _ bind: (Statement) throws -> Void = { _ in }) throws {
        let connection = try Connection(path: path, mode: .writer)
        let statement = try connection.statement(sql)
        try bind(statement)
        try statement.run()
    }

    /// Has the next event of a source count as applied.
    private func skipMessage(of source: Source) throws {
        guard let path = pathOfLog(source.log) else { return }
        let queries = try LogReader(path: path).queries
        let head = try queries.head()
        guard let (_, leaf) = try queries.leaf(at: head) else { return }
        try change("UPDATE checkpoints SET position = ?1, leaf = ?2 WHERE source = ?3") {
            try $0.bind(1, head.value)
            try $0.bind(2, leaf.bytes)
            try $0.bind(3, source.description)
        }
    }

    /// What was available at the last death, as if it were so now.
    private func plantOldSnapshot() throws {
        defer { availabilityAtDeath = (engine?.core as? DeliveriesCore)?.availability }
        guard let old = availabilityAtDeath, let head = engine?.log.head else { return }
        var json = JSONWriter()
        old.encode(to: &json)
        try change("INSERT OR REPLACE INTO snapshots VALUES ('availability', ?1, ?2, ?3)") {
            try $0.bind(1, Int64(Availability.version))
            try $0.bind(2, head.value)
            try $0.bind(3, json.text)
        }
    }

    /// Publishes what the open transaction has written.
    func publishAhead(_ log: EventLog) {
        let stream = Source(Core.log, Publication.facts).stream
        do {
            let state = try broker.state(of: stream)
            let head = board.status?.head ?? .start
            var bulletins: [BrokerMessage] = []
            for record in try log.queries.log(after: head, limit: 1000) {
                for form in Core.publication.forms(of: record) {
                    let message = try record.message(form, previous: head)
                    bulletins.append(Bulletin.event(message).brokerMessage)
                }
            }
            guard !bulletins.isEmpty else { return }
            _ = try broker.publish(bulletins, to: stream, expectedLast: state.last)
        } catch {
            // A broker that is away gets it later, from the relay.
        }
    }
}

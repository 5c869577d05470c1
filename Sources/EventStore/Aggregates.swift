import CPlatform
package import EventSourcing
import SQLite

/// The deciders of one category: loads them from their streams, keeps the recent ones in memory,
/// and records what they decide.
///
/// States are those of the running transaction; nothing outside the writer's thread sees them
/// before the commit.
package final class Aggregates<D: Decider> {
    package struct Entry {
        package var state: D
        package var version: Version
    }

    package let category: String
    private var known: TwoGenerations<ExactText, Entry>
    private var journal: [(id: String, before: Entry?)] = []

    /// - Parameter capacity: the most states kept in memory.
    package init(category: String, capacity: Int = 20_000) {
        self.category = category
        known = TwoGenerations(capacity: capacity)
    }

    /// The state of `id`, with what this transaction has appended to it.
    ///
    /// - Throws: `unreadableEvent` for a stored event this build cannot read.
    package func load(_ id: String, in queries: LogQueries) throws(StoreError) -> Entry {
        if let entry = known[ExactText(id)] { return entry }
        var entry = Entry(state: D(), version: .none)
        while true {
            let page = try queries.stream(
                StreamID(category, id), after: entry.version, limit: 500)
            for record in page {
                entry.state.evolve(try record.decoded(as: D.Event.self).event)
                entry.version = record.version
            }
            if page.count < 500 { break }
        }
        // What an open transaction appended may be taken back, and what was read of it with it.
        if queries.connection.isInTransaction { journal.append((id, nil)) }
        known[ExactText(id)] = entry
        return entry
    }

    /// Decides `command` and records its events.
    ///
    /// - Returns: the recorded events (none where the fact is on record already), or the rule that
    ///   refused them.
    /// - Throws: `conflict` where others appended to the stream; the state is read again next time.
    package func decide(_ command: D.Command, for id: String, in transaction: Transaction)
        throws(StoreError) -> Result<[D.Event], D.Rejection>
    {
        let stage = kassa_stage_enter(KASSA_STAGE_DECIDE)
        defer { kassa_stage_leave(stage) }
        var entry = try load(id, in: transaction.queries)
        let events: [D.Event]
        do throws(D.Rejection) {
            events = try entry.state.decide(command)
        } catch { return .failure(error) }
        guard !events.isEmpty else { return .success([]) }
        let decides = kassa_stage_enter(KASSA_STAGE_ENCODE)
        var metadata = JSONWriter(reserving: 160)
        transaction.metadata.encode(to: &metadata)
        var stored: [NewEvent] = []
        stored.reserveCapacity(events.count)
        for event in events {
            var data = JSONWriter(reserving: 320)
            event.encode(to: &data)
            stored.append(NewEvent(type: event.type, data: data.bytes, metadata: metadata.bytes))
        }
        kassa_stage_leave(decides)
        do throws(StoreError) {
            try transaction.append(
                stored, to: StreamID(category, id), expecting: .exactly(entry.version))
        } catch {
            // The state may be behind its stream; the next one to ask reads it again.
            known[ExactText(id)] = nil
            throw error
        }
        journal.append((id, entry))
        for event in events { entry.state.evolve(event) }
        entry.version = Version(entry.version.value + Int64(events.count))
        known[ExactText(id)] = entry
        return .success(events)
    }

    /// Forgets how to go back: what was decided stays.
    package func keep() { journal.removeAll(keepingCapacity: true) }

    /// Goes back to the states before the last `keep`.
    package func rollback() {
        for (id, before) in journal.reversed() { known[ExactText(id)] = before }
        journal.removeAll(keepingCapacity: true)
    }
}

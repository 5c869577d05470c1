public import EventSourcing

/// The deciders of one category: loads them from their streams, keeps the recent ones in memory,
/// and records what they decide.
///
/// States are those of the running transaction; nothing outside the writer's thread sees them
/// before the commit. Public and inlinable, as only then the compiler makes it anew for each
/// decider; what does not know its types copies and looks up through tables.
public final class Aggregates<D: Decider> {
    /// A state at a version. An object, so that handing it on copies no state.
    public final class Entry {
        public let state: D
        public let version: Version
        @usableFromInline let stream: KnownStream

        @inlinable
        init(state: D, version: Version, stream: KnownStream) {
            self.state = state
            self.version = version
            self.stream = stream
        }
    }

    public let category: String
    @usableFromInline var known: TwoGenerations<ExactText, Entry>
    /// The states before the changes since the last `keep`.
    @usableFromInline var journal: [(id: ExactText, before: Entry?)] = []

    /// - Parameter capacity: the most states kept in memory, by their weight.
    @inlinable
    public init(category: String, capacity: Int = 5_000) {
        self.category = category
        known = TwoGenerations(capacity: capacity) { $0.state.weight }
    }

    /// The state of `id`, with what this transaction has appended to it.
    ///
    /// - Throws: `unreadableEvent` for a stored event this build cannot read.
    @inlinable
    public func load(_ id: String, in transaction: Transaction) throws(StoreError) -> Entry {
        let key = ExactText(id)
        if let entry = known[key] { return entry }
        let entry = try read(id, in: transaction)
        // What the transaction appended may be taken back, and what was read of it with it.
        journal.append((key, nil))
        known[key] = entry
        return entry
    }

    @inlinable
    func read(_ id: String, in transaction: Transaction) throws(StoreError) -> Entry {
        var (state, version) = (D(), Version.none)
        let stream = StreamID(category, id)
        let known = try transaction.stream(stream)
        guard known.version > .none else {
            return Entry(state: state, version: version, stream: known)
        }
        try transaction.settle(stream)
        while true {
            let page = try transaction.events(of: stream, after: version, limit: 500)
            for record in page {
                state.evolve(try record.decoded(as: D.Event.self).event)
                version = record.version
            }
            if page.count < 500 { return Entry(state: state, version: version, stream: known) }
        }
    }

    /// Decides `command` and records its events.
    ///
    /// - Returns: the recorded events (none where the fact is on record already), or the rule that
    ///   refused them.
    /// - Throws: `conflict` where others appended to the stream; the state is read again next time.
    @inlinable
    public func decide(_ command: D.Command, for id: String, in transaction: Transaction)
        throws(StoreError) -> Result<[D.Event], D.Rejection>
    {
        let decides = Stage.decide()
        defer { decides.leave() }
        let entry = try load(id, in: transaction)
        let events: [D.Event]
        do throws(D.Rejection) {
            events = try entry.state.decide(command)
        } catch { return .failure(error) }
        guard !events.isEmpty else { return .success([]) }
        let stage = Stage.encode()
        let metadata = transaction.encodedMetadata
        var stored: [NewEvent] = []
        stored.reserveCapacity(events.count)
        for event in events {
            var data = JSONWriter(reserving: 320)
            event.encode(to: &data)
            stored.append(NewEvent(type: event.type, data: data.bytes, metadata: metadata))
        }
        stage.leave()
        let key = ExactText(id)
        let stream: KnownStream
        do throws(StoreError) {
            stream = try transaction.append(
                stored, to: StreamID(category, id), known: entry.stream,
                expecting: .exactly(entry.version))
        } catch {
            // The state may be behind its stream; the next one to ask reads it again.
            known[key] = nil
            throw error
        }
        journal.append((key, entry))
        var state = entry.state
        for event in events { state.evolve(event) }
        let version = Version(entry.version.value + Int64(events.count))
        known[key] = Entry(state: state, version: version, stream: stream)
        return .success(events)
    }

    /// Forgets how to go back: what was decided stays.
    @inlinable
    public func keep() { if !journal.isEmpty { journal.removeAll(keepingCapacity: true) } }

    /// Goes back to the states before the last `keep`.
    @inlinable
    public func rollback() {
        for (id, before) in journal.reversed() { known[id] = before }
        journal.removeAll(keepingCapacity: true)
    }
}

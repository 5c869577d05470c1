package import EventSourcing
import SQLite

/// An event to be recorded.
package struct NewEvent: Sendable {
    package let type: EventType
    /// One JSON object.
    package let data: [UInt8]
    /// One JSON object; see `Metadata`.
    package let metadata: [UInt8]

    package init(type: EventType, data: [UInt8], metadata: [UInt8]) {
        self.type = type
        self.data = data
        self.metadata = metadata
    }
}

/// What one commit writes. It lives only within `EventLog.commit`.
package final class Transaction {
    let log: EventLog
    /// The time everything in it is recorded at, unless a cause is later.
    package let now: Timestamp
    /// What is recorded of every event appended from here on.
    package var metadata = Metadata(correlation: "", actor: "system")
    /// The time of what caused the events appended from here on; they are never recorded as
    /// earlier.
    package var notBefore = Timestamp.epoch
    /// All that was appended so far.
    package private(set) var records: [StoredRecord] = []
    /// All that was done to effects so far, in order.
    package internal(set) var effectChanges: [EffectChange] = []

    init(log: EventLog, now: Timestamp) {
        self.log = log
        self.now = now
    }

    package var queries: LogQueries { log.queries }
    package var epoch: Epoch { log.epoch }
    package var head: Position { log.head }

    /// Why this transaction cannot be committed: part of what was asked of it failed and is still
    /// there, or it is over.
    private(set) var failure: StoreError?

    /// Lets nobody write once the commit is done.
    func end() { failure = .notWritten(.transactionIsOver) }

    /// Writes within the transaction; what fails here and is not taken back by `attempt` keeps it
    /// from being committed.
    func write(_ body: (Connection) throws(SQLiteError) -> Void) throws(StoreError) {
        if let failure { throw failure }
        do throws(SQLiteError) {
            // On a full disk SQLite rolls back by itself; a write after that would be a commit of
            // its own.
            guard log.connection.isInTransaction else { throw .transactionIsOver }
            try body(log.connection)
        } catch {
            failure = .notWritten(error)
            throw .notWritten(error)
        }
    }

    /// The stream's version, this transaction's appends counted.
    package func version(of stream: StreamID) throws(StoreError) -> Version {
        try entry(ExactText(stream.description))?.version ?? .none
    }

    private func entry(_ name: ExactText) throws(StoreError) -> EventLog.StreamEntry? {
        if let entry = log.pending[name] ?? log.streams[name] { return entry }
        let found: EventLog.StreamEntry? = try log.reading { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "SELECT key, version FROM streams WHERE name = ?1")
            defer { statement.reset() }
            try statement.bind(1, name.text)
            guard try statement.step() else { return nil }
            return EventLog.StreamEntry(
                key: statement.integer(0), version: Version(statement.integer(1)))
        }
        if let found { log.streams[name] = found }
        return found
    }

    /// Appends `events` to one stream; they get the log's next positions.
    ///
    /// - Throws: `conflict` where the stream's version is not as expected; `notWritten`, also for a
    ///   stream whose name could not be read again.
    @discardableResult
    package func append(
        _ events: [NewEvent], to stream: StreamID, expecting expected: ExpectedVersion
    ) throws(StoreError) -> [StoredRecord] {
        let name = ExactText(stream.description)
        let known = try entry(name)
        let before = known?.version ?? .none
        guard expected.allows(before) else {
            throw .conflict(stream, expected: expected, actual: before)
        }
        guard !events.isEmpty else { return [] }
        let (after, overflow) = before.value.addingReportingOverflow(Int64(events.count))
        guard !overflow, before >= .none, stream.isReadable else {
            throw .notWritten(.noSuchStream(stream))
        }
        // A new stream's row has its version from the start; an older one's is brought up to date
        // at the end.
        let key: Int64
        if let known { key = known.key } else { key = try create(name, version: after) }
        var entry = EventLog.StreamEntry(key: key, version: before, isDirty: known != nil)
        log.journal.append((name, log.pending[name]))
        let recordedAt = max(now, log.lastRecorded, notBefore)
        let first = records.count
        for event in events {
            entry.version = Version(entry.version.value + 1)
            let identity = EventIdentity(
                log: log.name, epoch: log.epoch, position: log.head.next)
            let leaf = Leaf.digest(
                identity: identity, stream: stream, version: entry.version, type: event.type,
                recordedAt: recordedAt, data: event.data, metadata: event.metadata)
            let record = StoredRecord(
                identity: identity, stream: stream, version: entry.version, type: event.type,
                recordedAt: recordedAt, data: event.data, metadata: event.metadata, leaf: leaf)
            try insert(record, key: entry.key)
            log.head = identity.position
            log.headLeaf = leaf
            log.tree.append(leaf: leaf)
            records.append(record)
        }
        log.lastRecorded = recordedAt
        if log.pending.updateValue(entry, forKey: name) == nil { log.touched.append(name) }
        return Array(records[first...])
    }

    private func create(_ name: ExactText, version: Int64) throws(StoreError) -> Int64 {
        var key: Int64 = 0
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "INSERT INTO streams(name, version) VALUES (?1, ?2)")
            try statement.bind(1, name.text)
            try statement.bind(2, version)
            try statement.run()
            key = connection.lastInsertedRow
        }
        return key
    }

    private func insert(_ record: StoredRecord, key: Int64) throws(StoreError) {
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
            try statement.bind(1, record.position.value)
            try statement.bind(2, record.identity.epoch.value)
            try statement.bind(3, key)
            try statement.bind(4, record.version.value)
            try statement.bind(5, record.type.name)
            try statement.bind(6, Int64(record.type.schema))
            try statement.bind(7, record.recordedAt.microseconds)
            try statement.bind(8, text: record.data)
            try statement.bind(9, text: record.metadata)
            try statement.bind(10, record.leaf.bytes)
            try statement.run()
        }
    }

    /// Runs `body` so that, should it throw, nothing it wrote remains, while the rest of the
    /// transaction goes on.
    ///
    /// Attempts nest. Where the disk is full SQLite may have rolled back the whole transaction:
    /// then nothing of it can be committed.
    package func attempt<Value>(_ body: () throws(StoreError) -> Value) throws(StoreError) -> Value
    {
        let saved = (log.head, log.lastRecorded, log.tree, log.headLeaf)
        let (count, mark) = (records.count, log.journal.count)
        let changes = effectChanges.count
        try write { (connection) throws(SQLiteError) in
            try connection.statement("SAVEPOINT attempt").run()
        }
        do throws(StoreError) {
            let value = try body()
            try write { (connection) throws(SQLiteError) in
                try connection.statement("RELEASE attempt").run()
            }
            return value
        } catch {
            (log.head, log.lastRecorded, log.tree, log.headLeaf) = saved
            records.removeSubrange(count...)
            effectChanges.removeSubrange(changes...)
            for (name, before) in log.journal[mark...].reversed() { log.pending[name] = before }
            log.journal.removeSubrange(mark...)
            failure = nil
            do throws(StoreError) {
                try write { (connection) throws(SQLiteError) in
                    try connection.execute("ROLLBACK TO attempt; RELEASE attempt")
                }
            } catch let second {
                // What failed first says more.
                if case .notWritten = error { failure = error } else { failure = second }
            }
            throw error
        }
    }
}

extension StreamID {
    /// Whether its stored name is split again where it was joined.
    fileprivate var isReadable: Bool {
        !category.isEmpty && !id.isEmpty && !category.utf8.contains(UInt8(ascii: "-"))
    }
}

extension SQLiteError {
    fileprivate static let transactionIsOver = SQLiteError(
        code: 21, message: "the transaction is over", action: "writing to the log")

    fileprivate static func noSuchStream(_ stream: StreamID) -> SQLiteError {
        SQLiteError(
            code: 19, message: "\(stream) is no name for a stream, or its version is damaged",
            action: "appending")
    }
}

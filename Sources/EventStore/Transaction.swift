import CPlatform
public import EventSourcing
import SQLite

/// An event to be recorded.
@usableFromInline package struct NewEvent: Sendable {
    package let type: EventType
    /// One JSON object.
    package let data: [UInt8]
    /// One JSON object; see `Metadata`.
    package let metadata: [UInt8]

    @usableFromInline package init(type: EventType, data: [UInt8], metadata: [UInt8]) {
        self.type = type
        self.data = data
        self.metadata = metadata
    }
}

/// What one commit writes. It lives only within `EventLog.commit`.
public final class Transaction {
    let log: EventLog
    /// The time everything in it is recorded at, unless a cause is later.
    package let now: Timestamp
    /// What is recorded of every event appended from here on.
    package var metadata = Metadata(correlation: "", actor: "system") {
        didSet { encoded = nil }
    }
    private var encoded: [UInt8]?
    /// The time of what caused the events appended from here on; they are never recorded as
    /// earlier.
    package var notBefore = Timestamp.epoch
    /// All that was appended so far. A record gets its leaf when it is written, at the end of the
    /// commit: many leaves are hashed at once, which is quicker than one after the other.
    package private(set) var records: [StoredRecord] = []
    /// The keys of the records' streams.
    private var streamKeys: [Int64] = []
    /// How many of `records` are written.
    private var writtenCount = 0
    /// For each attempt that is running, whether its savepoint is open: only what must be written
    /// at once needs one.
    private var savepoints: [Bool] = []
    /// What becomes of timers and effects, in order. It is written at the end of the commit, or
    /// where somebody looks: within an attempt each write would need a savepoint.
    var changes: [Change] = []
    /// How many of `changes` are written.
    var writtenChanges = 0
    /// All that was done to effects so far, in order, of what is written.
    package internal(set) var effectChanges: [EffectChange] = []

    init(log: EventLog, now: Timestamp) {
        self.log = log
        self.now = now
    }

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
        let stage = kassa_stage_enter(KASSA_STAGE_APPEND)
        defer { kassa_stage_leave(stage) }
        if let failure { throw failure }
        do throws(SQLiteError) {
            // On a full disk SQLite rolls back by itself; a write after that would be a commit of
            // its own.
            guard log.connection.isInTransaction else { throw .transactionIsOver }
            try openSavepoints()
            try body(log.connection)
        } catch {
            failure = .notWritten(error)
            throw .notWritten(error)
        }
    }

    /// The stored form of `metadata`.
    @usableFromInline package var encodedMetadata: [UInt8] {
        if let encoded { return encoded }
        var json = JSONWriter(reserving: 160)
        metadata.encode(to: &json)
        encoded = json.bytes
        return json.bytes
    }

    /// What a timer records about a stream is part of what the stream's first event is part of.
    package func metadataOfTimer(for stream: StreamID) throws(StoreError) -> Metadata {
        try settle(stream)
        guard let first = try events(of: stream, after: .none, limit: 1).first else {
            return Metadata(correlation: stream.id, actor: Metadata.timer)
        }
        let origin = try first.parsedMetadata()
        return Metadata(
            correlation: origin.correlation, actor: Metadata.timer, trace: origin.trace)
    }

    /// A stream's events after `version`, at most `limit`, of those that are written.
    @usableFromInline package func events(of stream: StreamID, after version: Version, limit: Int)
        throws(StoreError) -> [StoredRecord]
    {
        try log.queries.stream(stream, after: version, limit: limit)
    }

    private func openSavepoints() throws(SQLiteError) {
        guard savepoints.last == false else { return }
        for level in savepoints.indices where !savepoints[level] {
            try log.connection.statement("SAVEPOINT attempt").run()
            savepoints[level] = true
        }
    }

    /// A stream by its name, with the appends of this transaction; at version `none` where there is
    /// none.
    @usableFromInline package func stream(_ stream: StreamID) throws(StoreError) -> KnownStream {
        let name = StreamKey(stream)
        if let known = log.streams.find(name) ?? log.fresh[name] { return known }
        let found: KnownStream? = try log.reading { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                """
                SELECT key, (SELECT max(version) FROM events WHERE stream = key) FROM streams
                WHERE name = ?1
                """)
            defer { statement.reset() }
            try statement.bind(1, stream.description)
            guard try statement.step() else { return nil }
            return KnownStream(
                stream, key: statement.integer(0), version: Version(statement.integer(1)))
        }
        if let found {
            log.streams.insert(found)
            return found
        }
        let absent = KnownStream(stream, isFresh: true)
        log.fresh[name] = absent
        return absent
    }

    /// Appends `events` to one stream; they get the log's next positions.
    ///
    /// - Parameter known: the same stream, where it was looked up before.
    /// - Returns: the stream as it is known now.
    /// - Throws: `conflict` where the stream's version is not as expected; `notWritten`, also for a
    ///   stream whose name could not be read again.
    @discardableResult
    @usableFromInline package func append(
        _ events: [NewEvent], to stream: StreamID, known: KnownStream? = nil,
        expecting expected: ExpectedVersion
    ) throws(StoreError) -> KnownStream {
        let stage = kassa_stage_enter(KASSA_STAGE_APPEND)
        defer { kassa_stage_leave(stage) }
        if let failure { throw failure }
        let place: KnownStream
        if let known, !known.isForgotten { place = known } else { place = try self.stream(stream) }
        let before = place.version
        guard expected.allows(before) else {
            throw .conflict(stream, expected: expected, actual: before)
        }
        guard !events.isEmpty else { return place }
        let (_, overflow) = before.value.addingReportingOverflow(Int64(events.count))
        // A stream that is there has an event.
        guard !overflow, before >= .none, place.isNew || (place.key == nil) == (before == .none),
            stream.isReadable
        else {
            throw .notWritten(.noSuchStream(stream))
        }
        let key = log.change(place)
        let recordedAt = max(now, log.lastRecorded, notBefore)
        for event in events {
            place.version = Version(place.version.value + 1)
            log.head = log.head.next
            records.append(
                StoredRecord(
                    identity: EventIdentity(log: log.name, epoch: log.epoch, position: log.head),
                    stream: stream, version: place.version, type: event.type,
                    recordedAt: recordedAt, data: event.data, metadata: event.metadata,
                    meaning: event.metadata == encoded ? metadata : nil,
                    leaf: MerkleTree.emptyRoot))
            streamKeys.append(key)
        }
        log.lastRecorded = recordedAt
        return place
    }

    /// Writes what was appended where that stream is among it, so that it can be read.
    @usableFromInline package func settle(_ stream: StreamID) throws(StoreError) {
        if try self.stream(stream).isPending { try settle() }
    }

    /// Writes what was appended and is not written yet; the commit does so at its end.
    package func settle() throws(StoreError) {
        guard writtenCount < records.count else { return }
        let stage = kassa_stage_enter(KASSA_STAGE_APPEND)
        defer { kassa_stage_leave(stage) }
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
            let leaves = leaves(of: records[writtenCount...])
            for (at, leaf) in zip(writtenCount..., leaves) {
                records[at].leaf = leaf
                try Self.insert(records[at], key: streamKeys[at], by: statement)
            }
            log.tree.append(leaves: leaves)
            if let newest = leaves.last { log.headLeaf = newest }
            writtenCount = records.count
            try log.writeStreams()
        }
    }

    private func leaves(of records: ArraySlice<StoredRecord>) -> [Digest] {
        var bytes: [UInt8] = []
        var ends: [Int] = []
        bytes.reserveCapacity(records.reduce(0) { $0 + 160 + $1.data.count + $1.metadata.count })
        ends.reserveCapacity(records.count)
        for record in records {
            Leaf.append(
                identity: record.identity, stream: record.stream, version: record.version,
                type: record.type, recordedAt: record.recordedAt, data: record.data,
                metadata: record.metadata, to: &bytes)
            ends.append(bytes.count)
        }
        return MerkleTree.leaves(bytes, ends: ends)
    }

    private static func insert(_ record: StoredRecord, key: Int64, by statement: Statement)
        throws(SQLiteError)
    {
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

    /// Runs `body` so that, should it throw, nothing it wrote remains, while the rest of the
    /// transaction goes on.
    ///
    /// Attempts nest. Where the disk is full SQLite may have rolled back the whole transaction:
    /// then nothing of it can be committed.
    package func attempt<Value>(_ body: () throws(StoreError) -> Value) throws(StoreError) -> Value
    {
        if let failure { throw failure }
        let saved = (log.head, log.lastRecorded, log.tree, log.headLeaf)
        let (count, written, mark) = (records.count, writtenCount, log.journal.count)
        savepoints.append(false)
        let marks = (changes.count, writtenChanges, effectChanges.count, log.effects.mark)
        do throws(StoreError) {
            let value = try body()
            if let failure { throw failure }
            if savepoints.last == true {
                try write { (connection) throws(SQLiteError) in
                    try connection.statement("RELEASE attempt").run()
                }
            }
            savepoints.removeLast()
            return value
        } catch {
            (log.head, log.lastRecorded, log.tree, log.headLeaf) = saved
            records.removeSubrange(count...)
            streamKeys.removeSubrange(count...)
            let isWritten = writtenCount > written
            writtenCount = written
            changes.removeSubrange(marks.0...)
            writtenChanges = marks.1
            effectChanges.removeSubrange(marks.2...)
            log.effects.takeBack(to: marks.3)
            log.takeBack(to: mark)
            // What was written within is gone with the savepoint.
            if isWritten { log.renewStreams() }
            failure = nil
            if savepoints.removeLast() { try rollback(because: error) }
            throw error
        }
    }

    private func rollback(because error: StoreError) throws(StoreError) {
        do throws(StoreError) {
            try write { (connection) throws(SQLiteError) in
                try connection.execute("ROLLBACK TO attempt; RELEASE attempt")
            }
        } catch let second {
            // What failed first says more.
            if case .notWritten = error { failure = error } else { failure = second }
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

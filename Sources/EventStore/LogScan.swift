package import EventSourcing
import SQLite

/// An event as it lies in the log, its stream by key alone.
package struct ScannedEvent {
    package let identity: EventIdentity
    /// The stream's key; see `LogQueries.stream(key:)`.
    package let key: Int64
    package let version: Version
    package let type: EventType
    package let recordedAt: Timestamp
    /// One JSON object.
    package let data: [UInt8]
    /// One JSON object; see `Metadata`.
    package let metadata: [UInt8]
    /// The leaf that is stored with it.
    package let leaf: Digest

    package var position: Position { identity.position }

    /// The leaf that these bytes must have.
    package func computedLeaf(of stream: StreamID) -> Digest {
        Leaf.digest(
            identity: identity, stream: stream, version: version, type: type,
            recordedAt: recordedAt, data: data, metadata: metadata)
    }

    /// The event in the vocabulary of its decider; its metadata are not read.
    ///
    /// - Throws: `StoreError.unreadableEvent`.
    package func decoded<Event: StoredEvent>(as _: Event.Type = Event.self)
        throws(StoreError) -> Event
    {
        do throws(UnreadableEvent) {
            let json: JSON
            do throws(JSONError) {
                json = try JSON(parsing: data)
            } catch { throw UnreadableEvent.malformed(type, error) }
            return try Event.decode(type, json)
        } catch { throw .unreadableEvent(identity, error) }
    }
}

/// Reads a log from its first event to its last, one event at a time.
///
/// It is one statement, so that it belongs into a transaction; see `LogQueries.begin`.
package struct LogScan {
    private let name: LogName
    private let row: Statement
    private let path: String
    /// The types that were met, by stored name; a log has a few dozen.
    private var types: [EventType] = []

    package init(_ queries: LogQueries) throws(StoreError) {
        name = queries.name
        path = queries.connection.path
        row = try queries.reading { (connection) throws(SQLiteError) in
            try connection.statement(
                """
                SELECT position, epoch, stream, version, type, schema, recorded, data, metadata, \
                leaf FROM events ORDER BY position
                """)
        }
    }

    /// The next event; nil behind the last.
    package mutating func next() throws(StoreError) -> ScannedEvent? {
        do throws(SQLiteError) {
            guard try row.step() else {
                row.reset()
                return nil
            }
        } catch {
            guard error.isCorrupt else { throw .unreadable(error) }
            throw .unusable(path: path, why: "\(error.message); restore a backup")
        }
        let position = Position(row.integer(0))
        guard let leaf = row.withBytes(9, { Digest($0) }) else {
            throw .unusable(
                path: path, why: "event \(position) of \(name) is damaged; restore a backup")
        }
        return ScannedEvent(
            identity: EventIdentity(
                log: name, epoch: Epoch(row.integer(1)), position: position),
            key: row.integer(2), version: Version(row.integer(3)), type: type(),
            recordedAt: Timestamp(microseconds: row.integer(6)), data: row.bytes(7),
            metadata: row.bytes(8), leaf: leaf)
    }

    /// The row's type; most have been met before, and cost no new text.
    private mutating func type() -> EventType {
        let schema = Int(row.integer(5))
        let known = row.withBytes(4) { bytes in
            types.first { $0.schema == schema && $0.name.utf8.elementsEqual(bytes) }
        }
        if let known { return known }
        let type = EventType(row.text(4), schema: schema)
        if types.count < 1000 { types.append(type) }
        return type
    }
}

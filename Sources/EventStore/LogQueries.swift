package import EventSourcing
package import SQLite

/// Which way a log or a stream is read.
package enum Direction: Sendable {
    case forward
    case backward
}

/// The reads that the writer's connection and a reader's have in common.
package struct LogQueries {
    package let connection: Connection
    package let name: LogName

    package init(connection: Connection, name: LogName) {
        self.connection = connection
        self.name = name
    }

    private static let columns = """
        SELECT e.position, e.epoch, s.name, e.version, e.type, e.schema, e.recorded, e.data, \
        e.metadata, e.leaf FROM events e LEFT JOIN streams s ON s.key = e.stream
        """

    /// The log's events after `position` (before it, backwards), at most `limit`, and none behind
    /// those whose data come to `bytes`.
    package func log(
        after position: Position, limit: Int, bytes: Int = .max,
        _ direction: Direction = .forward
    ) throws(StoreError) -> [StoredRecord] {
        let order = direction == .forward ? "> ?1 ORDER BY" : "< ?1 ORDER BY"
        let tail = direction == .forward ? "e.position LIMIT ?2" : "e.position DESC LIMIT ?2"
        return try rows("\(Self.columns) WHERE e.position \(order) \(tail)", bytes) {
            (statement) throws(SQLiteError) in
            try statement.bind(1, position.value)
            try statement.bind(2, Int64(max(0, limit)))
        }
    }

    /// The log's events of these types after `position` and up to `through`, at most `limit`, and
    /// none behind those whose data come to `bytes`.
    package func log(
        after position: Position, through: Position, types: [String], limit: Int, bytes: Int
    ) throws(StoreError) -> [StoredRecord] {
        var names = JSONWriter()
        names.array { names in for type in types { names.value(type) } }
        return try rows(
            """
            \(Self.columns) WHERE e.position > ?1 AND e.position <= ?2 \
            AND e.type IN (SELECT value FROM json_each(?3)) ORDER BY e.position LIMIT ?4
            """, bytes
        ) { (statement) throws(SQLiteError) in
            try statement.bind(1, position.value)
            try statement.bind(2, through.value)
            try statement.bind(3, text: names.bytes)
            try statement.bind(4, Int64(max(0, limit)))
        }
    }

    /// A stream's events after `version` (before it, backwards), at most `limit`; empty for an
    /// unknown stream.
    package func stream(
        _ stream: StreamID, after version: Version, limit: Int, _ direction: Direction = .forward
    ) throws(StoreError) -> [StoredRecord] {
        let order = direction == .forward ? "> ?2 ORDER BY" : "< ?2 ORDER BY"
        let tail = direction == .forward ? "e.version LIMIT ?3" : "e.version DESC LIMIT ?3"
        let key = "(SELECT key FROM streams WHERE name = ?1)"
        return try rows("\(Self.columns) WHERE e.stream = \(key) AND e.version \(order) \(tail)") {
            (statement) throws(SQLiteError) in
            try statement.bind(1, stream.description)
            try statement.bind(2, version.value)
            try statement.bind(3, Int64(max(0, limit)))
        }
    }

    /// The newest position; `start` for an empty log.
    package func head() throws(StoreError) -> Position {
        try reading { (connection) throws(SQLiteError) in
            Position(try connection.integer("SELECT max(position) FROM events") ?? 0)
        }
    }

    /// The epoch and leaf of the event at `position`; nil where the log has none there.
    package func leaf(at position: Position) throws(StoreError) -> (Epoch, Digest)? {
        try reading { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "SELECT epoch, leaf FROM events WHERE position = ?1")
            defer { statement.reset() }
            try statement.bind(1, position.value)
            guard try statement.step(), let leaf = Digest(statement.bytes(1)) else { return nil }
            return (Epoch(statement.integer(0)), leaf)
        }
    }

    /// All epochs, oldest first.
    package func epochs() throws(StoreError) -> [EpochStart] {
        try reading { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "SELECT number, first, opened, why FROM epochs ORDER BY number")
            defer { statement.reset() }
            var epochs: [EpochStart] = []
            while try statement.step() {
                epochs.append(
                    EpochStart(
                        epoch: Epoch(statement.integer(0)), first: Position(statement.integer(1)),
                        openedAt: Timestamp(microseconds: statement.integer(2)),
                        why: statement.text(3)))
            }
            return epochs
        }
    }

    /// The least first position of an epoch that is greater than this one; nil where there is none.
    package func epochStart(after position: Position) throws(StoreError) -> Position? {
        try reading { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "SELECT min(first) FROM epochs WHERE first > ?1")
            defer { statement.reset() }
            try statement.bind(1, position.value)
            return try statement.step() ? statement.optionalInteger(0).map { Position($0) } : nil
        }
    }

    func reading<Value>(_ body: (Connection) throws(SQLiteError) -> Value) throws(StoreError)
        -> Value
    {
        try Schema.reading(connection, body)
    }

    private func rows(
        _ sql: String, _ bytes: Int = .max, _ bind: (Statement) throws(SQLiteError) -> Void
    ) throws(StoreError) -> [StoredRecord] {
        try reading { (connection) throws(SQLiteError) in
            let statement = try connection.statement(sql)
            defer { statement.reset() }
            try bind(statement)
            var records: [StoredRecord] = []
            var size = 0
            while size < bytes, try statement.step() {
                let record = try record(statement)
                size += record.data.count
                records.append(record)
            }
            return records
        }
    }

    private func record(_ row: Statement) throws(SQLiteError) -> StoredRecord {
        let position = row.integer(0)
        guard let stream = StreamID(row.text(2)), let leaf = Digest(row.bytes(9)) else {
            throw SQLiteError(
                code: 11, message: "event \(position) of \(name) is damaged",
                action: "reading \(connection.path)")
        }
        return StoredRecord(
            identity: EventIdentity(
                log: name, epoch: Epoch(row.integer(1)), position: Position(position)),
            stream: stream, version: Version(row.integer(3)),
            type: EventType(row.text(4), schema: Int(row.integer(5))),
            recordedAt: Timestamp(microseconds: row.integer(6)), data: row.bytes(7),
            metadata: row.bytes(8), leaf: leaf)
    }
}

/// Where an epoch of a log begins, and why it was opened.
package struct EpochStart: Hashable, Sendable {
    package let epoch: Epoch
    package let first: Position
    package let openedAt: Timestamp
    package let why: String

    package init(epoch: Epoch, first: Position, openedAt: Timestamp, why: String) {
        self.epoch = epoch
        self.first = first
        self.openedAt = openedAt
        self.why = why
    }
}

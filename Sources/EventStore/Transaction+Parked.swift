package import EventSourcing
import SQLite

/// A message that could not be applied, or that waits behind one of its key that could not.
package struct ParkedMessage: Hashable, Sendable {
    package let source: String
    package let position: Position
    /// What must stay in order: the order's id.
    package let key: String
    package let reason: String
    package let at: Timestamp
    /// The message as the broker carried it.
    package let subject: String
    package let id: String
    package let headers: [UInt8]
    package let payload: [UInt8]

    package init(
        source: String, position: Position, key: String, reason: String, at: Timestamp,
        subject: String, id: String, headers: [UInt8], payload: [UInt8]
    ) {
        self.source = source
        self.position = position
        self.key = key
        self.reason = reason
        self.at = at
        self.subject = subject
        self.id = id
        self.headers = headers
        self.payload = payload
    }
}

/// A message that is being applied, and how often the process died over it.
package struct InHand: Hashable, Sendable {
    package let epoch: Epoch
    package let position: Position
    package var deaths: Int

    package init(epoch: Epoch, position: Position, deaths: Int) {
        self.epoch = epoch
        self.position = position
        self.deaths = deaths
    }
}

extension Transaction {
    package func park(_ message: ParkedMessage) throws(StoreError) {
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "INSERT OR REPLACE INTO parked VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
            try statement.bind(1, message.source)
            try statement.bind(2, message.position.value)
            try statement.bind(3, message.key)
            try statement.bind(4, message.reason)
            try statement.bind(5, message.at.microseconds)
            try statement.bind(6, message.subject)
            try statement.bind(7, message.id)
            try statement.bind(8, message.headers)
            try statement.bind(9, message.payload)
            try statement.run()
        }
    }

    package func unpark(source: String, position: Position) throws(StoreError) {
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "DELETE FROM parked WHERE source = ?1 AND position = ?2")
            try statement.bind(1, source)
            try statement.bind(2, position.value)
            try statement.run()
        }
    }

    /// Marks a message as about to be applied, so that a death while applying it is remembered.
    package func takeInHand(_ mark: InHand, of source: String) throws(StoreError) {
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "INSERT OR REPLACE INTO in_hand VALUES (?1, ?2, ?3, ?4)")
            try statement.bind(1, source)
            try statement.bind(2, mark.epoch.value)
            try statement.bind(3, mark.position.value)
            try statement.bind(4, Int64(mark.deaths))
            try statement.run()
        }
    }

    package func letGo(source: String) throws(StoreError) {
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement("DELETE FROM in_hand WHERE source = ?1")
            try statement.bind(1, source)
            try statement.run()
        }
    }
}

extension LogQueries {
    /// Parked messages in order, from the first after a place on; of one source and key where these
    /// are given.
    package func parked(
        source: String? = nil, key: String? = nil, after: (source: String, Position)? = nil,
        limit: Int
    ) throws(StoreError) -> [ParkedMessage] {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                """
                SELECT source, position, key, reason, at, subject, id, headers, payload FROM parked
                WHERE (?1 IS NULL OR source = ?1) AND (?2 IS NULL OR key = ?2)
                AND (?4 IS NULL OR (source, position) > (?4, ?5))
                ORDER BY source, position LIMIT ?3
                """)
            defer { row.reset() }
            try row.bind(1, source)
            try row.bind(2, key)
            try row.bind(3, Int64(max(0, limit)))
            try row.bind(4, after?.source)
            try row.bind(5, after?.1.value)
            var parked: [ParkedMessage] = []
            while try row.step() {
                parked.append(
                    ParkedMessage(
                        source: row.text(0), position: Position(row.integer(1)), key: row.text(2),
                        reason: row.text(3), at: Timestamp(microseconds: row.integer(4)),
                        subject: row.text(5), id: row.text(6), headers: row.bytes(7),
                        payload: row.bytes(8)))
            }
            return parked
        }
    }

    /// How many messages of a source and key are parked.
    package func countParked(source: String, key: String) throws(StoreError) -> Int {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                "SELECT count(*) FROM parked WHERE source = ?1 AND key = ?2")
            defer { row.reset() }
            try row.bind(1, source)
            try row.bind(2, key)
            return try row.step() ? Int(row.integer(0)) : 0
        }
    }

    /// Since when the message lies that was parked first; nil where none is.
    package func oldestParked() throws(StoreError) -> Timestamp? {
        try reading { (connection) throws(SQLiteError) in
            try connection.integer("SELECT min(at) FROM parked").map {
                Timestamp(microseconds: $0)
            }
        }
    }
}

extension EventLog {
    /// As `LogQueries.parked`.
    package func parked(source: String? = nil, key: String? = nil, limit: Int)
        throws(StoreError) -> [ParkedMessage]
    {
        try queries.parked(source: source, key: key, limit: limit)
    }

    /// The keys that have parked messages, by source.
    package func parkedKeys() throws(StoreError) -> [String: Set<String>] {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement("SELECT DISTINCT source, key FROM parked")
            defer { row.reset() }
            var keys: [String: Set<String>] = [:]
            while try row.step() { keys[row.text(0), default: []].insert(row.text(1)) }
            return keys
        }
    }

    /// The message that was in hand when the process died, by source.
    package func inHand() throws(StoreError) -> [String: InHand] {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                "SELECT source, epoch, position, deaths FROM in_hand")
            defer { row.reset() }
            var marks: [String: InHand] = [:]
            while try row.step() {
                marks[row.text(0)] = InHand(
                    epoch: Epoch(row.integer(1)), position: Position(row.integer(2)),
                    deaths: Int(clamping: row.integer(3)))
            }
            return marks
        }
    }
}

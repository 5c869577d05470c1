package import EventSourcing
import SQLite

/// A command that a client may repeat: who, the client's key, and the hash of what was asked.
package struct IdempotencyKey: Hashable, Sendable {
    package let principal: String
    package let key: String
    package let body: Digest

    package init(principal: String, key: String, body: Digest) {
        self.principal = principal
        self.key = key
        self.body = body
    }
}

/// What a command led to, from which its answer is rendered again.
package struct LedgerEntry: Hashable, Sendable {
    package let body: Digest
    package let stream: StreamID
    package let version: Version
    package let position: Position

    package init(body: Digest, stream: StreamID, version: Version, position: Position) {
        self.body = body
        self.stream = stream
        self.version = version
        self.position = position
    }
}

extension Transaction {
    private static let microsecondsPerDay: Int64 = 86_400_000_000
    private var day: Int64 { now.microseconds / Self.microsecondsPerDay }

    /// What the key was used for today or yesterday: it is remembered for a day at least.
    package func remembered(_ key: IdempotencyKey) throws(StoreError) -> LedgerEntry? {
        try log.reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                """
                SELECT body, stream, version, position FROM ledger
                WHERE day IN (?1, ?1 - 1) AND principal = ?2 AND key = ?3 ORDER BY day DESC
                """)
            defer { row.reset() }
            try row.bind(1, day)
            try row.bind(2, key.principal)
            try row.bind(3, key.key)
            guard try row.step(), let body = Digest(row.bytes(0)),
                let stream = StreamID(row.text(1))
            else { return nil }
            return LedgerEntry(
                body: body, stream: stream, version: Version(row.integer(2)),
                position: Position(row.integer(3)))
        }
    }

    /// Remembers what the key led to; forgets, a few at a time, what is older than yesterday.
    package func remember(_ key: IdempotencyKey, _ entry: LedgerEntry) throws(StoreError) {
        try write { (connection) throws(SQLiteError) in
            let insert = try connection.statement(
                "INSERT OR REPLACE INTO ledger VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
            try insert.bind(1, day)
            try insert.bind(2, key.principal)
            try insert.bind(3, key.key)
            try insert.bind(4, entry.body.bytes)
            try insert.bind(5, entry.stream.description)
            try insert.bind(6, entry.version.value)
            try insert.bind(7, entry.position.value)
            try insert.run()
            let forget = try connection.statement(
                """
                DELETE FROM ledger WHERE (day, principal, key) IN
                (SELECT day, principal, key FROM ledger WHERE day < ?1 - 1 LIMIT 4)
                """)
            try forget.bind(1, day)
            try forget.run()
        }
    }
}

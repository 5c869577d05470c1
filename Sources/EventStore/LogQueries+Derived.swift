package import EventSourcing
import SQLite

/// What is kept beside the events, for whoever compares it with them.
extension LogQueries {
    package enum Derived: String, Sendable {
        case timers
        case effects
    }

    /// Begins a transaction that sees the file as of the first look at it, until `end`, or until
    /// the connection is closed.
    package func begin() throws(StoreError) {
        try reading { (connection) throws(SQLiteError) in try connection.execute("BEGIN") }
    }

    /// Ends what `begin` began.
    package func end() throws(StoreError) {
        try reading { (connection) throws(SQLiteError) in try connection.execute("COMMIT") }
    }

    /// The tree that is kept with the log; nil where it is damaged.
    package func storedTree() throws(StoreError) -> MerkleFrontier? {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement("SELECT tree FROM log")
            defer { row.reset() }
            return try row.step() ? MerkleFrontier(row.bytes(0)) : nil
        }
    }

    /// A stream's name and its greatest version; nil for an unknown key, or a name that is none.
    package func stream(key: Int64) throws(StoreError) -> (StreamID, Version)? {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                """
                SELECT name, (SELECT max(version) FROM events WHERE stream = ?1) FROM streams
                WHERE key = ?1
                """)
            defer { row.reset() }
            try row.bind(1, key)
            guard try row.step(), let stream = StreamID(row.text(0)) else { return nil }
            return (stream, Version(row.integer(1)))
        }
    }

    /// How many streams are kept.
    package func countStreams() throws(StoreError) -> Int64 {
        try reading { (connection) throws(SQLiteError) in
            try connection.integer("SELECT count(*) FROM streams") ?? 0
        }
    }

    /// Streams that are kept and have no event, at most `limit`.
    package func emptyStreams(limit: Int) throws(StoreError) -> [StreamID] {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                """
                SELECT name FROM streams s
                WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.stream = s.key) LIMIT ?1
                """)
            defer { row.reset() }
            try row.bind(1, Int64(max(0, limit)))
            var found: [StreamID] = []
            while try row.step() {
                if let stream = StreamID(row.text(0)) { found.append(stream) }
            }
            return found
        }
    }

    /// The keys of what waits.
    package func keys(of table: Derived) throws(StoreError) -> Set<String> {
        try reading { (connection) throws(SQLiteError) in
            Set(try connection.texts("SELECT key FROM \(table.rawValue)"))
        }
    }
}

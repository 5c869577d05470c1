package import EventSourcing
import SQLite

/// What is kept beside the events, for whoever compares it with them.
extension LogQueries {
    package enum Derived: String, Sendable {
        case timers
        case effects
    }

    /// Begins a transaction that sees the file as of now, until the connection is closed.
    package func begin() throws(StoreError) {
        try reading { (connection) throws(SQLiteError) in try connection.execute("BEGIN") }
    }

    /// The tree that is kept with the log; nil where it is damaged.
    package func storedTree() throws(StoreError) -> MerkleFrontier? {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement("SELECT tree FROM log")
            defer { row.reset() }
            return try row.step() ? MerkleFrontier(row.bytes(0)) : nil
        }
    }

    /// Every stream's version as it is kept.
    package func streamVersions() throws(StoreError) -> [(StreamID, Version)] {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement("SELECT name, version FROM streams")
            defer { row.reset() }
            var versions: [(StreamID, Version)] = []
            while try row.step() {
                guard let stream = StreamID(row.text(0)) else { continue }
                versions.append((stream, Version(row.integer(1))))
            }
            return versions
        }
    }

    /// The keys of what waits.
    package func keys(of table: Derived) throws(StoreError) -> Set<String> {
        try reading { (connection) throws(SQLiteError) in
            Set(try connection.texts("SELECT key FROM \(table.rawValue)"))
        }
    }
}

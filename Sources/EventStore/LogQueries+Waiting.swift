import EventSourcing
import SQLite

/// How much waits beside the events, counted in the file.
extension LogQueries {
    /// Calls to the outside without a result on record.
    package func countEffects() throws(StoreError) -> Int {
        try reading { (connection) throws(SQLiteError) in
            Int(try connection.integer("SELECT count(*) FROM effects") ?? 0)
        }
    }

    /// Messages that could not be applied, and those behind them, by source.
    package func countParked() throws(StoreError) -> [String: Int64] {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                "SELECT source, count(*) FROM parked GROUP BY source")
            defer { row.reset() }
            var counts: [String: Int64] = [:]
            while try row.step() { counts[row.text(0)] = row.integer(1) }
            return counts
        }
    }

    /// The data of timers whose key and data begin so, earliest first.
    package func timers(prefix: String, data: String) throws(StoreError) -> [String] {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                """
                SELECT data FROM timers WHERE substr(key, 1, length(?1)) = ?1
                AND substr(data, 1, length(?2)) = ?2 ORDER BY due, key
                """)
            defer { row.reset() }
            try row.bind(1, prefix)
            try row.bind(2, data)
            var found: [String] = []
            while try row.step() { found.append(row.text(0)) }
            return found
        }
    }

    /// Timers whose key begins with `prefix` and comes after `key`, by key, but for those whose
    /// data begin so.
    package func timers(
        prefix: String, after key: String?, butFor data: String? = nil, limit: Int
    ) throws(StoreError) -> [Timer] {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                """
                SELECT key, due, source, request, within, armed, data FROM timers
                WHERE key > ?1 AND substr(key, 1, length(?2)) = ?2
                AND (?3 IS NULL OR substr(data, 1, length(?3)) <> ?3) ORDER BY key LIMIT ?4
                """)
            defer { row.reset() }
            try row.bind(1, key ?? prefix)
            try row.bind(2, prefix)
            try row.bind(3, data)
            try row.bind(4, Int64(max(0, limit)))
            var found: [Timer] = []
            while try row.step() { found.append(Timer(row)) }
            return found
        }
    }

    /// The timer of that key; nil where there is none.
    package func timer(_ key: String) throws(StoreError) -> Timer? {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                "SELECT key, due, source, request, within, armed, data FROM timers WHERE key = ?1")
            defer { row.reset() }
            try row.bind(1, key)
            return try row.step() ? Timer(row) : nil
        }
    }

    /// Timers whose key begins with `prefix`, and whose data with `data`.
    package func countTimers(prefix: String, data: String = "") throws(StoreError) -> Int {
        try reading { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                """
                SELECT count(*) FROM timers WHERE substr(key, 1, length(?1)) = ?1
                AND substr(data, 1, length(?2)) = ?2
                """)
            defer { statement.reset() }
            try statement.bind(1, prefix)
            try statement.bind(2, data)
            return try statement.step() ? Int(statement.integer(0)) : 0
        }
    }
}

import SQLite

/// How much waits beside the events, counted in the file.
extension LogQueries {
    /// Calls to the outside without a result on record.
    package func countEffects() throws(StoreError) -> Int {
        try reading { (connection) throws(SQLiteError) in
            Int(try connection.integer("SELECT count(*) FROM effects") ?? 0)
        }
    }

    /// Messages that could not be applied, and those behind them.
    package func countParked() throws(StoreError) -> Int {
        try reading { (connection) throws(SQLiteError) in
            Int(try connection.integer("SELECT count(*) FROM parked") ?? 0)
        }
    }

    /// Timers whose key begins with `prefix`.
    package func countTimers(prefix: String) throws(StoreError) -> Int {
        try reading { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "SELECT count(*) FROM timers WHERE substr(key, 1, length(?1)) = ?1")
            defer { statement.reset() }
            try statement.bind(1, prefix)
            return try statement.step() ? Int(statement.integer(0)) : 0
        }
    }
}

package import Domain
import SQLite

extension ReadStore {
    /// How many orders are in that phase, by the orders service's own account.
    package func count(of phase: Order.Phase) throws(ReadError) -> Int {
        try read { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "SELECT count(*) FROM orders WHERE status = ?1")
            defer { statement.reset() }
            try statement.bind(1, phase.rawValue)
            return try statement.step() ? Int(statement.integer(0)) : 0
        }
    }
}

package import EventSourcing
import SQLite

extension EventLog {
    /// Stops all writing and says why; survives a restart. Kept until `openEpoch`.
    package func halt(_ reason: String) throws(StoreError) {
        haltReason = reason
        guard !isClosed else { throw .closed }
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement("UPDATE log SET halted = ?1")
            try statement.bind(1, reason)
            try statement.run()
            try connection.confirm()
        }
    }

    /// Begins a new epoch after the newest event, and lets a halted log write again.
    ///
    /// Whoever reads this log goes on from the new epoch's first position; what it had read beyond
    /// is orphaned.
    /// - Parameter known: the newest epoch that readers have met; the new one is newer.
    /// - Throws: `notWritten`; `outcomeUnknown`, and the log is closed then; `closed`.
    package func openEpoch(why: String, after known: Epoch = .first, at now: Timestamp)
        throws(StoreError)
    {
        let (number, overflow) = max(epoch, known).value.addingReportingOverflow(1)
        guard !overflow else {
            throw .unusable(path: connection.path, why: "its epoch \(epoch) is damaged")
        }
        let next = Epoch(number)
        try transact { () throws(StoreError) in
            try write { (connection) throws(SQLiteError) in
                let insert = try connection.statement("INSERT INTO epochs VALUES (?1, ?2, ?3, ?4)")
                try insert.bind(1, next.value)
                try insert.bind(2, head.next.value)
                try insert.bind(3, now.microseconds)
                try insert.bind(4, why)
                try insert.run()
                try connection.execute("UPDATE log SET halted = NULL")
                let forget = try connection.statement("DELETE FROM outbox WHERE position > ?1")
                try forget.bind(1, head.value)
                try forget.run()
            }
        }
        epoch = next
        haltReason = nil
    }
}

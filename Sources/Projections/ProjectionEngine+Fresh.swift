import EventSourcing
import EventStore
import Messaging
import SQLite

/// What an engine does whose rows are to take the place of others.
extension ProjectionEngine {
    /// How many events of all logs it has looked at.
    var eventsRead: Int64 { sources.reduce(0) { $0 + checkpoint(of: $1).position.value } }

    /// Whether it has not read beyond any of these.
    func isWithin(_ checkpoints: [String: Checkpoint]) -> Bool {
        sources.allSatisfy {
            checkpoint(of: $0).position <= (checkpoints[$0.description] ?? .start).position
        }
    }

    /// Takes over what the live engine knows of its sources, once both are at the same positions:
    /// a feed does not tell how new its newest event is.
    func takeOver(_ checkpoints: [String: Checkpoint]) throws(SQLiteError) {
        try connection.execute("BEGIN")
        let table = CheckpointTable(connection)
        for (source, checkpoint) in checkpoints.sorted(by: { $0.key < $1.key }) {
            try table.save(checkpoint, for: source)
        }
        try connection.execute("COMMIT")
        state.checkpoints = checkpoints
        state.dirty = []
    }

    /// Moves the whole `-wal` into the file.
    func settleFile() throws(SQLiteError) {
        guard try connection.integer("PRAGMA wal_checkpoint(TRUNCATE)") == 0 else {
            throw SQLiteError(
                code: 5, message: "somebody reads it", action: "checkpointing \(store.path)")
        }
    }

    /// What the file's own structure lacks; nil where it is sound.
    func unsoundness() throws(SQLiteError) -> String? {
        let found = try connection.texts("PRAGMA quick_check(1)").first ?? "no answer"
        return found == "ok" ? nil : found
    }
}

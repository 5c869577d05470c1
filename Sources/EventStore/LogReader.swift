package import EventSourcing
package import SQLite

/// A read-only view of a log's file. Each call is one short transaction, so that it never holds up
/// the writer's checkpoints.
package struct LogReader {
    package let queries: LogQueries

    /// Opens the file for reading, while its writer is at work or after it.
    ///
    /// - Throws: `unreadable` where there is no such file, `unusable` for another format.
    package init(path: String, mode: Connection.Mode = .reader) throws(StoreError) {
        do throws(SQLiteError) {
            let connection = try Connection(path: path, mode: mode)
            guard let format = try connection.integer("PRAGMA user_version"),
                format == Schema.format
            else {
                throw SQLiteError(
                    code: 26, message: "is no log of format \(Schema.format)",
                    action: "opening \(path)")
            }
            guard let name = try connection.texts("SELECT name FROM log").first else {
                throw SQLiteError(code: 26, message: "names no log", action: "opening \(path)")
            }
            queries = LogQueries(connection: connection, name: LogName(name))
        } catch {
            if error.isCorrupt { throw .unusable(path: path, why: error.message) }
            throw .unreadable(error)
        }
    }

    /// Opens a file to look at it: one that nobody writes, and that has nothing in a log beside it,
    /// is left without a trace.
    ///
    /// - Throws: as above.
    package init(path: String, isInUse: Bool) throws(StoreError) {
        let hasTail = isInUse || Connection.hasWriteAheadLog(path)
        try self.init(path: path, mode: hasTail ? .reader : .immutable)
    }

    package var name: LogName { queries.name }
}

import SQLite
import Synchronization

/// Notes about keys, of several kinds, in a file: more than memory is to hold. Any thread may take
/// notes; they do not survive the process.
package final class Notebook: Sendable {
    /// So many notes wait in memory.
    private static let waiting = 4096

    private struct Pages {
        let connection: Connection
        var pending: [(kind: Int, key: String, note: String)] = []
    }

    private let kinds: Int
    private let pages: Mutex<Pages>

    /// - Parameter path: a file that does not exist yet; the caller removes it afterwards.
    package init(path: String, kinds: Int) throws(StoreError) {
        self.kinds = kinds
        do throws(SQLiteError) {
            let connection = try Connection(path: path, mode: .writer, durability: .none)
            for kind in 0..<kinds {
                try connection.execute(
                    """
                    CREATE TABLE notes_\(kind)(key TEXT PRIMARY KEY, note TEXT NOT NULL) \
                    WITHOUT ROWID
                    """)
            }
            pages = Mutex(Pages(connection: connection))
        } catch { throw .notWritten(error) }
    }

    /// Notes something of a key; of two notes of one kind the later counts.
    package func take(_ kind: Int, of key: String, _ note: String) throws(StoreError) {
        let failure = pages.withLock { pages -> SQLiteError? in
            pages.pending.append((kind, key, note))
            guard pages.pending.count >= Self.waiting else { return nil }
            return Self.write(&pages)
        }
        if let failure { throw .notWritten(failure) }
    }

    /// Every key with a note of the first kind, sorted, with its notes of all kinds.
    package func forEach(_ body: (String, [String?]) -> Void) throws(StoreError) {
        let failure = pages.withLock { pages -> SQLiteError? in
            if let failure = Self.write(&pages) { return failure }
            do throws(SQLiteError) {
                let row = try pages.connection.statement(joined)
                defer { row.reset() }
                while try row.step() {
                    body(row.text(0), (0..<kinds).map { row.optionalText(Int32($0) + 1) })
                }
                return nil
            } catch { return error }
        }
        if let failure { throw .unreadable(failure) }
    }

    private var joined: String {
        let notes = (0..<kinds).map { "n\($0).note" }.joined(separator: ", ")
        let joins = (1..<max(1, kinds)).map {
            " LEFT JOIN notes_\($0) n\($0) ON n\($0).key = n0.key"
        }
        return "SELECT n0.key, \(notes) FROM notes_0 n0\(joins.joined()) ORDER BY n0.key"
    }

    private static func write(_ pages: inout Pages) -> SQLiteError? {
        do throws(SQLiteError) {
            try pages.connection.execute("BEGIN")
            for (kind, key, note) in pages.pending {
                let statement = try pages.connection.statement(
                    "INSERT OR REPLACE INTO notes_\(kind) VALUES (?1, ?2)")
                try statement.bind(1, key)
                try statement.bind(2, note)
                try statement.run()
            }
            try pages.connection.execute("COMMIT")
            pages.pending.removeAll(keepingCapacity: true)
            return nil
        } catch { return error }
    }
}

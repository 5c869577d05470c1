import CSQLite

/// What SQLite answered instead of doing what it was asked.
public struct SQLiteError: Error, Hashable, CustomStringConvertible {
    /// SQLite's extended result code; see https://sqlite.org/rescode.html.
    package let code: Int32
    package let message: String
    /// The statement, or what was done.
    package let action: String

    package init(code: Int32, message: String, action: String) {
        self.code = code
        self.message = message
        self.action = action
    }

    /// The primary result code, the extended one's lowest byte.
    package var primaryCode: Int32 { code & 0xFF }
    package var isFull: Bool { primaryCode == SQLITE_FULL }
    package var isBusy: Bool { primaryCode == SQLITE_BUSY || primaryCode == SQLITE_LOCKED }
    package var isConstraint: Bool { primaryCode == SQLITE_CONSTRAINT }
    /// Of the disk, memory, descriptors or somebody's lock, and not of what the file holds: it may
    /// not come again.
    package var mayPass: Bool {
        [SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_NOMEM, SQLITE_FULL, SQLITE_PROTOCOL]
            .contains(primaryCode) || isBusy
    }
    package var isCorrupt: Bool {
        primaryCode == SQLITE_CORRUPT || primaryCode == SQLITE_NOTADB
    }

    public var description: String { "SQLite: \(message) (code \(code)) in: \(action)" }
}

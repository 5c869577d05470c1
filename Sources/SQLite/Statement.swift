import CSQLite

/// A compiled SQL statement: bind (from 1), step, read columns (from 0), reset.
package final class Statement {
    private let pointer: OpaquePointer
    private unowned let connection: Connection
    private let sql: String
    /// Tells SQLite to take a copy of what is bound.
    private let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    init(_ pointer: OpaquePointer, of connection: Connection, sql: String) {
        self.pointer = pointer
        self.connection = connection
        self.sql = sql
    }

    deinit { sqlite3_finalize(pointer) }

    private func check(_ code: Int32) throws(SQLiteError) {
        guard code == SQLITE_OK else { throw connection.failure(code, sql) }
    }

    package func bind(_ index: Int32, _ value: Int64) throws(SQLiteError) {
        try check(sqlite3_bind_int64(pointer, index, value))
    }

    package func bind(_ index: Int32, _ value: Int64?) throws(SQLiteError) {
        guard let value else { return try check(sqlite3_bind_null(pointer, index)) }
        try bind(index, value)
    }

    package func bind(_ index: Int32, _ value: String) throws(SQLiteError) {
        var value = value
        let code = value.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { characters in
                sqlite3_bind_text64(
                    pointer, index, characters.baseAddress, UInt64(characters.count), transient,
                    UInt8(SQLITE_UTF8))
            }
        }
        // An empty string may have no address, which SQLite takes for NULL.
        if value.isEmpty {
            try check(sqlite3_bind_text(pointer, index, "", 0, transient))
        } else {
            try check(code)
        }
    }

    package func bind(_ index: Int32, _ value: String?) throws(SQLiteError) {
        guard let value else { return try check(sqlite3_bind_null(pointer, index)) }
        try bind(index, value)
    }

    /// Binds UTF-8 bytes as TEXT.
    package func bind(_ index: Int32, text bytes: [UInt8]) throws(SQLiteError) {
        // No bytes may have no address, which SQLite takes for NULL.
        if bytes.isEmpty { return try check(sqlite3_bind_text(pointer, index, "", 0, transient)) }
        let code = bytes.withUnsafeBytes { buffer in
            sqlite3_bind_text64(
                pointer, index, buffer.bindMemory(to: CChar.self).baseAddress,
                UInt64(buffer.count), transient, UInt8(SQLITE_UTF8))
        }
        try check(code)
    }

    /// Binds bytes as BLOB.
    package func bind(_ index: Int32, _ bytes: [UInt8]) throws(SQLiteError) {
        if bytes.isEmpty { return try check(sqlite3_bind_zeroblob(pointer, index, 0)) }
        let code = bytes.withUnsafeBytes { buffer in
            sqlite3_bind_blob64(
                pointer, index, buffer.baseAddress, UInt64(buffer.count), transient)
        }
        try check(code)
    }

    /// Goes to the next row; false when there is none.
    package func step() throws(SQLiteError) -> Bool {
        switch sqlite3_step(pointer) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw connection.failure(code, sql)
        }
    }

    /// Runs a statement that gives no rows, and resets it.
    package func run() throws(SQLiteError) {
        defer { reset() }
        while try step() {}
    }

    package func reset() { sqlite3_reset(pointer) }

    package func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(pointer, column) }

    package func optionalInteger(_ column: Int32) -> Int64? {
        sqlite3_column_type(pointer, column) == SQLITE_NULL ? nil : integer(column)
    }

    package func text(_ column: Int32) -> String {
        withBytes(column) { String(decoding: $0, as: UTF8.self) }
    }

    package func optionalText(_ column: Int32) -> String? {
        sqlite3_column_type(pointer, column) == SQLITE_NULL ? nil : text(column)
    }

    /// SQLite's code for the type of the row's value.
    func type(_ column: Int32) -> Int32 { sqlite3_column_type(pointer, column) }

    /// The bytes of a TEXT or BLOB column.
    package func bytes(_ column: Int32) -> [UInt8] { withBytes(column) { Array($0) } }

    /// Lends the bytes of a TEXT or BLOB column, which are gone with the next step.
    package func withBytes<Result>(
        _ column: Int32, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let start = sqlite3_column_blob(pointer, column)
        let count = start == nil ? 0 : Int(sqlite3_column_bytes(pointer, column))
        return body(UnsafeRawBufferPointer(start: start, count: count))
    }
}

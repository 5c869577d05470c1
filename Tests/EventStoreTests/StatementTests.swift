import Foundation
import SQLite
import Testing

@Suite struct StatementTests {
    private let folder: Folder
    private let connection: Connection

    init() throws {
        folder = try Folder()
        connection = try folder.stranger("plain.db")
        try connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    }

    private func stored(_ bind: (Statement) throws(SQLiteError) -> Void) throws -> Statement {
        let insert = try connection.statement("INSERT OR REPLACE INTO t VALUES (1, ?1)")
        try bind(insert)
        try insert.run()
        let select = try connection.statement("SELECT v, typeof(v), length(v) FROM t WHERE id = 1")
        #expect(try select.step())
        return select
    }

    @Test func `an empty string is an empty text and not null`() throws {
        let row = try stored { (row) throws(SQLiteError) in try row.bind(1, "") }
        #expect(row.text(1) == "text")
        #expect(row.optionalText(0)?.isEmpty == true)
    }

    @Test func `no bytes bound as text are an empty text and not null`() throws {
        let row = try stored { (row) throws(SQLiteError) in try row.bind(1, text: []) }
        #expect(row.text(1) == "text")
        #expect(row.bytes(0).isEmpty)
    }

    @Test func `no bytes bound as a blob are an empty blob and not null`() throws {
        let row = try stored { (row) throws(SQLiteError) in try row.bind(1, [UInt8]()) }
        #expect(row.text(1) == "blob")
        #expect(row.integer(2) == 0)
    }

    @Test func `nil is null, and null is nil`() throws {
        let text = try stored { (row) throws(SQLiteError) in try row.bind(1, String?.none) }
        #expect(text.text(1) == "null")
        #expect(text.optionalText(0) == nil)
        #expect(text.optionalInteger(0) == nil)
        #expect(text.text(0).isEmpty)
        #expect(text.bytes(0).isEmpty)
        text.reset()
        let number = try stored { (row) throws(SQLiteError) in try row.bind(1, Int64?.none) }
        #expect(number.optionalInteger(0) == nil)
        number.reset()
    }

    @Test(arguments: [Int64.min, -1, 0, 1, .max])
    func `integers come back`(value: Int64) throws {
        let row = try stored { (row) throws(SQLiteError) in try row.bind(1, value) }
        #expect(row.integer(0) == value)
        #expect(row.optionalInteger(0) == value)
    }

    @Test(arguments: ["a\u{0}b", "é", "e\u{301}", "😀", "'; DROP TABLE t; --"])
    func `texts come back byte for byte`(value: String) throws {
        let row = try stored { (row) throws(SQLiteError) in try row.bind(1, value) }
        #expect(Array(row.text(0).utf8) == Array(value.utf8))
    }

    @Test func `a text that is no UTF-8 is read without a trap`() throws {
        let row = try stored { (row) throws(SQLiteError) in try row.bind(1, text: [0xFF, 0x41]) }
        #expect(row.text(0) == "\u{FFFD}A")
        #expect(row.bytes(0) == [0xFF, 0x41])
    }

    @Test func `four megabytes come back as blob and as text`() throws {
        let bytes = (0..<4_194_304).map { UInt8($0 % 251) }
        let blob = try stored { (row) throws(SQLiteError) in try row.bind(1, bytes) }
        #expect(blob.bytes(0) == bytes)
        blob.reset()
        let text = try stored { (row) throws(SQLiteError) in
            try row.bind(1, text: bytes.map { $0 & 0x3F | 0x20 })
        }
        #expect(text.bytes(0) == bytes.map { $0 & 0x3F | 0x20 })
    }

    @Test func `a statement that fails says which and why, and works afterwards`() throws {
        try connection.execute("CREATE TABLE u(id INTEGER PRIMARY KEY, v NOT NULL)")
        let insert = try connection.statement("INSERT INTO u VALUES (1, ?1)")
        try insert.bind(1, String?.none)
        let error = #expect(throws: SQLiteError.self) { try insert.run() }
        #expect(error?.isConstraint == true)
        #expect(error?.description.contains("NOT NULL") == true)
        #expect(error?.description.contains("INSERT INTO u") == true)
        try insert.bind(1, "now")
        try insert.run()
        #expect(throws: SQLiteError.self) { try insert.bind(7, "no such parameter") }
        #expect(throws: SQLiteError.self) { try connection.statement("SELEKT 1") }
        #expect(throws: SQLiteError.self) { try connection.statement("") }
    }
}

@Suite struct ConnectionTests {
    private let folder: Folder
    init() throws { folder = try Folder() }

    @Test func `a reader sees what is committed and cannot write`() throws {
        let writer = try folder.stranger("plain.db")
        try writer.execute("CREATE TABLE t(v); INSERT INTO t VALUES (1)")
        let reader = try Connection(path: folder.file("plain.db"), mode: .reader)
        #expect(try reader.integer("SELECT v FROM t") == 1)
        for sql in ["INSERT INTO t VALUES (2)", "DELETE FROM t", "CREATE TABLE u(v)"] {
            #expect(throws: SQLiteError.self) { try reader.execute(sql) }
        }
        try writer.execute("BEGIN; INSERT INTO t VALUES (2)")
        #expect(try reader.integer("SELECT count(*) FROM t") == 1)
        try writer.execute("COMMIT")
        #expect(try reader.integer("SELECT count(*) FROM t") == 2)
    }

    @Test func `a reader never checkpoints, not even when it is the last to close`() throws {
        var writer: Connection? = try folder.stranger("plain.db")
        try writer?.execute("PRAGMA wal_autocheckpoint=0; CREATE TABLE t(v)")
        try writer?.execute("INSERT INTO t VALUES (zeroblob(100000))")
        var reader: Connection? = try Connection(path: folder.file("plain.db"), mode: .reader)
        #expect(try reader?.integer("SELECT count(*) FROM t") == 1)
        let (wal, file) = (folder.size("plain.db-wal"), folder.size("plain.db"))
        #expect(wal > 100_000)
        reader?.checkpoint()
        #expect(folder.size("plain.db") == file)
        writer = nil
        #expect(folder.size("plain.db-wal") == wal)
        reader = nil
        #expect(folder.size("plain.db-wal") == wal)
        #expect(folder.size("plain.db") == file)
    }

    @Test func `a reader makes no file where there is none`() throws {
        #expect(throws: SQLiteError.self) {
            try Connection(path: folder.file("absent.db"), mode: .reader)
        }
        #expect(!FileManager.default.fileExists(atPath: folder.file("absent.db")))
    }

    @Test(arguments: ["plain.db", "50% of #1?.db", "café 😀.db"])
    func `a file nobody writes is read without a trace beside it`(name: String) throws {
        do {
            let writer = try folder.stranger(name)
            try writer.execute("CREATE TABLE t(v); INSERT INTO t VALUES (7)")
        }
        let before = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        let reader = try Connection(path: folder.file(name), mode: .immutable)
        #expect(try reader.integer("SELECT v FROM t") == 7)
        #expect(throws: SQLiteError.self) { try reader.execute("DELETE FROM t") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == before)
    }
}

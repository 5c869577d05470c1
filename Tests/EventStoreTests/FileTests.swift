import EventSourcing
import EventStore
import Foundation
import SQLite
import Testing

@Suite struct StoredBytesTests {
    @Test func `a log that the first build of format 1 wrote is read to the last byte`() throws {
        let folder = try Folder()
        try folder.stranger().execute(formatOne)
        try folder.stranger().execute(
            """
            INSERT INTO effects
            VALUES(7, 'pay', 'call', 'order-a', '{}', '{"actor":"x"}', 2, 5)
            """)
        let log = try folder.open()
        #expect(log.head == Position(4))
        #expect(log.epoch == Epoch(2))
        #expect(!log.wasUnclean)
        let stored = try log.all()
        #expect(
            stored.map(\.identity.description) == [
                "orders/1/1", "orders/1/2", "orders/1/3", "orders/2/4",
            ])
        #expect(
            stored.map(\.stream.description) == [
                "order-a", "order-a", "order-caf\u{E9}", "order-a",
            ])
        #expect(stored.map(\.version.value) == [1, 2, 1, 3])
        #expect(stored.map(\.type.description) == Array(repeating: "order.noted/1", count: 4))
        #expect(
            stored.map { String(decoding: $0.data, as: UTF8.self) }
                == (0..<4).map { "{\"number\":\($0)}" })
        #expect(stored.allSatisfy { $0.leaf == $0.computedLeaf })
        #expect(MerkleTree.root(over: 0..<4) { stored[Int($0)].leaf } == log.tree.root)
        #expect(
            log.tree.root.hex == "c9948030abc0517cd4718409d1a5c861af64e7c32c087fd31e6c0d2ff5d80387")
        #expect(try log.queries.published()?.position == Position(2))
        #expect(try log.timers(awaiting: nil, dueBy: noon, limit: 9).map(\.key) == ["t"])
        #expect(
            try log.effects(dueBy: noon, limit: 9) == [
                Effect(
                    key: "pay", kind: "call", stream: order("a"), data: "{}",
                    metadata: #"{"actor":"x"}"#, attempts: 2, due: Timestamp(microseconds: 5))
            ])
        try log.append(events(1), to: order("a"), expecting: .exactly(Version(3)))
    }

    @Test(.enabled(if: shellIsInstalled))
    func `the sqlite3 shell reads a log, and cannot change its events`() throws {
        let folder = try Folder()
        let log = try folder.open()
        try log.append([event(41), event(42)], to: order("a"))
        let sum =
            "SELECT sum(json_extract(data, '$.number')), metadata ->> '$.actor' FROM events"
        #expect(try shell(folder.file(), sql: sum) == "83|system\n")
        for sql in [
            "UPDATE events SET data = '{}'", "DELETE FROM events WHERE position = 1",
            "UPDATE events SET leaf = leaf", "DELETE FROM events",
        ] {
            #expect(try shell(folder.file(), sql: sql).contains("the log is append-only"))
        }
        #expect(try log.all().map(\.data) == [event(41).data, event(42).data])
    }

    @Test(arguments: [
        "UPDATE events SET data = '{}'", "UPDATE events SET position = 9 WHERE position = 1",
        "DELETE FROM events", "UPDATE OR REPLACE events SET version = 2 WHERE position = 1",
    ])
    func `events are neither changed nor deleted`(sql: String) throws {
        let folder = try Folder()
        let log = try folder.open()
        try log.append(events(2), to: order("a"))
        let before = log.shape
        for connection in [log.queries.connection, try folder.stranger()] {
            let error = #expect(throws: SQLiteError.self) { try connection.execute(sql) }
            #expect(error?.message.contains("append-only") == true)
        }
        #expect(log.shape == before)
    }

    private static var shellIsInstalled: Bool {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/sqlite3")
    }

    /// What the shell prints and complains of.
    private func shell(_ path: String, sql: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/sqlite3")
        process.arguments = [path, sql]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }
}

@Suite struct RefusedFileTests {
    private let folder: Folder
    init() throws { folder = try Folder() }

    /// The error of opening the file, which must leave its bytes as they are.
    private func refusal(name: String = "orders") throws -> StoreError? {
        let url = URL(fileURLWithPath: folder.file())
        let before = try Data(contentsOf: url)
        let thrown = error { () throws(StoreError) in _ = try folder.open(name: name) }
        #expect(try Data(contentsOf: url) == before)
        return thrown
    }

    /// A log of five events, closed.
    private func makeLog(_ change: String = "") throws {
        let log = try folder.open()
        try log.append(events(5), to: order("a"))
        log.close()
        try folder.stranger().execute(change)
    }

    @Test(arguments: [4, 99, -1, Int64.max >> 33])
    func `a file of another format is refused and left as it is`(format: Int64) throws {
        try makeLog("PRAGMA user_version=\(format)")
        let thrown = try refusal()
        #expect(thrown?.kind == "unusable")
        if format > Schema.format {
            #expect(thrown?.description.contains("format \(format)") == true)
            #expect(thrown?.description.contains("run a newer build") == true)
        }
        #expect(
            failure { () throws(StoreError) in _ = try LogReader(path: folder.file()) }
                == "unusable")
    }

    @Test func `a database that is no log is refused and left as it is`() throws {
        do {
            let other = try folder.stranger()
            try other.execute(
                "PRAGMA journal_mode=DELETE; CREATE TABLE t(v); INSERT INTO t VALUES (1)")
        }
        #expect(try refusal()?.kind == "unusable")
        #expect(try folder.stranger().integer("SELECT count(*) FROM sqlite_schema") == 1)
    }

    @Test(arguments: [
        "no database at all, but long enough to be looked at", "SQLite format 3\u{0}",
    ])
    func `a file that is no database is refused`(text: String) throws {
        let content = text + String(repeating: ".", count: 5000)
        try Data(content.utf8).write(to: URL(fileURLWithPath: folder.file()))
        let thrown = try refusal()
        #expect(["unusable", "unreadable"].contains(thrown?.kind))
        #expect(throws: StoreError.self) { try LogReader(path: folder.file()) }
    }

    @Test func `an empty file becomes a log, a folder does not`() throws {
        try Data().write(to: URL(fileURLWithPath: folder.file()))
        try folder.open().append(events(1), to: order("a"))
        let folderAsFile = failure { () throws(StoreError) in
            _ = try EventLog(path: folder.path, name: LogName("orders"), at: noon)
        }
        #expect(folderAsFile == "unreadable")
        #expect(
            failure { () throws(StoreError) in _ = try LogReader(path: folder.file("absent")) }
                == "unreadable")
    }

    @Test func `another log's file is refused, and both names are said`() throws {
        try makeLog()
        let thrown = try refusal(name: "payments")
        #expect(thrown?.kind == "unusable")
        #expect(thrown?.description.contains("it is the log orders, not payments") == true)
    }

    @Test(arguments: [
        "x''", "x'00'", "x'0000000000000005'", "x'FFFFFFFFFFFFFFFF'", "zeroblob(71)",
        "x'0000000000000001' || zeroblob(32)", "'text'", "zeroblob(8)",
    ])
    func `a damaged tree is an error that says what to do`(tree: String) throws {
        try makeLog("UPDATE log SET tree = CAST(\(tree) AS BLOB)")
        let thrown = error { () throws(StoreError) in _ = try folder.open() }
        #expect(thrown?.kind == "unusable")
        #expect(thrown?.description.contains("tree") == true)
    }

    @Test(arguments: [
        "DROP TABLE events", "DROP TABLE log", "DROP TABLE epochs",
        "DROP TRIGGER events_stay; UPDATE events SET leaf = x'00' WHERE position = 5",
    ])
    func `a log that lacks something is an error`(change: String) throws {
        try makeLog(change)
        #expect(throws: StoreError.self) { try folder.open() }
    }

    @Test(arguments: [
        "9223372036854775807 - 5 + position", "-position", "'text' || position",
        "zeroblob(position)",
    ])
    func `a damaged version is an error and no trap`(version: String) throws {
        try makeLog("DROP TRIGGER events_stay; UPDATE events SET version = \(version)")
        let log = try folder.open()
        #expect(
            failure { () throws(StoreError) in try log.append(events(1), to: order("a")) } != nil)
        #expect(log.head == Position(5))
    }
}

@Suite struct GarbageTests {
    /// Overwrites one page after the other with noise, and does with the log all that can be done.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `a log with a garbled page gives errors and never a trap`(seed: UInt64) throws {
        let folder = try Folder()
        let log = try folder.open()
        for number in 0..<40 { try log.append(events(10), to: order("\(number)")) }
        try log.backup(to: folder.file("whole.db"))
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.file("whole.db")))
        let pages = whole.count / 4096
        #expect(pages > 20)
        var generator = Seeded(seed)
        var failures = 0
        for page in 0..<pages {
            var bytes = whole
            let start = page * 4096 + Int.random(in: 0..<4000, using: &generator)
            let length = Bool.random(using: &generator) ? 4096 - start % 4096 : 8
            for index in start..<start + length {
                bytes[index] = UInt8(truncatingIfNeeded: generator.next())
            }
            let file = "garbled-\(page).db"
            try bytes.write(to: URL(fileURLWithPath: folder.file(file)))
            if try !use(folder, file) { failures += 1 }
        }
        #expect(failures > 0)
    }

    /// Whether all went well.
    private func use(_ folder: Folder, _ file: String) throws -> Bool {
        do throws(StoreError) {
            let log = try folder.open(file)
            let stored = try log.all()
            for record in stored {
                _ = record.computedLeaf == record.leaf
                _ = record.description.count
            }
            for number in 0..<40 {
                try log.append(events(1), to: order("\(number)"))
                _ = try log.queries.stream(order("\(number)"), after: .none, limit: 99, .backward)
            }
            try log.openEpoch(why: "a test", at: noon)
            _ = try (log.checkpoints(), log.parked(limit: 9), log.inHand())
            log.close()
            return true
        } catch {
            return false
        }
    }
}

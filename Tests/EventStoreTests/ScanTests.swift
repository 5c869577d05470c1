import EventSourcing
import EventStore
import SQLite
import Testing

/// Whole logs, read a piece at a time.
@Suite struct ScanTests {
    private let folder: Folder
    private let log: EventLog

    init() throws {
        folder = try Folder()
        log = try folder.open()
    }

    private func reader() throws -> LogQueries { try LogReader(path: folder.file()).queries }

    @Test func `a scan gives each event as the log holds it, up to the moment it began`() throws {
        for number in 0..<30 {
            try log.append(events(1 + number % 3), to: order("\(number % 7)"))
        }
        let queries = try reader()
        try queries.begin()
        let all = try queries.log(after: .start, limit: 1000)
        try log.append(events(1), to: order("later"))
        var scan = try LogScan(queries)
        var seen: [Position] = []
        var (bytes, ends): ([UInt8], [Int]) = ([], [])
        while let event = try scan.next() {
            let record = all[seen.count]
            let (stream, version) = try #require(try queries.stream(key: event.key))
            #expect(stream == record.stream && version >= record.version)
            #expect(event.identity == record.identity && event.version == record.version)
            #expect(event.type == record.type && event.recordedAt == record.recordedAt)
            #expect(event.data == record.data && event.metadata == record.metadata)
            #expect(event.leaf == record.leaf)
            event.appendLeafBytes(of: stream, to: &bytes)
            ends.append(bytes.count)
            seen.append(event.position)
        }
        #expect(seen == all.map(\.position) && seen.count == 60)
        #expect(MerkleTree.leaves(bytes, ends: ends) == all.map(\.leaf))
        #expect(try queries.countStreams() == 7)
        #expect(try queries.emptyStreams(limit: 10).isEmpty)
        try queries.end()
        #expect(try queries.countStreams() == 8)
    }

    @Test func `an event whose leaf is no hash is damage`() throws {
        try log.append(events(2), to: order("a"))
        try folder.stranger().execute(
            "DROP TRIGGER events_stay; UPDATE events SET leaf = x'00' WHERE position = 2")
        var scan = try LogScan(try reader())
        #expect(try scan.next()?.position == Position(1))
        #expect(throws: StoreError.self) { try scan.next() }
    }

    @Test func `streams without events are told apart`() throws {
        try log.append(events(1), to: order("a"))
        try folder.stranger().execute(
            "INSERT INTO streams(name) VALUES ('order-ghost'), ('broken')")
        let found = try reader().emptyStreams(limit: 10)
        #expect(found == [order("ghost")])
        #expect(try reader().stream(key: 99) == nil)
    }

    @Test func `events of some types are read without the others`() throws {
        let (noted, other) = (EventType("order.noted"), EventType("order.other"))
        for number in 0..<20 {
            try log.append([event(number, number % 4 == 0 ? noted : other)], to: order("a"))
        }
        func positions(_ from: Int64, _ through: Int64, _ types: [String], _ limit: Int) throws
            -> [Int64]
        {
            try reader().log(
                after: Position(from), through: Position(through), types: types, limit: limit,
                bytes: .max
            ).map(\.position.value)
        }
        #expect(try positions(0, 20, ["order.noted"], 100) == [1, 5, 9, 13, 17])
        #expect(try positions(1, 13, ["order.noted"], 100) == [5, 9, 13])
        #expect(try positions(0, 20, ["order.noted"], 2) == [1, 5])
        #expect(try positions(0, 3, ["order.noted", "order.other"], 100) == [1, 2, 3])
        #expect(try positions(0, 20, [], 100).isEmpty)
    }

    @Test func `the next epoch's first position is known`() throws {
        try log.append(events(4), to: order("a"))
        #expect(try log.queries.epochStart(after: .start) == Position(1))
        #expect(try log.queries.epochStart(after: Position(1)) == nil)
        try log.openEpoch(why: "restored", at: noon)
        #expect(try log.queries.epochStart(after: Position(1)) == Position(5))
    }
}

/// Notes that memory is not to hold.
@Suite struct NotebookTests {
    @Test func `notes are joined by key, however many there are`() throws {
        let folder = try Folder()
        let book = try Notebook(path: folder.file("notes.db"), kinds: 3)
        let count = 10_000
        for number in (0..<count).reversed() {
            let key = String(number + 100_000)
            try book.take(0, of: key, "end \(number)")
            if number % 2 == 0 { try book.take(1, of: key, "even") }
            if number % 3 == 0 { try book.take(2, of: key, "") }
        }
        try book.take(1, of: "nobody", "is not asked for")
        try book.take(0, of: "100007", "seven")
        var seen = 0
        try book.forEach { key, notes in
            #expect(key == String(seen + 100_000))
            #expect(notes[0] == (seen == 7 ? "seven" : "end \(seen)"))
            #expect(notes[1] == (seen % 2 == 0 ? "even" : nil))
            #expect(notes[2] == (seen % 3 == 0 ? "" : nil))
            seen += 1
        }
        #expect(seen == count)
    }
}

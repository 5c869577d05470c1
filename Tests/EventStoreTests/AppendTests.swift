import EventSourcing
import EventStore
import SQLite
import Testing

@Suite struct AppendTests {
    private let folder: Folder
    private let log: EventLog

    init() throws {
        folder = try Folder()
        log = try folder.open()
    }

    @Test(arguments: [
        (0, ExpectedVersion.any), (2, .any), (0, .noStream), (0, .exactly(.none)),
        (2, .exactly(Version(2))),
    ])
    func `an append is taken where the stream is as expected`(
        version: Int, expected: ExpectedVersion
    ) throws {
        try log.append(events(version), to: order("a"))
        let records = try log.append(events(2), to: order("a"), expecting: expected)
        #expect(records.map(\.version.value) == [Int64(version) + 1, Int64(version) + 2])
        #expect(
            try log.queries.stream(order("a"), after: .none, limit: 10).suffix(2) == records[...])
    }

    @Test(arguments: [
        (2, ExpectedVersion.noStream), (2, .exactly(.none)), (2, .exactly(Version(1))),
        (2, .exactly(Version(3))), (0, .exactly(Version(1))), (0, .exactly(Version(-1))),
        (0, .exactly(Version(.max))),
    ])
    func `an append is a conflict where the stream is otherwise, and nothing is written`(
        version: Int, expected: ExpectedVersion
    ) throws {
        try log.append(events(version), to: order("a"))
        let before = log.shape
        let thrown = error { () throws(StoreError) in
            try log.append(events(2), to: order("a"), expecting: expected)
        }
        guard case .conflict(order("a"), expected, Version(Int64(version)))? = thrown else {
            Issue.record("no conflict: \(String(describing: thrown))")
            return
        }
        #expect(log.shape == before)
        // An unknown stream stays unknown.
        #expect(
            try log.queries.connection.integer("SELECT count(*) FROM streams")
                == (version > 0 ? 1 : 0))
        try log.append(events(1), to: order("b"))
        #expect(try log.all().map(\.position.value) == Array(1...Int64(version + 1)))
    }

    @Test func `nothing to append is nothing written, and still a conflict where it is one`() throws
    {
        #expect(try log.append([], to: order("a"), expecting: .noStream).isEmpty)
        #expect(try log.queries.connection.integer("SELECT count(*) FROM streams") == 0)
        #expect(
            failure { () throws(StoreError) in
                try log.append([], to: order("a"), expecting: .exactly(Version(1)))
            } == "conflict")
    }

    @Test func `positions have no gaps, and each stream counts its own versions`() throws {
        try log.run { (transaction) throws(StoreError) in
            try transaction.append(events(2), to: order("a"), expecting: .noStream)
            try transaction.append(events(1), to: order("b"), expecting: .noStream)
            try transaction.append(events(1), to: order("a"), expecting: .exactly(Version(2)))
        }
        try log.append(events(2), to: order("b"), expecting: .exactly(Version(1)))
        #expect(
            try log.all().map(\.positionAndVersion)
                == [[1, 1], [2, 2], [3, 1], [4, 3], [5, 2], [6, 3]])
        #expect(log.head == Position(6))
    }

    @Test func `a transaction sees its own appends`() throws {
        try log.append(events(1), to: order("a"))
        try log.run { (transaction) throws(StoreError) in
            try transaction.append(events(2), to: order("a"), expecting: .exactly(Version(1)))
            try transaction.append(events(1), to: order("b"), expecting: .noStream)
            #expect(try transaction.stream(order("a")).version == Version(3))
            #expect(try transaction.stream(order("b")).version == Version(1))
            #expect(try transaction.stream(order("c")).version == .none)
            #expect(transaction.head == Position(4))
            #expect(transaction.records.map(\.position.value) == [2, 3, 4])
            let written = try transaction.events(of: order("b"), after: .none, limit: 9)
            #expect(written.isEmpty)
            try transaction.settle()
            #expect(try transaction.events(of: order("b"), after: .none, limit: 9).count == 1)
        }
    }

    @Test func `a transaction over more streams than the cache holds keeps every version`() throws {
        let count = 60_000
        try log.run { (transaction) throws(StoreError) in
            for round in 0..<2 {
                for number in 0..<count {
                    guard round == 0 || number % 6000 == 0 else { continue }
                    try transaction.append(events(1), to: order("\(number)"), expecting: .any)
                    try transaction.append(
                        events(1), to: order("\(number)"),
                        expecting: .exactly(Version(round == 0 ? 1 : 3)))
                }
            }
        }
        let wrong = """
            SELECT count(*) FROM (SELECT max(version) AS last, count(*) AS events FROM events
            GROUP BY stream) WHERE last <> events
            """
        #expect(try log.queries.connection.integer(wrong) == 0)
        #expect(try log.queries.countStreams() == Int64(count))
    }

    @Test func `names that differ in their bytes are different streams`() throws {
        // Equal by Unicode equivalence, and so to a dictionary of texts.
        let (composed, decomposed) = (order("caf\u{E9}"), order("cafe\u{301}"))
        try log.append(events(2), to: composed, expecting: .noStream)
        try log.append(events(1), to: decomposed, expecting: .noStream)
        #expect(try log.queries.stream(decomposed, after: .none, limit: 9).count == 1)
        #expect(try log.queries.stream(composed, after: .none, limit: 9).count == 2)
    }

    @Test(arguments: [StreamID("order", ""), StreamID("", "a"), StreamID("", "")])
    func `a name that could not be read again is not written`(stream: StreamID) throws {
        let thrown = failure { () throws(StoreError) in try log.append(events(1), to: stream) }
        #expect(thrown == "not written")
        try log.append(events(1), to: order("a"))
        #expect(try log.all().count == 1)
    }
}

@Suite struct ReadingTests {
    private let folder: Folder
    private let log: EventLog

    /// Positions 1 to 9: a b a b a b a b a.
    init() throws {
        folder = try Folder()
        log = try folder.open()
        for number in 0..<9 {
            try log.append([event(number)], to: order(number % 2 == 0 ? "a" : "b"))
        }
    }

    struct Read: Sendable {
        let after: Int64
        let limit: Int
        let forward: [Int64]
        let backward: [Int64]
    }

    @Test(arguments: [
        Read(after: 0, limit: 100, forward: [1, 2, 3, 4, 5, 6, 7, 8, 9], backward: []),
        Read(after: 0, limit: 2, forward: [1, 2], backward: []),
        Read(after: 1, limit: 2, forward: [2, 3], backward: []),
        Read(after: 5, limit: 3, forward: [6, 7, 8], backward: [4, 3, 2]),
        Read(after: 9, limit: 1, forward: [], backward: [8]),
        Read(after: 10, limit: 1, forward: [], backward: [9]),
        Read(after: .max, limit: 3, forward: [], backward: [9, 8, 7]),
        Read(after: .min, limit: 1, forward: [1], backward: []),
        Read(after: 5, limit: 0, forward: [], backward: []),
        Read(after: 5, limit: -1, forward: [], backward: []),
    ])
    func `the log is read from anywhere in both directions`(read: Read) throws {
        let from = Position(read.after)
        let forward = try log.queries.log(after: from, limit: read.limit)
        let backward = try log.queries.log(after: from, limit: read.limit, .backward)
        #expect(forward.map(\.position.value) == read.forward)
        #expect(backward.map(\.position.value) == read.backward)
    }

    @Test(arguments: [
        Read(after: 0, limit: 100, forward: [1, 3, 5, 7, 9], backward: []),
        Read(after: 2, limit: 2, forward: [5, 7], backward: [1]),
        Read(after: 5, limit: 2, forward: [], backward: [7, 5]),
        Read(after: .max, limit: 2, forward: [], backward: [9, 7]),
        Read(after: 3, limit: 0, forward: [], backward: []),
        Read(after: 3, limit: -5, forward: [], backward: []),
    ])
    func `a stream is read from any version in both directions`(read: Read) throws {
        let from = Version(read.after)
        let forward = try log.queries.stream(order("a"), after: from, limit: read.limit)
        let backward = try log.queries.stream(order("a"), after: from, limit: read.limit, .backward)
        #expect(forward.map(\.position.value) == read.forward)
        #expect(backward.map(\.position.value) == read.backward)
        #expect(forward.allSatisfy { $0.stream == order("a") })
    }

    @Test func `an unknown stream is empty, an unknown position has no leaf`() throws {
        #expect(try log.queries.stream(order("z"), after: .none, limit: 9).isEmpty)
        #expect(try log.queries.stream(order("z"), after: .none, limit: 9, .backward).isEmpty)
        #expect(try log.queries.leaf(at: Position(10)) == nil)
        #expect(try log.queries.leaf(at: .start) == nil)
        #expect(try log.queries.leaf(at: Position(9))?.1 == log.headLeaf)
    }

    @Test func `a reader reads what the writer wrote`() throws {
        let reader = try LogReader(path: folder.file())
        #expect(reader.name == LogName("orders"))
        #expect(try reader.queries.log(after: .start, limit: 100) == log.all())
        #expect(try reader.queries.head() == log.head)
        try log.append(events(1), to: order("a"))
        #expect(try reader.queries.head() == Position(10))
    }

    @Test func `an event whose stream's name is lost is an error and not a gap`() throws {
        try folder.stranger().execute("DELETE FROM streams WHERE name = 'order-b'")
        #expect(failure { () throws(StoreError) in _ = try log.all() } == "unusable")
    }
}

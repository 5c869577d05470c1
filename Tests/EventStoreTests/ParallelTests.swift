import Dispatch
import EventSourcing
import EventStore
import SQLite
import Synchronization
import Testing

/// A service as the store sees one: many threads hand in appends, a lock lets one write.
private final class Service: Sendable {
    private let log: Mutex<EventLog>

    init(_ folder: Folder) throws {
        log = Mutex(try folder.open())
    }

    func append(_ intent: Intent) -> Outcome {
        log.withLock { (log) in
            do throws(StoreError) {
                return .acknowledged(
                    intent,
                    try log.append(intent.events, to: intent.stream, expecting: intent.expected))
            } catch { return .refused(intent, error) }
        }
    }

    func shape() -> [String] { log.withLock { (log) in log.shape } }
    func close() { log.withLock { (log) in log.close() } }
}

private struct Intent: Sendable {
    let stream: StreamID
    let expected: ExpectedVersion
    let events: [NewEvent]

    /// One of eight streams, any expectation; its events' numbers occur nowhere else.
    init(number: Int, from generator: inout Seeded) {
        stream = order("\(Int.random(in: 0..<8, using: &generator))")
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: expected = .any
        case 1: expected = .noStream
        default: expected = .exactly(Version(.random(in: 0..<40, using: &generator)))
        }
        let count = Int.random(in: 1...3, using: &generator)
        events = (0..<count).map { event(number * 10 + $0) }
    }
}

private enum Outcome: Sendable {
    case acknowledged(Intent, [StoredRecord])
    case refused(Intent, StoreError)
}

/// Whether `stored` is exactly what `outcomes` promised, in the order that it promised.
private func check(_ outcomes: [Outcome], against stored: [StoredRecord]) {
    var promised: [StoredRecord] = []
    var conflicts = 0
    for outcome in outcomes {
        switch outcome {
        case .acknowledged(let intent, let records):
            #expect(records.map(\.data) == intent.events.map(\.data))
            let before = Version((records.first?.version.value ?? 0) - 1)
            #expect(intent.expected.allows(before), "\(intent.stream) had \(before)")
            promised += records
        case .refused(let intent, .conflict(let stream, let expected, let actual)):
            #expect(stream == intent.stream && expected == intent.expected)
            #expect(!expected.allows(actual))
            conflicts += 1
        case .refused(_, .notWritten), .refused(_, .closed): break
        case .refused(_, let error): Issue.record("unexpected: \(error)")
        }
    }
    #expect(promised.count > 0 && conflicts > 0)
    #expect(promised.sorted { $0.position < $1.position } == stored)
    #expect(stored.map(\.position.value) == Array(1..<Int64(stored.count + 1)))
    var versions: [StreamID: Int64] = [:]
    for record in stored {
        versions[record.stream, default: 0] += 1
        #expect(record.version.value == versions[record.stream])
        #expect(record.leaf == record.computedLeaf)
    }
}

@Suite struct ParallelTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `every acknowledged event of many threads is there once, and nothing else is`(
        seed: UInt64
    ) throws {
        let folder = try Folder()
        let service = try Service(folder)
        let outcomes = Mutex<[Outcome]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            var generator = Seeded(seed &* 1000 &+ UInt64(thread))
            for round in 0..<60 {
                let intent = Intent(number: thread * 1000 + round, from: &generator)
                let outcome = service.append(intent)
                outcomes.withLock { $0.append(outcome) }
            }
        }
        let before = service.shape()
        service.close()
        let again = try folder.open()
        #expect(again.shape == before)
        let stored = try again.all()
        check(outcomes.withLock { $0 }, against: stored)
        #expect(
            MerkleTree.root(over: 0..<Int64(stored.count)) { stored[Int($0)].leaf }
                == again.tree.root)
    }

    /// Two writers of one file are a mistake of whoever runs them. It must cost no event.
    @Test(arguments: [4, 5, 6] as [UInt64])
    func `a second writer of the same file loses nothing and doubles nothing`(seed: UInt64) throws {
        let folder = try Folder()
        var generator = Seeded(seed)
        var logs = [try folder.open(), try folder.open()]
        var outcomes: [Outcome] = []
        var recoveries = 0
        for number in 0..<300 {
            let writer = Int.random(in: 0..<2, using: &generator)
            let intent = Intent(number: number, from: &generator)
            do throws(StoreError) {
                let records = try logs[writer].append(
                    intent.events, to: intent.stream, expecting: intent.expected)
                outcomes.append(.acknowledged(intent, records))
            } catch {
                outcomes.append(.refused(intent, error))
                if case .conflict = error { continue }
                // What a service does then: it recovers from disk.
                logs[writer] = try folder.open()
                recoveries += 1
            }
        }
        #expect(recoveries > 0)
        let stored = try folder.open().all()
        check(outcomes, against: stored)
        let versions = """
            SELECT count(*) FROM (SELECT max(version) AS last, count(*) AS events FROM events
            GROUP BY stream) WHERE last <> events
            """
        #expect(try folder.stranger().integer(versions) == 0)
    }

    @Test func `a writer that another one overtook writes nothing more, not even a timer`() throws {
        let folder = try Folder()
        let (first, second) = (try folder.open(), try folder.open())
        try first.append(events(1), to: order("a"))
        try second.queries.connection.execute("SELECT 1")
        let stale = failure { () throws(StoreError) in
            try second.run { (transaction) throws(StoreError) in
                try transaction.set(Timer(key: "t", due: noon, data: "{}"))
            }
        }
        #expect(stale == "not written")
        #expect(
            failure { () throws(StoreError) in try second.append(events(1), to: order("b")) }
                == "closed")
        try first.append(events(1), to: order("a"), expecting: .exactly(Version(1)))
        #expect(try first.timers(awaiting: nil, dueBy: noon, limit: 1).isEmpty)
    }

    @Test func `a stranger that changes no event does not stop the log`() throws {
        let folder = try Folder()
        let log = try folder.open()
        try log.append(events(1), to: order("a"))
        try folder.stranger().execute("DELETE FROM parked; CREATE TABLE notes(text)")
        try log.append(events(1), to: order("a"), expecting: .exactly(Version(1)))
        #expect(log.head == Position(2))
    }
}

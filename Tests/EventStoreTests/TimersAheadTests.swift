import EventSourcing
import EventStore
import SQLite
import Testing

/// What is remembered of the timers' times hides none of them, whatever is set, removed and taken
/// back.
@Suite struct TimersAheadTests {
    private let givenUp = StoreError.notWritten(
        SQLiteError(code: 1, message: "given up", action: "a test"))
    private let sources: [String?] = [nil, "", "deliveries", "payments"]

    private func random(_ count: Int, _ random: inout Seeded) -> Int {
        Int.random(in: 0..<count, using: &random)
    }

    /// One change to the file, and to what should be in it.
    private func change(
        _ timers: inout [String: Timer], _ transaction: Transaction, _ seeded: inout Seeded,
        at now: Timestamp
    ) throws(StoreError) {
        let key = "t\(random(12, &seeded))"
        if random(3, &seeded) == 0 {
            try transaction.removeTimer(key)
            timers[key] = nil
        } else {
            let timer = Timer(
                key: key, due: now + .seconds(random(20, &seeded) - 5),
                source: sources[random(sources.count, &seeded)], data: "{}")
            try transaction.set(timer)
            timers[key] = timer
        }
    }

    private func expect(_ log: EventLog, _ timers: [String: Timer], at now: Timestamp) throws {
        for source in sources {
            let due = timers.values.filter { $0.source == source && $0.due <= now }
                .sorted { ($0.due, $0.key) < ($1.due, $1.key) }
            #expect(try log.timers(awaiting: source, dueBy: now, limit: 99) == due)
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `a timer that is due is found`(seed: UInt64) throws {
        let folder = try Folder()
        let log = try folder.open()
        var seeded = Seeded(seed)
        var timers: [String: Timer] = [:]
        var now = noon
        for _ in 0..<150 {
            now = now + .seconds(random(4, &seeded))
            let before = timers
            let thrown = failure { () throws(StoreError) in
                try log.commit(at: now) { (transaction) throws(StoreError) in
                    for _ in 0..<random(3, &seeded) {
                        try change(&timers, transaction, &seeded, at: now)
                    }
                    let kept = timers
                    if random(4, &seeded) == 0 {
                        _ = failure { () throws(StoreError) in
                            try transaction.attempt { () throws(StoreError) in
                                try change(&timers, transaction, &seeded, at: now)
                                _ = try log.timers(awaiting: nil, dueBy: now, limit: 9)
                                throw givenUp
                            }
                        }
                        timers = kept
                    }
                    // As an engine looks before it commits.
                    for source in sources {
                        _ = try log.timers(awaiting: source, dueBy: now, limit: 99)
                    }
                    if random(5, &seeded) == 0 { throw givenUp }
                }
            }
            if thrown != nil { timers = before }
            try expect(log, timers, at: now)
        }
    }

    @Test func `timers that another process has set are found`() throws {
        let folder = try Folder()
        let log = try folder.open()
        try log.run { (transaction) throws(StoreError) in
            _ = try log.timers(awaiting: nil, dueBy: noon, limit: 9)
        }
        #expect(try log.timers(awaiting: nil, dueBy: noon, limit: 9).isEmpty)
        let timer = Timer(key: "t", due: noon, data: "{}")
        try folder.open().run { (transaction) throws(StoreError) in try transaction.set(timer) }
        try log.run { (transaction) throws(StoreError) in
            #expect(try log.timers(awaiting: nil, dueBy: noon, limit: 9) == [timer])
        }
    }
}

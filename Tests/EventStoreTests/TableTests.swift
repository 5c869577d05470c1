import EventSourcing
import EventStore
import SQLite
import Testing

@Suite struct CheckpointTests {
    private let folder: Folder
    private let log: EventLog

    init() throws {
        folder = try Folder()
        log = try folder.open()
    }

    private func checkpoint(_ position: Int64) -> Checkpoint {
        Checkpoint(
            epoch: Epoch(2), position: Position(position), leaf: MerkleTree.leaf([1]), treeSize: 99,
            treeRoot: MerkleTree.leaf([2]), asOf: noon, upSince: noon + .seconds(-9),
            read: [
                "orders/to-payments": ReadMark(Epoch(2), Position(41)),
                "payments": ReadMark(.first, Position(.max)),
            ])
    }

    @Test func `checkpoints come back as they were saved, the newest a source`() throws {
        #expect(try log.checkpoints().isEmpty)
        try log.run { (transaction) throws(StoreError) in
            try transaction.save(checkpoint(1), for: "orders/to-payments")
            try transaction.save(checkpoint(7), for: "orders/to-payments")
            try transaction.save(.start, for: "")
        }
        let expected = ["orders/to-payments": checkpoint(7), "": Checkpoint.start]
        #expect(try log.checkpoints() == expected)
        #expect(try folder.open().checkpoints() == expected)
    }

    @Test func `a checkpoint goes with the transaction it belongs to`() throws {
        _ = failure { () throws(StoreError) in
            try log.run { (transaction) throws(StoreError) in
                try transaction.save(checkpoint(1), for: "orders")
                throw .closed
            }
        }
        #expect(try log.checkpoints().isEmpty)
    }

    @Test func `the table works in a file that is no log`() throws {
        let connection = try folder.stranger("views.db")
        let table = CheckpointTable(connection)
        try table.create()
        try table.create()
        try table.save(checkpoint(3), for: "orders")
        #expect(try table.all() == ["orders": checkpoint(3)])
        try connection.execute("UPDATE checkpoints SET leaf = x'00'")
        #expect(try table.all().isEmpty)
    }

    @Test(
        arguments: [
            ("", [:]), ("orders=1:2", ["orders": [1, 2]]), ("orders=41", ["orders": [1, 41]]),
            ("a=3:0 b=2:9", ["a": [3, 0], "b": [2, 9]]), ("a=0:1 b=-1:1 c=1:-1", [:]),
            ("a=:1 b=1: c=: d=1:2:3 e=", [:]), ("a=b=2:3", ["a=b": [2, 3]]), ("nonsense", [:]),
            ("a=1:01 b=01:1 c=1:2", ["c": [1, 2]]), ("a=9223372036854775808:1", [:]),
        ] as [(String, [String: [Int64]])])
    func `marks are parsed with their epochs, and are of the first where they name none`(
        text: String, expected: [String: [Int64]]
    ) {
        let found = ReadMark.parse(text).mapValues { [$0.epoch.value, $0.position.value] }
        #expect(found == expected)
    }

    @Test func `marks are written in the order of their names`() {
        let marks = ["b": ReadMark(.first, Position(2)), "a/x": ReadMark(Epoch(7), Position(.max))]
        #expect(ReadMark.text(marks) == "a/x=7:9223372036854775807 b=1:2")
        #expect(ReadMark.parse(ReadMark.text(marks)) == marks)
        #expect(ReadMark.text([:]).isEmpty)
    }

    @Test func `what a newer epoch holds in place of what was read has not been read`() throws {
        func read(_ epoch: Int64, _ position: Int64) throws -> Int64 {
            try log.read(through: ReadMark(Epoch(epoch), Position(position))).value
        }
        try log.append(events(3), to: StreamID("a", "1"))
        #expect(try [read(1, 0), read(1, 2), read(1, 3), read(2, 3)] == [0, 2, 3, 0])
        try log.openEpoch(why: "restored", at: noon)
        try log.append(events(2), to: StreamID("a", "1"))
        try log.openEpoch(why: "restored again", at: noon)
        try log.append(events(1), to: StreamID("a", "1"))
        #expect(try [read(1, 2), read(1, 3), read(1, 9)] == [2, 3, 3])
        #expect(try [read(2, 3), read(2, 5), read(2, 6)] == [3, 5, 5])
        #expect(try [read(3, 5), read(3, 6), read(4, 6)] == [5, 6, 0])
    }

    @Test(
        arguments: [
            ("", [:]), (" ", [:]), ("orders=1", ["orders": 1]), ("a=1 b=2", ["a": 1, "b": 2]),
            ("a=b=3", ["a=b": 3]), ("=4", ["": 4]), ("a= b=2", ["b": 2]),
            ("a=+1 b=-1 c=01 d=1", ["d": 1]),
            ("a=9223372036854775808", [:]), ("a=9223372036854775807", ["a": Int64.max]),
            ("  a=1   b=2 ", ["a": 1, "b": 2]), ("nonsense", [:]), ("a=1 a=2", ["a": 2]),
            ("a\u{301}=\u{301}5", [:]), ("é=5", ["é": 5]), ("a=1\tb=2", ["a=1\tb": 2]),
            ("\u{0}=1", ["\u{0}": 1]),
        ] as [(String, [String: Int64])])
    func `positions read are parsed byte by byte, and nonsense is passed over`(
        text: String, expected: [String: Int64]
    ) {
        #expect(CheckpointTable.parse(text).mapValues(\.value) == expected)
    }

    @Test func `positions read are written in the order of their names`() {
        let read = ["b": Position(2), "a/x": Position(1), "c": Position(.max)]
        #expect(CheckpointTable.text(read) == "a/x=1 b=2 c=9223372036854775807")
        #expect(CheckpointTable.parse(CheckpointTable.text(read)) == read)
        #expect(CheckpointTable.text([:]).isEmpty)
    }
}

@Suite struct TimerTests {
    private let folder: Folder
    private let log: EventLog

    init() throws {
        folder = try Folder()
        log = try folder.open()
    }

    private func set(_ timers: Timer...) throws(StoreError) {
        try log.run { (transaction) throws(StoreError) in
            for timer in timers { try transaction.set(timer) }
        }
    }

    @Test func `a timer comes back as it was set, and setting it again replaces it`() throws {
        let timer = Timer(
            key: "order-1/reserve", due: noon, source: "deliveries", request: Position(12),
            within: .milliseconds(1500), isArmed: true, data: #"{"step":"reserve"}"#)
        try set(Timer(key: timer.key, due: noon + .seconds(9), data: "{}"), timer)
        #expect(try log.timers(awaiting: "deliveries", dueBy: noon, limit: 9) == [timer])
        #expect(try log.timers(awaiting: nil, dueBy: noon + .seconds(99), limit: 9).isEmpty)
        #expect(try folder.open().timers(awaiting: "deliveries", dueBy: noon, limit: 9) == [timer])
    }

    @Test func `timers come in the order they are due, then of their keys, and no more than asked`()
        throws
    {
        let (b, a) = (Timer(key: "b", due: noon, data: ""), Timer(key: "a", due: noon, data: ""))
        let first = Timer(key: "z", due: noon + .seconds(-1), data: "")
        let later = Timer(key: "c", due: noon + .microseconds(1), data: "")
        try set(later, b, a, first, Timer(key: "o", due: noon, source: "payments", data: ""))
        #expect(try log.timers(awaiting: nil, dueBy: noon, limit: 9) == [first, a, b])
        #expect(try log.timers(awaiting: nil, dueBy: noon, limit: 2) == [first, a])
        #expect(try log.timers(awaiting: nil, dueBy: noon, limit: 0).isEmpty)
        #expect(try log.timers(awaiting: nil, dueBy: noon, limit: -1).isEmpty)
        #expect(try log.timers(awaiting: "payments", dueBy: noon, limit: 9).map(\.key) == ["o"])
        #expect(try log.timers(awaiting: "", dueBy: noon, limit: 9).isEmpty)
    }

    @Test func `a removed timer is gone, and timers are counted by the beginning of their keys`()
        throws
    {
        try set(
            Timer(key: "order/1", due: noon, data: ""), Timer(key: "order/2", due: noon, data: ""),
            Timer(key: "orders", due: noon, data: ""), Timer(key: "%", due: noon, data: ""))
        #expect(try log.countTimers(prefix: "order/") == 2)
        #expect(try log.countTimers(prefix: "") == 4)
        #expect(try log.countTimers(prefix: "%") == 1)
        try log.run { (transaction) throws(StoreError) in
            try transaction.removeTimer("order/1")
            try transaction.removeTimer("never set")
        }
        #expect(try log.countTimers(prefix: "order/") == 1)
    }
}

@Suite struct EffectTests {
    private let folder: Folder
    private let log: EventLog

    init() throws {
        folder = try Folder()
        log = try folder.open()
    }

    private func effect(_ key: String, due: Timestamp = noon, data: String = "{}") -> Effect {
        Effect(
            key: key, kind: "payment.authorize", stream: StreamID("payment", "1-2"), data: data,
            metadata: #"{"actor":"system"}"#, due: due)
    }

    @Test func `an effect asked for twice is one, as it was asked for first`() throws {
        try log.run { (transaction) throws(StoreError) in
            try transaction.request(effect("a", data: "first"))
            try transaction.request(effect("a", due: noon + .seconds(-5), data: "second"))
        }
        let due = try log.effects(dueBy: noon, limit: 9)
        #expect(due.count == 1)
        #expect(due.first?.data == "first")
        #expect(due.first?.stream == StreamID("payment", "1-2"))
        #expect(due.first?.attempts == 0)
        #expect(due.first?.metadata == #"{"actor":"system"}"#)
        #expect(try log.effects(dueBy: noon + .microseconds(-1), limit: 9).isEmpty)
    }

    @Test func `effects come in the order they are due, then of their keys`() throws {
        try log.run { (transaction) throws(StoreError) in
            for key in ["c", "a", "b"] { try transaction.request(effect(key)) }
            try transaction.request(effect("early", due: noon + .seconds(-1)))
        }
        #expect(try log.effects(dueBy: noon, limit: 9).map(\.key) == ["early", "a", "b", "c"])
        #expect(try log.effects(dueBy: noon, limit: 2).map(\.key) == ["early", "a"])
        #expect(try log.effects(dueBy: noon, limit: -1).isEmpty)
    }

    @Test func `what an attempt asked for goes with it, whether or not somebody looked`() throws {
        for looks in [false, true] {
            try log.run { (transaction) throws(StoreError) in
                try transaction.request(effect("kept"))
                try transaction.set(Timer(key: "kept", due: noon, data: ""))
                do throws(StoreError) {
                    try transaction.attempt { () throws(StoreError) in
                        try transaction.request(effect("given up"))
                        try transaction.finish(effect("kept"))
                        try transaction.removeTimer("kept")
                        try transaction.set(Timer(key: "given up", due: noon, data: ""))
                        if looks {
                            #expect(try transaction.isWaiting(effect("given up")))
                            #expect(
                                try transaction.timers(awaiting: nil, dueBy: noon, limit: 9)
                                    .map(\.key) == ["given up"])
                        }
                        throw StoreError.conflict(order("a"), expected: .any, actual: .none)
                    }
                } catch {}
                #expect(try transaction.isWaiting(effect("kept")))
            }
            #expect(try log.effects(dueBy: noon, limit: 9).map(\.key) == ["kept"])
            #expect(try log.timers(awaiting: nil, dueBy: noon, limit: 9).map(\.key) == ["kept"])
        }
    }

    @Test func `a postponed effect comes later and counts, a finished one is gone`() throws {
        try log.run { (transaction) throws(StoreError) in
            try transaction.request(effect("a"))
            try transaction.request(effect("b"))
        }
        let due = try log.effects(dueBy: noon, limit: 9)
        let (a, b) = (try #require(due.first), try #require(due.last))
        try log.run { (transaction) throws(StoreError) in
            try transaction.postpone(a, until: noon + .seconds(1))
            try transaction.postpone(a, until: noon + .seconds(2))
            #expect(try transaction.isWaiting(b))
            try transaction.finish(b)
            #expect(try !transaction.isWaiting(b))
            #expect(try transaction.isWaiting(a))
        }
        #expect(try log.effects(dueBy: noon + .seconds(1), limit: 9).isEmpty)
        let later = try log.effects(dueBy: noon + .seconds(2), limit: 9)
        #expect(later.map(\.key) == ["a"])
        #expect(later.map(\.attempts) == [2])
        // Once finished, the same key may be asked for again.
        try log.run { (transaction) throws(StoreError) in try transaction.request(effect("b")) }
        #expect(try log.effects(dueBy: noon, limit: 9).map(\.key) == ["b"])
    }
}

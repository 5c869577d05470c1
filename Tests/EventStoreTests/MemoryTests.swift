import EventSourcing
import EventStore
import SQLite
import Testing

/// What a service remembers beside its events: keys, parked messages, snapshots, its cursor.
@Suite struct LedgerTests {
    private let folder: Folder
    private let log: EventLog
    private static let day = Duration.seconds(86_400)

    init() throws {
        folder = try Folder()
        log = try folder.open()
    }

    private func key(_ key: String, principal: String = "shop", body: UInt8 = 1) -> IdempotencyKey {
        IdempotencyKey(principal: principal, key: key, body: MerkleTree.leaf([body]))
    }

    private func entry(_ key: IdempotencyKey, _ version: Int64 = 1) -> LedgerEntry {
        LedgerEntry(
            body: key.body, stream: order("a-b"), version: Version(version), position: Position(9))
    }

    private func remembered(_ key: IdempotencyKey, at now: Timestamp) throws -> LedgerEntry? {
        try log.commit(at: now) { (transaction) throws(StoreError) in
            try transaction.remembered(key)
        }
    }

    private func remember(_ key: IdempotencyKey, version: Int64 = 1, at now: Timestamp) throws {
        try log.run(at: now) { (transaction) throws(StoreError) in
            try transaction.remember(key, entry(key, version))
        }
    }

    @Test func `a key is remembered today and tomorrow, and forgotten the day after`() throws {
        try remember(key("k"), at: noon)
        #expect(try remembered(key("k"), at: noon) == entry(key("k")))
        #expect(try remembered(key("k"), at: noon + Self.day) == entry(key("k")))
        #expect(try remembered(key("k"), at: noon + .seconds(86_400 + 43_199)) == entry(key("k")))
        #expect(try remembered(key("k"), at: noon + .seconds(86_400 + 43_200)) == nil)
        #expect(try remembered(key("k"), at: noon + Self.day * 2) == nil)
    }

    @Test func `a key belongs to who used it, and another body under it shows`() throws {
        try remember(key("k"), at: noon)
        #expect(try remembered(key("k", principal: "other"), at: noon) == nil)
        #expect(try remembered(key("K"), at: noon) == nil)
        #expect(try remembered(key(""), at: noon) == nil)
        #expect(try remembered(key("k", body: 2), at: noon)?.body == key("k").body)
    }

    @Test func `of two days' entries the newer one counts`() throws {
        try remember(key("k"), version: 1, at: noon)
        try remember(key("k"), version: 2, at: noon + Self.day)
        #expect(try remembered(key("k"), at: noon + Self.day)?.version == Version(2))
    }

    @Test func `what is older than yesterday leaves the file, a few rows at a time`() throws {
        for number in 0..<10 { try remember(key("\(number)"), at: noon) }
        let rows = "SELECT count(*) FROM ledger"
        #expect(try log.queries.connection.integer(rows) == 10)
        for number in 0..<3 { try remember(key("later \(number)"), at: noon + Self.day * 2) }
        #expect(try log.queries.connection.integer(rows) == 3)
    }
}

@Suite struct ParkedTests {
    private let folder: Folder
    private let log: EventLog

    init() throws {
        folder = try Folder()
        log = try folder.open()
    }

    private func message(_ source: String, _ position: Int64, key: String) -> ParkedMessage {
        ParkedMessage(
            source: source, position: Position(position), key: key, reason: "no such order",
            at: noon,
            subject: "kassa.orders", id: "orders/1/\(position)", headers: [0, 255], payload: [])
    }

    @Test func `parked messages come back in order, by source and key, and no more than asked`()
        throws
    {
        let messages = [
            message("orders", 2, key: "a"), message("orders", 10, key: "b"),
            message("orders", 11, key: "a"), message("payments", 1, key: "a"),
        ]
        try log.run { (transaction) throws(StoreError) in
            for message in messages.reversed() { try transaction.park(message) }
        }
        #expect(try log.parked(limit: 9) == messages)
        #expect(try log.parked(limit: 1) == [messages[0]])
        #expect(try log.parked(limit: -1).isEmpty)
        #expect(try log.parked(source: "orders", limit: 9) == Array(messages[..<3]))
        #expect(try log.parked(source: "orders", key: "a", limit: 9) == [messages[0], messages[2]])
        #expect(try log.parked(key: "a", limit: 9).count == 3)
        #expect(try log.parkedKeys() == ["orders": ["a", "b"], "payments": ["a"]])
        try log.run { (transaction) throws(StoreError) in
            try transaction.unpark(source: "orders", position: Position(10))
            try transaction.unpark(source: "orders", position: Position(99))
        }
        #expect(try folder.open().parkedKeys() == ["orders": ["a"], "payments": ["a"]])
    }

    @Test func `the message in hand survives a death and is let go when it is applied`() throws {
        let mark = InHand(epoch: .first, position: Position(4), deaths: 0)
        try log.run { (transaction) throws(StoreError) in
            try transaction.takeInHand(mark, of: "orders")
        }
        let after = try folder.open()
        #expect(try after.inHand() == ["orders": mark])
        try after.run { (transaction) throws(StoreError) in
            try transaction.takeInHand(
                InHand(epoch: .first, position: Position(4), deaths: 1), of: "orders")
        }
        #expect(try after.inHand()["orders"]?.deaths == 1)
        try after.run { (transaction) throws(StoreError) in
            try transaction.letGo(source: "orders")
        }
        #expect(try after.inHand().isEmpty)
    }
}

@Suite struct SnapshotTests {
    private let folder: Folder
    private let log: EventLog

    init() throws {
        folder = try Folder()
        log = try folder.open()
    }

    @Test func `a snapshot is there for the fold that made it, and for no other`() throws {
        let old = Snapshot(name: "availability", fold: 3, position: Position(7), data: "{}")
        let new = Snapshot(name: "availability", fold: 3, position: Position(9), data: #"{"a":1}"#)
        try log.run { (transaction) throws(StoreError) in
            try transaction.save(old)
            try transaction.save(new)
        }
        #expect(try log.queries.snapshot("availability", fold: 3) == new)
        #expect(try log.queries.snapshot("availability", fold: 4) == nil)
        #expect(try log.queries.snapshot("availability", fold: 2) == nil)
        #expect(try log.queries.snapshot("other", fold: 3) == nil)
        #expect(try folder.open().queries.snapshot("availability", fold: 3) == new)
    }

    @Test func `the relay's cursor is one, and moves`() throws {
        #expect(try log.queries.published() == nil)
        for position in [3, 5] as [Int64] {
            try log.run { (transaction) throws(StoreError) in
                try transaction.savePublished(epoch: Epoch(2), position: Position(position))
            }
        }
        let published = try folder.open().queries.published()
        #expect(published?.epoch == Epoch(2))
        #expect(published?.position == Position(5))
    }

    @Test func `a sealing key is fresh only the first time, and gone once destroyed`() throws {
        try log.run { (transaction) throws(StoreError) in
            #expect(try transaction.sealingKey(of: "c-1", fresh: [1, 2]) == [1, 2])
            #expect(try transaction.sealingKey(of: "c-1", fresh: [3]) == [1, 2])
            #expect(try transaction.sealingKey(of: "c-2", fresh: [4]) == [4])
        }
        #expect(try log.queries.sealingKey(of: "c-1") == [1, 2])
        try log.run { (transaction) throws(StoreError) in
            #expect(try transaction.sealingKey(of: "c-1", fresh: [5]) == [1, 2])
            try transaction.destroySealingKey(of: "c-1")
            try transaction.destroySealingKey(of: "nobody")
        }
        #expect(try log.queries.sealingKey(of: "c-1") == nil)
        #expect(try folder.open().queries.sealingKey(of: "c-2") == [4])
    }
}

import EventSourcing
import EventStore
import SQLite
import Testing

/// The documented layout, written a second time and more plainly.
private func layout(_ record: StoredRecord) -> [UInt8] {
    func number(_ value: Int64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> Int64(56 - 8 * $0)) }
    }
    func bytes(_ bytes: [UInt8]) -> [UInt8] { number(Int64(bytes.count)).suffix(4) + bytes }
    func text(_ text: String) -> [UInt8] { bytes(Array(text.utf8)) }
    var all = Array("kassa.event.1".utf8)
    all += text(record.identity.log.value)
    all += number(record.identity.epoch.value)
    all += number(record.identity.position.value)
    all += text(record.stream.description)
    all += number(record.version.value)
    all += text(record.type.name)
    all += number(Int64(record.type.schema))
    all += number(record.recordedAt.microseconds)
    all += bytes(record.metadata)
    all += bytes(record.data)
    return all
}

@Suite struct LeafTests {
    @Test func `the leaf of one event is this, for ever`() throws {
        let record = StoredRecord(
            identity: EventIdentity(log: LogName("orders"), epoch: .first, position: Position(42)),
            stream: order("0198c7a0"), version: Version(3),
            type: EventType("order.placed", schema: 2),
            recordedAt: noon, data: Array(#"{"total":1299}"#.utf8),
            metadata: Array(#"{"correlation":"c-1","actor":"system"}"#.utf8),
            leaf: MerkleTree.emptyRoot)
        #expect(
            record.computedLeaf.hex
                == "503e78a08cf5e8dbc1d4c8fe23d402aa3c62146b1650058813cf06af6350a8db")
        #expect(record.computedLeaf == SHA256.hash([0] + layout(record)))
    }

    @Test
    func `every stored leaf is the hash of the documented bytes, the root is over all leaves`()
        throws
    {
        let folder = try Folder()
        let log = try folder.open()
        var generator = Seeded(7)
        for number in 0..<50 {
            let size = Int.random(in: 0..<300, using: &generator)
            let text = String(repeating: "é", count: size)
            try log.append(
                [
                    NewEvent(
                        type: EventType("order.noted", schema: number), data: Array(text.utf8),
                        metadata: size % 2 == 0 ? [] : Array("{}".utf8))
                ], to: order("caf\u{E9}-\(number % 7)"), at: noon + .seconds(number))
        }
        try log.openEpoch(why: "a test", at: noon)
        try log.append(events(3), to: order("a"))
        let stored = try log.all()
        #expect(stored.count == 53)
        for record in stored {
            #expect(record.leaf == SHA256.hash([0] + layout(record)))
            #expect(record.leaf == record.computedLeaf)
        }
        #expect(MerkleTree.root(over: 0..<53) { stored[Int($0)].leaf } == log.tree.root)
        #expect(log.headLeaf == stored.last?.leaf)
        var (bytes, ends): ([UInt8], [Int]) = ([], [])
        for record in stored {
            Leaf.append(
                identity: record.identity, stream: record.stream, version: record.version,
                type: record.type, recordedAt: record.recordedAt, data: record.data,
                metadata: record.metadata, to: &bytes)
            ends.append(bytes.count)
        }
        #expect(bytes == stored.flatMap(layout))
        #expect(MerkleTree.leaves(bytes, ends: ends) == stored.map(\.leaf))
    }

    @Test func `the tree goes on after reopening as if nothing had been`() throws {
        let folder = try Folder()
        for count in 0..<9 {
            let log = try folder.open()
            #expect(log.tree.size == Int64(count))
            let stored = try log.all()
            #expect(
                MerkleTree.root(over: 0..<Int64(count)) { stored[Int($0)].leaf } == log.tree.root)
            try log.append(events(1), to: order("a"))
            if count % 2 == 0 { log.close() }
        }
    }

    @Test(arguments: [
        "data = CAST(replace(data, '1', '2') AS TEXT)", "metadata = '{}'",
        "recorded = recorded + 1",
        "type = 'order.other'", "schema = 2", "epoch = 2", "version = 9",
        "stream = (SELECT key FROM streams WHERE name = 'order-b')",
    ])
    func `an event changed in the file no longer has its leaf`(change: String) throws {
        let folder = try Folder()
        let log = try folder.open()
        try log.append([event(0), event(1), event(2)], to: order("a"))
        try log.append(events(1), to: order("b"))
        let stranger = try folder.stranger()
        try stranger.execute("DROP TRIGGER events_stay")
        try stranger.execute("UPDATE events SET \(change) WHERE position = 2")
        let wrong = try log.all().filter { $0.computedLeaf != $0.leaf }
        #expect(wrong.map(\.position) == [Position(2)])
    }

    @Test func `a leaf changed in the file, with its event or alone, no longer gives the root`()
        throws
    {
        let folder = try Folder()
        let log = try folder.open()
        try log.append(events(5), to: order("a"))
        let forged = try #require(try log.all().first)
        let leaf = Leaf.digest(
            identity: forged.identity, stream: forged.stream, version: forged.version,
            type: forged.type, recordedAt: forged.recordedAt, data: Array(#"{"number":9}"#.utf8),
            metadata: forged.metadata)
        let stranger = try folder.stranger()
        try stranger.execute("DROP TRIGGER events_stay")
        try stranger.execute(
            #"UPDATE events SET data = '{"number":9}', leaf = x'\#(leaf.hex)' WHERE position = 1"#)
        let stored = try log.all()
        #expect(stored.allSatisfy { $0.leaf == $0.computedLeaf })
        #expect(MerkleTree.root(over: 0..<5) { stored[Int($0)].leaf } != log.tree.root)
    }

    @Test func `an event added behind the log's back does not fit the tree on reopening`() throws {
        let folder = try Folder()
        let log = try folder.open()
        try log.append(events(2), to: order("a"))
        log.close()
        try folder.stranger().execute(
            """
            INSERT INTO events
            SELECT 3, epoch, stream, 3, type, schema, recorded, data, metadata, leaf FROM events
            WHERE position = 2
            """)
        let thrown = error { () throws(StoreError) in _ = try folder.open() }
        #expect(thrown?.description.contains("its tree holds 2 events, its log 3") == true)
    }
}

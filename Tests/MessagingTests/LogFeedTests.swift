import EventSourcing
import EventStore
import Foundation
import Messaging
import Simulation
import Testing

/// The feed of a log's file.
@Suite struct LogFeedTests {
    private let folder: TemporaryFolder
    private var path: String { "\(folder.path)/orders.db" }
    private static let start = Timestamp(microseconds: 1_000_000)
    private static let (told, asked) = (EventType("order.told"), EventType("order.asked"))
    private static let publication = Publication(
        channels: [Publication.facts, "others"],
        rules: [
            "order.told": Publication.fact,
            "order.asked": { record in
                [Published(channel: "others", type: record.type, data: record.data)]
            },
        ], restricted: ["order.asked": ["others"]])

    init() throws { folder = try TemporaryFolder() }

    private func open(_ path: String? = nil) throws -> EventLog {
        try EventLog(
            path: path ?? self.path, name: LogName("orders"), at: Self.start, durability: .none)
    }

    private func append(_ types: [EventType], to log: EventLog, _ text: String = "x") throws {
        var metadata = JSONWriter()
        Metadata(correlation: "c", actor: "test").encode(to: &metadata)
        let events = types.map { type in
            NewEvent(
                type: type, data: Array("{\"text\":\"\(text)\"}".utf8), metadata: metadata.bytes)
        }
        try log.commit(at: Self.start) { (transaction) throws(StoreError) -> Void in
            try transaction.append(events, to: StreamID("order", "a"), expecting: .any)
        }
    }

    private var feed: LogFeed {
        LogFeed(path: path, publication: Self.publication, onBehind: { _ in })
    }

    @Test func `a page that is full in bytes ends where nothing of the channel follows`() throws {
        let log = try open()
        let long = String(repeating: "x", count: 1_000_000)
        for _ in 0..<5 { try append([Self.told], to: log, long) }
        try append([Self.asked], to: log)
        let first = try feed.read(Publication.facts, after: .start)
        #expect(first.messages.map(\.identity.position.value) == [1, 2, 3, 4, 5])
        #expect(first.through == Position(6) && !first.hasMore)
        try append([Self.told], to: log)
        let second = try feed.read(Publication.facts, after: .start)
        #expect(second.messages.count == 5 && second.through == Position(6) && second.hasMore)
    }

    @Test func `a page ends before the message that is one too many`() throws {
        let log = try open()
        for _ in 0..<4 {
            try append([Self.told, Self.asked, Self.asked, Self.asked], to: log)
        }
        let feed = feed
        let first = try feed.read(Publication.facts, after: .start, limit: 2)
        #expect(first.messages.map(\.identity.position.value) == [1, 5])
        #expect(first.through == Position(8) && first.hasMore)
        #expect(try log.queries.leaf(at: Position(8))?.1 == first.leaf)
        let second = try feed.read(Publication.facts, after: first.through, limit: 2)
        #expect(second.messages.map(\.identity.position.value) == [9, 13])
        #expect(second.messages.map(\.previous.value) == [8, 9])
        #expect(second.through == Position(16) && !second.hasMore)
        let end = try feed.read(Publication.facts, after: second.through, limit: 2)
        #expect(end.messages.isEmpty && end.through == Position(16) && end.leaf == second.leaf)
        #expect(try feed.read("others", after: .start).messages.count == 12)
    }

    @Test func `a page looks at a thousand events at most`() throws {
        let log = try open()
        try append(Array(repeating: Self.asked, count: 2500) + [Self.told], to: log)
        var (position, pages, seen) = (Position.start, 0, 0)
        while true {
            let page = try feed.read(Publication.facts, after: position)
            (position, pages, seen) = (page.through, pages + 1, seen + page.messages.count)
            if !page.hasMore { break }
            #expect(page.through.value == Int64(1000 * pages))
        }
        #expect(pages == 3 && seen == 1 && position == Position(2501))
    }

    @Test(arguments: [Int.max, Int.max - 1, 1001, 0, -1, Int.min])
    func `whatever limit is asked for, a page has its own`(limit: Int) throws {
        let log = try open()
        try append([Self.told, Self.told], to: log)
        let page = try feed.read(Publication.facts, after: .start, limit: limit)
        #expect(page.messages.count == (limit > 0 ? 2 : 0))
    }

    @Test func `a page is of one epoch`() throws {
        let log = try open()
        try append([Self.told, Self.asked, Self.told], to: log)
        try log.openEpoch(why: "restored", at: Self.start)
        try append([Self.told], to: log)
        let feed = feed
        let old = try feed.read(Publication.facts, after: .start)
        #expect(old.through == Position(3) && old.hasMore && old.epoch == .first)
        #expect(old.messages.count == 2)
        let new = try feed.read(Publication.facts, after: old.through)
        #expect(new.epoch == Epoch(2) && new.messages.count == 1 && !new.hasMore)
    }

    @Test func `what is appended between two reads is seen, and another file in the log's place`()
        throws
    {
        let feed = feed
        var log: EventLog? = try open()
        for count in 1...3 {
            try append([Self.told], to: try #require(log))
            #expect(try feed.read(Publication.facts, after: .start).messages.count == count)
        }
        log?.close()
        log = nil
        let other = try open("\(folder.path)/other.db")
        try append([Self.told], to: other, "other")
        try other.backup(to: "\(folder.path)/copy.db")
        for suffix in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: path + suffix)
        }
        try FileManager.default.moveItem(atPath: "\(folder.path)/copy.db", toPath: path)
        let found = try feed.read(Publication.facts, after: .start).messages
        #expect(found.map { String(decoding: $0.data, as: UTF8.self) } == [#"{"text":"other"}"#])
    }
}

/// What a log's owner shows of it.
@Suite struct LogBoardTests {
    @Test func `it keeps the newest events only, however long the log grows`() throws {
        let board = LogBoard()
        let (batches, size) = (40, 1000)
        for batch in 0..<batches {
            let records = (1...size).map { record(Int64(batch * size + $0)) }
            let head = Position(Int64((batch + 1) * size))
            board.show(
                LogStatus(
                    epoch: .first, head: head, leaf: MerkleTree.emptyRoot, tree: MerkleFrontier(),
                    asOf: .epoch, upSince: .epoch, read: [:], readAsOf: [:], haltReason: nil),
                appended: records)
            #expect(board.tail(after: Position(head.value - 10), limit: 100)?.count == 10)
        }
        let head = Int64(batches * size)
        #expect(board.tail(after: Position(head - 8193), limit: 1) == nil)
        #expect(board.tail(after: .start, limit: 1) == nil)
    }

    private func record(_ position: Int64) -> StoredRecord {
        StoredRecord(
            identity: EventIdentity(
                log: LogName("orders"), epoch: .first, position: Position(position)),
            stream: StreamID("order", "a"), version: Version(position),
            type: EventType("order.told"), recordedAt: .epoch, data: [], metadata: [],
            leaf: MerkleTree.emptyRoot)
    }
}

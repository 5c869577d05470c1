import Domain
import EventSourcing
import EventStore
import Messaging
import Projections
import SQLite
import Synchronization
import Testing

/// A store that is filled from the feeds in one go, as for a gateway without rows.
@Suite struct FillTests {
    @Test func `filling leads to the rows of a page at a time`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 40)
        let live = try engine(scratch, "live", shop)
        try shuffle(shop, into: live, seed: 5)
        let store = try ReadStore(path: "\(scratch.path)/other.db")
        let events = try store.fill(from: shop.feeds)
        #expect(try dump(store.path) == dump(live.store.path))
        #expect(events == shop.logs.reduce(0) { $0 + $1.head.value })
        let checkpoints = try CheckpointTable.read(path: store.path)
        for log in shop.logs {
            #expect(checkpoints[log.source.description]?.position == log.head)
        }
        // Once more, there is nothing to add.
        #expect(try store.fill(from: shop.feeds) == events)
        #expect(try dump(store.path) == dump(live.store.path))
    }

    @Test func `more rows than memory is to hold are written all the same`() throws {
        let scratch = try Scratch()
        var log = FakeLog("deliveries")
        let (skus, times) = (21_000, 2)
        for time in 1...times {
            for number in 0..<skus {
                let name = "sku-\(number)"
                let sku = try #require(SKU(name))
                log.append(
                    StreamID("stock", name),
                    Stock.Event.received(sku, quantity: time, reference: nil))
            }
        }
        let store = try ReadStore(path: "\(scratch.path)/live.db")
        _ = try store.fill(from: [(log.source, LongFeed(log))])
        let connection = try Connection(path: store.path, mode: .reader)
        #expect(try connection.integer("SELECT count(*) FROM stock") == Int64(skus))
        #expect(try connection.integer("SELECT count(*) FROM stock WHERE on_hand <> 3") == 0)
    }

    @Test func `a feed that goes away ends it with what was folded so far on disk`() throws {
        let scratch = try Scratch()
        var log = FakeLog("deliveries")
        for number in 0..<3000 {
            let sku = try #require(SKU("s-\(number)"))
            log.append(
                StreamID("stock", sku.value),
                Stock.Event.received(sku, quantity: 1, reference: nil))
        }
        let store = try ReadStore(path: "\(scratch.path)/live.db")
        let failing = LongFeed(log, readsLeft: 2)
        #expect(throws: ComparisonError.self) {
            try store.fill(from: [(log.source, failing)])
        }
        let read = try CheckpointTable.read(path: store.path)[log.source.description]?.position
        let connection = try Connection(path: store.path, mode: .reader)
        #expect(try connection.integer("SELECT count(*) FROM stock") == read?.value)
        _ = try store.fill(from: [(log.source, LongFeed(log))])
        #expect(try connection.integer("SELECT count(*) FROM stock") == 3000)
    }

    @Test func `what is read ahead is bounded by its bytes`() throws {
        var log = FakeLog("orders")
        let filler = String(repeating: "x", count: 1_000_000)
        let count = 12
        for number in 0..<count {
            log.append(
                StreamID("order", "o-\(number)"), EventType("order.noted"),
                Array("{\"text\":\"\(filler)\"}".utf8))
        }
        let feed = LongFeed(log, pageSize: 1)
        let pages = PagesAhead(
            [PagesAhead.Part(source: log.source, feed: feed, from: .start, target: nil)], seed: 1)
        defer { pages.stop() }
        // Four megabytes wait, and one page more is in hand.
        try eventually("it has read ahead") { feed.reads == 5 }
        for taken in 1...count {
            #expect(try pages.next()?.page.through == Position(Int64(taken)))
            #expect(feed.reads <= taken + 5)
        }
        #expect(try pages.next()?.page.through == nil)
    }

    @Test func `a reader that is stopped in the middle ends`() throws {
        var log = FakeLog("orders")
        for number in 0..<5000 {
            log.append(
                StreamID("order", "o-\(number)"), EventType("order.noted"),
                Array("{\"number\":\(number)}".utf8))
        }
        let part = PagesAhead.Part(
            source: log.source, feed: LongFeed(log, pageSize: 10), from: .start, target: nil)
        let pages = PagesAhead([part], seed: 1)
        #expect(try pages.next()?.page.through == Position(10))
        pages.stop()
    }
}

/// A fake log's feed in pages of many messages.
private final class LongFeed: Feed {
    private struct State: Sendable {
        var reads = 0
        var readsLeft: Int?
    }

    private let log: FakeLog
    private let pageSize: Int
    private let state: Mutex<State>

    init(_ log: FakeLog, pageSize: Int = 1000, readsLeft: Int? = nil) {
        self.log = log
        self.pageSize = pageSize
        state = Mutex(State(readsLeft: readsLeft))
    }

    var reads: Int { state.withLock { $0.reads } }

    func read(
        _ channel: String, after position: Position, limit: Int
    ) throws(FeedError) -> FeedPage {
        let isUp = state.withLock { state in
            state.reads += 1
            guard let left = state.readsLeft else { return true }
            state.readsLeft = left - 1
            return left > 0
        }
        guard isUp else { throw .unavailable("the service is down") }
        // Its positions have no gaps.
        let begin = Int(position.value)
        let found = Array(log.messages.dropFirst(begin).prefix(min(limit, pageSize)))
        let end = found.last?.identity.position ?? position
        return FeedPage(
            after: position, messages: found, through: end, epoch: log.epoch,
            leaf: FakeLog.leaf(end), hasMore: end < log.head)
    }

    func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict { .good }
}

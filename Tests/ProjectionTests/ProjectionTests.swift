import Domain
import EventSourcing
import EventStore
import Messaging
import Projections
import SQLite
import Testing

/// An engine on a file of its own, and what it had to say.
func engine(_ scratch: Scratch, _ name: String, _ shop: Shop, _ freshness: Freshness = Freshness())
    throws -> ProjectionEngine
{
    try ProjectionEngine(
        store: ReadStore(path: "\(scratch.path)/\(name).db"), sources: shop.logs.map(\.source),
        freshness: freshness, notice: { _ in })
}

/// Every row of every table, as text; of timelines every entry, as what shares a row with it is
/// what was committed with it.
func dump(_ path: String) throws -> [String] {
    let connection = try Connection(path: path, mode: .reader)
    var rows: [String] = []
    for table in ["orders", "order_lines", "stock", "reservations", "books"] {
        let columns = try connection.texts("SELECT name FROM pragma_table_info('\(table)')")
        let cells = columns.map { "quote(\($0))" }.joined(separator: " || ',' || ")
        rows += try connection.texts("SELECT \(cells) FROM \(table) ORDER BY 1")
            .map { "\(table) \($0)" }
    }
    rows += try connection.texts(
        """
        SELECT 'timeline ' || order_id || ' ' || e.value FROM timeline, json_each(entries) e
        ORDER BY 1
        """)
    return rows
}

let now = Timestamp(microseconds: 1_800_000_000_000_000)

/// Feeds the logs in batches whose order across logs is the seed's; each log's own order is kept.
func shuffle(_ shop: Shop, into engine: ProjectionEngine, seed: UInt64) throws {
    var random = SeededGenerator(state: seed)
    var next = shop.logs.map { _ in 0 }
    while true {
        let open = next.indices.filter { next[$0] < shop.logs[$0].messages.count }
        guard let index = open.randomElement(using: &random) else { break }
        let log = shop.logs[index]
        let end = min(log.messages.count, next[index] + Int.random(in: 1...9, using: &random))
        // Now and then the broker repeats what it sent before.
        let from = max(0, next[index] - Int.random(in: 0...3, using: &random))
        let output = engine.take(log.received(from..<end), of: log.source, at: now)
        guard case .taken = output else { throw Unexpected() }
        next[index] = end
    }
}

@Suite struct ProjectionTests {
    @Test func `whatever the order across logs, the rows are the same`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 25)
        let first = try engine(scratch, "live", shop)
        for log in shop.logs { _ = first.take(log.received(), of: log.source, at: now) }
        let expected = try dump(first.store.path)
        #expect(expected.count > 200)
        for seed in 0..<60 as Range<UInt64> {
            let scratch = try Scratch()
            let shuffled = try engine(scratch, "other", shop)
            try shuffle(shop, into: shuffled, seed: seed)
            #expect(try dump(shuffled.store.path) == expected, "seed \(seed)")
        }
    }

    @Test func `one commit for all logs leads to the same rows as many`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 12)
        let singly = try engine(scratch, "live", shop)
        for log in shop.logs.reversed() {
            for index in log.messages.indices {
                _ = singly.take(log.received(index..<index + 1), of: log.source, at: now)
            }
        }
        let together = try engine(scratch, "other", shop)
        let outputs = together.process(
            shop.logs.map { .bulletins($0.source, $0.received()) }, at: now)
        #expect(outputs.count == 4)
        #expect(try dump(together.store.path) == dump(singly.store.path))
    }

    @Test func `a read shows lines, total and how all machines stand`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 40)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 7)
        var seen: Set<ShownStatus> = []
        for number in 0..<40 {
            let id = try #require(OrderID("order-\(number)"))
            let order = try #require(try engine.store.order(id))
            seen.insert(order.status)
            #expect(order.total == Money(minor: 2599, currency: .gbp))
            #expect(order.lines.map(\.sku) == ["A-1", "B-2"])
            #expect(order.customer == "c-order-\(number)")
            switch order.status {
            case .completed:
                #expect(order.payment == .captured && order.mailsSent == 2)
                #expect(order.tracking == "T-\(id)")
            case .cancelled:
                #expect(order.payment == .voided && order.reservation == .released)
                #expect(order.reason == "changed my mind")
            case .rejected: #expect(order.reservation != .made)
            case .expired:
                #expect(order.payment == .voided && order.reservation == .expired)
            default: #expect(order.payment == .authorized)
            }
        }
        #expect(seen == [.completed, .cancelled, .rejected, .expired, .packed, .shipped])
    }

    @Test func `stock is what was received less what was handed over, reservations aside`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 40)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 3)
        var availability = Availability()
        for message in shop.deliveries.messages {
            let order = try #require(OrderID(message.stream.id))
            switch message.stream.category {
            case "stock": availability.apply(try message.decoded(as: Stock.Event.self))
            case "reservation":
                availability.apply(try message.decoded(as: Reservation.Event.self), order: order)
            default:
                availability.apply(try message.decoded(as: Delivery.Event.self), order: order)
            }
        }
        for name in ["A-1", "B-2"] {
            let sku = try #require(SKU(name))
            let level = try #require(try engine.store.stock(sku))
            #expect(level.onHand == Int64(availability.onHand(sku)))
            #expect(level.reserved == Int64(availability.reserved(sku)))
            #expect(level.onHand < 1000)
        }
    }

    @Test func `an order that only other logs have told of is not there yet`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 3)
        let engine = try engine(scratch, "live", shop)
        let id = try #require(OrderID("order-1"))
        for log in shop.logs.dropFirst() {
            _ = engine.take(log.received(), of: log.source, at: now)
        }
        #expect(try engine.store.order(id) == nil)
        #expect(try !engine.store.timeline(id, limit: 10).isEmpty)
        _ = engine.take(shop.orders.received(), of: shop.orders.source, at: now)
        #expect(try engine.store.order(id) != nil)
    }

    @Test func `the timeline comes in pages, in the order it was recorded, without secrets`() throws
    {
        let scratch = try Scratch()
        let shop = try Shop(orders: 5)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 5)
        let id = try #require(OrderID("order-2"))
        let all = try engine.store.timeline(id, limit: 1000)
        var paged: [TimelineEntry] = []
        while true {
            let cursor = paged.last.map(TimelineCursor.init)
            let page = try engine.store.timeline(
                id, limit: 2, after: cursor.flatMap { TimelineCursor($0.description) })
            if page.isEmpty { break }
            paged += page
        }
        #expect(paged == all && all.count > 2)
        #expect(all.map(\.recordedAt) == all.map(\.recordedAt).sorted())
        #expect(!all.contains { String(decoding: $0.data, as: UTF8.self).contains("tok_secret") })
        #expect(TimelineCursor("1.orders/1") == nil && TimelineCursor("-1.orders/1/2") == nil)
    }

    @Test func `each further event of an order changes its entity tag`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 4)
        let engine = try engine(scratch, "live", shop)
        let id = try #require(OrderID("order-3"))
        var tags: [String] = []
        for log in shop.logs {
            for (index, message) in log.messages.enumerated() {
                _ = engine.take(log.received(index..<index + 1), of: log.source, at: now)
                guard message.stream.id == "order-3", message.stream.category != "stock",
                    let order = try engine.store.order(id)
                else { continue }
                if tags.isEmpty {
                    #expect(order.entityTag == OrderDetail.entityTag(placedAt: message.identity))
                }
                tags.append(order.entityTag)
            }
        }
        #expect(tags.count > 2 && Set(tags).count == tags.count)
    }
}

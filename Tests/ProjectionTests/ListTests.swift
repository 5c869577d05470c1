import Domain
import EventSourcing
import Projections
import Testing

@Suite struct ListTests {
    /// A store that holds the samples.
    private func store(_ samples: [Sample], _ scratch: Scratch) throws -> ReadStore {
        var shop = try Shop(orders: 0)
        shop.add(samples)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 3)
        return engine.store
    }

    /// All pages of a list.
    private func pages(_ store: ReadStore, _ filter: OrderFilter, limit: Int) throws
        -> [[OrderSummary]]
    {
        var pages: [[OrderSummary]] = []
        var cursor: OrderCursor?
        while true {
            let page = try store.orders(filter, limit: limit, after: cursor)
            guard let last = page.last else { return pages }
            pages.append(page)
            cursor = OrderCursor(OrderCursor(last).fields)
        }
    }

    @Test func `each filter alone and all together give what fits them, newest first`() throws {
        let scratch = try Scratch()
        let samples = Sample.many(150)
        let store = try store(samples, scratch)
        let times = Set(samples.map(\.placedAt)).sorted()
        let (early, late) = (times[3], times[8])
        let periods = [
            Period(), Period(from: early), Period(to: late), Period(from: early, to: late),
            Period(from: early, to: early), Period(from: late + .seconds(900_000)),
        ]
        var found = 0
        for customer in [nil, "c-1", "c-2", "c-3"] {
            for status in [nil] + ShownStatus.allCases.map(Optional.some) {
                for period in periods {
                    var filter = OrderFilter()
                    filter.customer = customer.flatMap { CustomerID($0) }
                    filter.status = status
                    filter.period = period
                    let expected = Sample.newestFirst(samples.filter { $0.isIn(filter) })
                    let listed = try store.orders(filter, limit: 500).map(\.id)
                    #expect(listed == expected, "\(filter)")
                    found += listed.count
                }
            }
        }
        #expect(found > 1000)
    }

    @Test func `a listed order shows what it is worth, how much it holds and how it stands`() throws
    {
        let scratch = try Scratch()
        let samples = Sample.many(60)
        let listed = try store(samples, scratch).orders(OrderFilter(), limit: 500)
        #expect(listed.count == samples.count)
        for order in listed {
            let sample = try #require(samples.first { $0.id == order.id })
            #expect(order.status == sample.status && order.customer == sample.customer)
            #expect(order.total.minor == sample.total)
            #expect(order.total.currency.code == sample.currency)
            #expect(order.lineCount == Int64(sample.lines.count) && order.units == sample.units)
            #expect(order.placedAt == sample.placedAt && order.reference == nil)
            let isClosed = [.cancelled, .rejected, .expired].contains(sample.status)
            #expect(order.reason == (isClosed ? "so it goes" : nil))
        }
    }

    @Test(arguments: [1, 3, 7, 24])
    func `pages are whole where many orders share a moment`(limit: Int) throws {
        let scratch = try Scratch()
        var samples = Sample.many(40)
        samples += Sample.many(8, seed: 5, prefix: "old").map { sample in
            Sample(
                id: sample.id, customer: "c-1", status: sample.status,
                placedAt: Timestamp(microseconds: -1), currency: "GBP", lines: sample.lines)
        }
        let store = try store(samples, scratch)
        var filter = OrderFilter()
        for customer in [nil, CustomerID("c-1")] {
            filter.customer = customer
            let pages = try pages(store, filter, limit: limit)
            #expect(pages.dropLast().allSatisfy { $0.count == limit })
            let fitting = samples.filter { $0.isIn(filter) }
            #expect(pages.flatMap { $0 }.map(\.id) == Sample.newestFirst(fitting))
        }
    }

    @Test func `what comes in meanwhile moves no older order to another page`() throws {
        let scratch = try Scratch()
        let samples = Sample.many(40)
        var shop = try Shop(orders: 0)
        shop.add(samples)
        let engine = try engine(scratch, "live", shop)
        try shop.catchUp(engine)
        var seen: [String] = []
        var cursor: OrderCursor?
        for round in 0..<100 {
            let page = try engine.store.orders(OrderFilter(), limit: 6, after: cursor)
            guard let last = page.last else { break }
            seen += page.map(\.id)
            cursor = OrderCursor(last)
            shop.add(Sample.many(5, seed: UInt64(100 + round), prefix: "new\(round)"))
            try shop.catchUp(engine, seed: UInt64(round))
        }
        let older = Set(samples.map(\.id))
        #expect(seen.filter(older.contains) == Sample.newestFirst(samples))
        #expect(Set(seen).count == seen.count)
    }

    @Test func `a list follows an order through all that happens to it`() throws {
        let scratch = try Scratch()
        var shop = try Shop(orders: 0)
        let engine = try engine(scratch, "live", shop)
        let order = StreamID("order", "o-1")
        func statuses() throws -> [ShownStatus] {
            try shop.catchUp(engine)
            return try ShownStatus.allCases.filter { status in
                var filter = OrderFilter()
                filter.status = status
                return try engine.store.orders(filter, limit: 9).map(\.id) == ["o-1"]
            }
        }
        let none = Array("{}".utf8)
        shop.deliveries.append(StreamID("delivery", "o-1"), EventType("delivery.packed"), none)
        #expect(try statuses() == [])
        let placed = Array(
            #"{"currency":"GBP","lines":[{"sku":"A","quantity":1,"unitPrice":1}]}"#.utf8)
        shop.orders.append(order, EventType("order.placed"), placed)
        #expect(try statuses() == [.packed])
        let reason = Array(#"{"reason":"why"}"#.utf8)
        shop.orders.append(order, EventType("order.cancellation-requested"), reason)
        #expect(try statuses() == [.cancelling])
        let tracking = Array(#"{"tracking":"T","reason":"why"}"#.utf8)
        for name in ["handed-over", "out-for-delivery", "delivered", "lost"] {
            shop.deliveries.append(
                StreamID("delivery", "o-1"), EventType("delivery.\(name)"), tracking)
        }
        shop.orders.append(order, EventType("order.cancellation-refused"), none)
        #expect(try statuses() == [.shipped])
        shop.orders.append(order, EventType("order.completed"), none)
        #expect(try statuses() == [.completed])
    }
}

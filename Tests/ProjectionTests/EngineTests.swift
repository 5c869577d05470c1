import Domain
import EventSourcing
import EventStore
import Messaging
import Projections
import SQLite
import Testing

@Suite struct EngineTests {
    @Test func `what is missing is a gap, and what was applied is left out`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 3)
        let engine = try engine(scratch, "live", shop)
        let source = shop.orders.source
        guard case .gap(let at) = engine.take(shop.orders.received(1..<3), of: source, at: now)
        else { throw Unexpected() }
        #expect(at.position == .start)
        guard case .taken = engine.take(shop.orders.received(0..<2), of: source, at: now),
            case .taken = engine.take(shop.orders.received(0..<3), of: source, at: now)
        else { throw Unexpected() }
        #expect(engine.checkpoint(of: source).position == shop.orders.messages[2].identity.position)
        guard case .gap = engine.take([shop.orders.watermark()], of: source, at: now) else {
            throw Unexpected()
        }
    }

    @Test func `checkpoints and rows survive a restart together`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 6)
        let source = shop.orders.source
        do {
            let engine = try engine(scratch, "live", shop)
            _ = engine.take(shop.orders.received(0..<4), of: source, at: now)
        }
        let engine = try engine(scratch, "live", shop)
        #expect(engine.checkpoint(of: source).position == shop.orders.messages[3].identity.position)
        guard case .taken = engine.take(shop.orders.received(2..<8), of: source, at: now) else {
            throw Unexpected()
        }
    }

    @Test func `a watermark alone is known at once and saved within a second`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 2)
        let source = shop.orders.source
        let freshness = Freshness()
        do {
            let engine = try engine(scratch, "live", shop, freshness)
            _ = engine.take(shop.orders.received(), of: source, at: now)
            let mark = shop.orders.watermark(asOf: now)
            _ = engine.take([mark], of: source, at: now + .milliseconds(10))
            #expect(engine.checkpoint(of: source).asOf == now)
            let again = try ProjectionEngine(
                store: engine.store, sources: [source], notice: { _ in })
            #expect(again.checkpoint(of: source).asOf < now)
            _ = engine.process([], at: now + .seconds(2))
        }
        let engine = try engine(scratch, "live", shop)
        #expect(engine.checkpoint(of: source).asOf == now)
    }

    @Test func `a message that cannot be read stops the projection and marks it stale`() throws {
        let scratch = try Scratch()
        var shop = try Shop(orders: 2)
        shop.payments.append(
            StreamID("payment", "order-1"), EventType("reservation.made"), Array("{}".utf8))
        let freshness = Freshness()
        let engine = try engine(scratch, "live", shop, freshness)
        let good = shop.payments.messages.count - 1
        guard
            case .stopped(let why) = engine.take(
                shop.payments.received(), of: shop.payments.source, at: now),
            case .stopped = engine.take(shop.orders.received(), of: shop.orders.source, at: now)
        else { throw Unexpected() }
        #expect(why.contains("delete") && freshness.staleReason == why)
        let kept = try Comparison(
            path: engine.store.path, freshPath: "\(scratch.path)/fresh.db", feeds: shop.feeds,
            seed: 1)
        #expect(kept.staleReason == why)
        let position = good > 0 ? shop.payments.messages[good - 1].identity.position : .start
        #expect(engine.checkpoint(of: shop.payments.source).position == position)
    }

    @Test func `a newer schema stops its source, and others go on`() throws {
        let scratch = try Scratch()
        var shop = try Shop(orders: 2)
        shop.payments.append(
            StreamID("payment", "order-1"), EventType("payment.captured", schema: 2), [0x7B, 0x7D])
        let engine = try engine(scratch, "live", shop)
        guard
            case .stopped = engine.take(
                shop.payments.received(), of: shop.payments.source, at: now),
            case .taken = engine.take(shop.orders.received(), of: shop.orders.source, at: now)
        else { throw Unexpected() }
        #expect(engine.staleReason?.contains("newer build") == true)
    }

    @Test func `an unknown type is passed over but stands in the timeline`() throws {
        let scratch = try Scratch()
        var shop = try Shop(orders: 1)
        shop.orders.append(
            StreamID("order", "order-0"), EventType("order.gift-wrapped", schema: 3),
            Array(#"{"paper":"red"}"#.utf8))
        shop.orders.append(StreamID("weather", "today"), EventType("rain"), [0x7B, 0x7D])
        let engine = try engine(scratch, "live", shop)
        guard case .taken = engine.take(shop.orders.received(), of: shop.orders.source, at: now)
        else { throw Unexpected() }
        let id = try #require(OrderID("order-0"))
        #expect(try engine.store.timeline(id, limit: 99).last?.type.name == "order.gift-wrapped")
        #expect(try engine.store.order(id) != nil)
    }

    @Test(arguments: [false, true])
    func `a rewind below what was read builds all rows anew, and so does one of a second log`(
        hasSecond: Bool
    ) throws {
        let scratch = try Scratch()
        var shop = try Shop(orders: 8)
        var engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 1)
        let cut = shop.orders.messages[5].identity.position
        shop.orders.restore(to: cut)
        _ = engine.rewind(
            shop.orders.source, shop.orders.epoch, cut, FakeLog.leaf(cut), at: now)
        #expect(engine.staleReason?.contains("built anew") == true)
        #expect(try dump(engine.store.path).isEmpty)
        #expect(engine.checkpoint(of: shop.payments.source) == .start)
        guard case .unavailable = engine.take([], of: shop.payments.source, at: now),
            engine.isBroken
        else { throw Unexpected() }
        engine = try ProjectionEngine(
            store: engine.store, sources: shop.logs.map(\.source), notice: { _ in })
        #expect(engine.staleReason?.contains("built anew") == true)
        // It is put back as well, and has less than was read of it before.
        if hasSecond {
            shop.payments.restore(to: shop.payments.messages[2].identity.position)
            let step = StepReference(
                saga: "order-1", step: "pay", direction: .forward, attempt: 1)
            shop.payments.append(
                StreamID("payment", "order-1"),
                Payment.Event.declined(step, reason: "no funds"))
        }
        shop.orders.append(StreamID("order", "order-1"), Order.Event.confirmed)
        for (source, feed) in shop.feeds {
            var hasMore = true
            while hasMore {
                let page = try feed.read(
                    source.channel, after: engine.checkpoint(of: source).position)
                hasMore = page.hasMore
                switch engine.take(page, of: source, at: now) {
                case .taken: break
                case .foreign(let checkpoint):
                    let verdict = try feed.check(checkpoint)
                    guard case .rewind(let epoch, let position, let leaf) = verdict,
                        case .done = engine.rewind(source, epoch, position, leaf, at: now)
                    else { throw Unexpected() }
                    hasMore = true
                default: throw Unexpected()
                }
            }
        }
        #expect(engine.staleReason == nil)
        #expect(engine.checkpoint(of: shop.orders.source).epoch == Epoch(2))
        let scratch2 = try Scratch()
        let report = try Comparison(
            path: engine.store.path, freshPath: "\(scratch2.path)/fresh.db", feeds: shop.feeds,
            seed: 4)
        #expect(report.isEqual, "\(report.differences)")
    }

    @Test func `a rewind behind what was read orphans nothing`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 2)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 1)
        let before = try dump(engine.store.path)
        let head = engine.checkpoint(of: shop.orders.source)
        _ = engine.rewind(shop.orders.source, Epoch(2), head.position, head.leaf, at: now)
        #expect(engine.staleReason == nil)
        #expect(try dump(engine.store.path) == before)
    }

    @Test(arguments: [true, false])
    func `after a failing commit a new engine goes on from the file`(isBefore: Bool) throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 10)
        let broken = try engine(scratch, "live", shop)
        _ = broken.take(shop.orders.received(0..<5), of: shop.orders.source, at: now)
        broken.commitFault = { (moment) throws(SQLiteError) in
            if (moment == .before) == isBefore {
                throw SQLiteError(code: 10, message: "disk I/O error", action: "COMMIT")
            }
        }
        let before = broken.checkpoint(of: shop.orders.source)
        guard
            case .unavailable = broken.take(
                shop.orders.received(5..<9), of: shop.orders.source, at: now),
            case .unavailable = broken.take([], of: shop.orders.source, at: now)
        else { throw Unexpected() }
        #expect(broken.isBroken && broken.checkpoint(of: shop.orders.source) == before)
        let again = try engine(scratch, "live", shop)
        try shuffle(shop, into: again, seed: 2)
        let other = try engine(scratch, "other", shop)
        try shuffle(shop, into: other, seed: 3)
        #expect(try dump(again.store.path) == dump(other.store.path))
    }

    @Test func `a file of another version is dropped`() throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/live.db"
        do {
            let old = try Connection(path: path, mode: .writer)
            try old.execute("CREATE TABLE orders(x); INSERT INTO orders VALUES (1)")
            try old.execute("PRAGMA user_version=7")
        }
        let store = try ReadStore(path: path)
        #expect(try store.order(#require(OrderID("1"))) == nil)
        #expect(try dump(path).isEmpty)
    }
}

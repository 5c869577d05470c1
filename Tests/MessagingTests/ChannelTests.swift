import Domain
import EventSourcing
import EventStore
import Messaging
import Payments
import Simulation
import Testing

/// A reader of one channel sees what it misses of it, and passes over what is not for it.
@Suite struct ChannelTests {
    private let runtime = SimulatedRuntime(seed: 1)

    private func bench() throws -> (Bench<ProbeCore>, Publisher) {
        (
            try Bench(runtime: runtime) { ProbeCore() },
            Publisher("orders", Publication.facts, runtime)
        )
    }

    private func fact(_ publisher: inout Publisher, _ key: String = "a") -> Received {
        publisher.raw(EventType("order.placed"), "{}", of: StreamID("order", key))
    }

    @Test func `a gap shows by the previous position, and what is behind it waits`() throws {
        var (bench, orders) = try bench()
        let all = (0..<4).map { _ in fact(&orders) }
        #expect(try bench.read(orders.source, [all[0]]).isTaken)
        #expect(try bench.read(orders.source, [all[2], all[3]]).gapAfter == Position(1))
        #expect(try bench.seen() == ["orders/1/1"])
        #expect(try bench.read(orders.source, [all[1], all[3]]).gapAfter == Position(2))
        #expect(try bench.read(orders.source, all).isTaken)
        #expect(try bench.seen() == (1...4).map { "orders/1/\($0)" })
    }

    @Test func `positions that are not for the channel make no gap`() throws {
        var (bench, orders) = try bench()
        let first = fact(&orders)
        orders.skip(5)
        let second = fact(&orders)
        #expect(try bench.read(orders.source, [first, second]).isTaken)
        #expect(try bench.seen() == ["orders/1/1", "orders/1/7"])
    }

    @Test func `a missing tail shows by the watermark`() throws {
        var (bench, orders) = try bench()
        let all = (0..<2).map { _ in fact(&orders) }
        #expect(
            try bench.read(orders.source, [all[0], orders.watermark()]).gapAfter == Position(1))
        #expect(try bench.engine.checkpoint(of: orders.source).asOf == .epoch)
        #expect(try bench.read(orders.source, [all[1], orders.watermark()]).isTaken)
        #expect(try bench.engine.checkpoint(of: orders.source).asOf == runtime.now())
    }

    @Test func `a checkpoint advances past what was not for its reader`() throws {
        var (bench, orders) = try bench()
        let message = fact(&orders)
        orders.skip(9)
        #expect(try bench.read(orders.source, [message, orders.watermark()]).isTaken)
        let checkpoint = try bench.engine.checkpoint(of: orders.source)
        #expect(checkpoint.position == Position(10))
        #expect(checkpoint.leaf == Publisher.leaf(Position(10)))
        runtime.advance(by: .seconds(2))
        try bench.send([])
        try bench.crash()
        #expect(try bench.engine.checkpoint(of: orders.source).position == Position(10))
    }

    @Test func `what was applied is a duplicate, also after a crash`() throws {
        var (bench, orders) = try bench()
        let all = (0..<3).map { _ in fact(&orders) }
        for _ in 0..<2 {
            #expect(try bench.read(orders.source, all + all).isTaken)
            try bench.crash()
        }
        #expect(try bench.seen().count == 3)
    }

    @Test func `a message of another source that comes this way is left out`() throws {
        var (bench, orders) = try bench()
        var others = Publisher("deliveries", Publication.facts, runtime)
        var channel = Publisher("orders", "to-payments", runtime)
        let stray = [fact(&others), others.watermark(), fact(&channel), channel.watermark()]
        #expect(try bench.read(orders.source, stray).isTaken)
        #expect(try bench.seen().isEmpty)
        #expect(try bench.engine.checkpoint(of: orders.source).position == .start)
        #expect(try bench.read(orders.source, [fact(&orders)]).isTaken)
        #expect(try bench.seen() == ["orders/1/1"])
    }

    @Test func `a service reads its channel to the log's end, whatever else is in the log`() throws
    {
        let quiet = try QuietShop()
        let all: [any SimulatedProcess] = [
            quiet.orders, quiet.shop.payments, quiet.shop.deliveries,
        ]
        for process in all { try process.start() }
        for name in ["a", "b", "c"] { #expect(try quiet.place(name).answered != nil) }
        try quiet.run(all)
        for (engine, source) in [
            (quiet.shop.payments.engine?.checkpoint(of: PaymentsCore.sources[0]), "to-payments")
        ] {
            #expect(try engine?.position == quiet.head(), "\(source)")
        }
    }
}

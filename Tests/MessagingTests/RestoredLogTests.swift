import Domain
import EventSourcing
import EventStore
import Messaging
import Orders
import Payments
import Simulation
import Testing

/// A log that was restored from a backup would give positions anew: it stops until a new epoch
/// is opened.
@Suite struct RestoredLogTests {
    /// Two orders are in the backup, two more were read by others since.
    private func outrun() throws -> (QuietShop, backup: String, backedUp: Position) {
        let quiet = try QuietShop()
        try quiet.orders.start()
        try quiet.shop.notifications.start()
        for name in ["old-1", "old-2"] { #expect(try quiet.place(name).answered != nil) }
        let (backup, backedUp) = (try quiet.backUpOrders(), try quiet.head())
        for name in ["lost-1", "lost-2"] { #expect(try quiet.place(name).answered != nil) }
        try quiet.run([quiet.orders, quiet.shop.notifications])
        #expect(try quiet.read().position == quiet.head())
        return (quiet, backup, backedUp)
    }

    /// The notifications service shows its checkpoint to the restored log.
    private func showCheckpoint(_ quiet: QuietShop) throws {
        quiet.shop.notifications.crash()
        try quiet.shop.notifications.start()
        try quiet.run([quiet.shop.notifications], rounds: 10)
    }

    @Test func `a log that ends before what was read of it stops, also after a restart`() throws {
        let (quiet, backup, _) = try outrun()
        try quiet.restoreOrders(from: backup)
        try quiet.shop.broker.loseEverything()
        try quiet.orders.start()
        try showCheckpoint(quiet)
        try quiet.run([quiet.orders], rounds: 10)
        #expect(try quiet.place("new").unavailable?.contains("its readers have read") == true)
        #expect(try quiet.published().isEmpty)

        quiet.orders.crash()
        try quiet.orders.start()
        #expect(try quiet.place("new").unavailable?.contains("its readers have read") == true)
        try quiet.run([quiet.orders], rounds: 10)
        #expect(try quiet.published().isEmpty)
        #expect(quiet.orders.notices.contains { $0.contains("has stopped") })
    }

    @Test func `a log that holds another event where it was read stops`() throws {
        let (quiet, backup, _) = try outrun()
        try quiet.restoreOrders(from: backup)
        try quiet.shop.broker.loseEverything()
        try quiet.orders.start()
        for name in ["other-1", "other-2", "other-3"] {
            #expect(try quiet.place(name).answered != nil)
        }
        try showCheckpoint(quiet)
        try quiet.run([quiet.orders], rounds: 10)
        #expect(try quiet.place("new").unavailable?.contains("another event") == true)
    }

    @Test func `a relay that finds the broker ahead of its log stops the log`() throws {
        let (quiet, backup, _) = try outrun()
        try quiet.restoreOrders(from: backup)
        let before = try quiet.published().count
        try quiet.orders.start()
        try quiet.run([quiet.orders], rounds: 10)
        #expect(try quiet.place("new").unavailable?.contains("the broker holds more") == true)
        #expect(try quiet.published().count == before)
    }

    @Test func `a halted log hands out no calls and fires no timers`() throws {
        let bench = try Bench { OrdersCore(runtime: SimulatedRuntime(seed: 1)) }
        try bench.send(.command(.place(try orderID("o1"), try draft()), context()))
        try bench.send(.halt("for the test"))
        let head = try bench.engine.log.head
        bench.runtime.advance(by: .seconds(86_400 * 30))
        try bench.send([])
        #expect(try bench.engine.log.head == head)
        #expect(bench.board.status?.haltReason == "for the test")

        let payments = try Bench { PaymentsCore() }
        var publisher = Publisher("orders", "to-payments", payments.runtime)
        let request = StepRequest.authorize(amount: gbp(1), token: "tok_ok")
        try payments.read(
            publisher.source, [publisher.ask(step("o1", "authorize payment"), request)])
        try payments.send(.halt("for the test"))
        #expect(try payments.effects().count == 1)
        #expect(try payments.engine.effectsToRun(at: payments.now, limit: 8).isEmpty)
    }

    @Test func `after a new epoch readers go back to exactly its start and read the new events`()
        throws
    {
        let (quiet, backup, backedUp) = try outrun()
        let orphaned = try quiet.read()
        let old = try quiet.published()
        try quiet.restoreOrders(from: backup)
        try quiet.openEpoch()
        let feed = quiet.orders.feed
        try quiet.orders.start()
        guard case .rewind(Epoch(2), backedUp, _) = try feed.check(orphaned) else {
            Issue.record("the verdict is \(try feed.check(orphaned))")
            return
        }
        for name in ["new-1", "new-2", "new-3"] { #expect(try quiet.place(name).answered != nil) }
        try quiet.run([quiet.orders, quiet.shop.notifications])
        #expect(try quiet.read().epoch == Epoch(2))
        #expect(try quiet.read().position == quiet.head())
        let expected = ["old-1", "old-2", "lost-1", "lost-2", "new-1", "new-2", "new-3"]
        #expect(try quiet.notified() == expected)
        #expect(try quiet.read().position > orphaned.position)

        // What the broker still holds of the old epoch comes again, and is passed over.
        let engine = try #require(quiet.shop.notifications.engine)
        let head = engine.log.head
        let output = engine.process(
            [.bulletins(QuietShop.facts, old.map(Received.init))], at: quiet.shop.runtime.now())
        #expect(output.first?.isTaken == true)
        #expect(engine.log.head == head)
        #expect(try quiet.read().position == quiet.head())
    }

    @Test func `a message of an older epoch is a duplicate, wherever it claims to stand`() throws {
        let runtime = SimulatedRuntime(seed: 1)
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        var publisher = Publisher("orders", Publication.facts, runtime)
        let source = publisher.source
        try bench.send(.rewind(source, Epoch(3), Position(0), Publisher.leaf(.start)))
        let old = publisher.raw(EventType("order.placed"), "{}", of: StreamID("order", "a"))
        #expect(try bench.read(source, [old, publisher.watermark()]).isTaken)
        #expect(try bench.seen().isEmpty)
        #expect(try bench.engine.checkpoint(of: source).position == .start)
        publisher.epoch = Epoch(4)
        let newer = publisher.raw(EventType("order.placed"), "{}", of: StreamID("order", "a"))
        guard case .foreign = try bench.read(source, [newer]) else {
            Issue.record("a newer epoch was not shown to the feed first")
            return
        }
        #expect(try bench.seen().isEmpty)
    }
}

import Domain
import EventSourcing
import EventStore
import Messaging
import Orders
import Projections
import Simulation
import Testing

/// Readers cross into a newer epoch from wherever they stand.
@Suite struct EpochTests {
    private func place(_ quiet: QuietShop, _ names: [String]) throws {
        for name in names { #expect(try quiet.place(name).answered != nil) }
    }

    private func reopen(_ quiet: QuietShop) throws {
        quiet.orders.crash()
        try quiet.openEpoch()
        try quiet.orders.start()
    }

    @Test func `a reader that is level with its log crosses into the new epoch`() throws {
        let quiet = try QuietShop()
        let both: [any SimulatedProcess] = [quiet.orders, quiet.shop.notifications]
        for process in both { try process.start() }
        try place(quiet, ["a"])
        try quiet.run(both)
        #expect(try quiet.read().position == quiet.head())
        try reopen(quiet)
        try place(quiet, ["b"])
        try quiet.run(both)
        #expect(try quiet.read().position == quiet.head())
        #expect(try quiet.read().epoch == Epoch(2))
        #expect(try quiet.notified() == ["a", "b"])
    }

    @Test(arguments: [true, false])
    func `a reader that is behind reads the rest of the old epoch, and then the new one`(
        isBrokerWhole: Bool
    ) throws {
        let quiet = try QuietShop()
        let both: [any SimulatedProcess] = [quiet.orders, quiet.shop.notifications]
        for process in both { try process.start() }
        try place(quiet, ["a"])
        try quiet.run(both)
        quiet.shop.notifications.crash()
        try place(quiet, ["b", "c"])
        try quiet.run([quiet.orders])
        try reopen(quiet)
        try place(quiet, ["d"])
        if !isBrokerWhole { try quiet.shop.broker.loseEverything() }
        try quiet.run([quiet.orders])
        try quiet.shop.notifications.start()
        try quiet.run(both)
        #expect(try quiet.notified() == ["a", "b", "c", "d"])
        #expect(try quiet.read().position == quiet.head())
    }

    @Test func `a new gateway has seen nothing of an older epoch that it has not read`() throws {
        let quiet = try QuietShop()
        try quiet.orders.start()
        try place(quiet, ["a", "b", "c"])
        let last = EventIdentity(log: OrdersCore.log, epoch: .first, position: try quiet.head())
        try reopen(quiet)
        try place(quiet, ["d"])
        let view = quiet.shop.view
        try view.start()
        for _ in 0..<80 {
            try quiet.run([quiet.orders, view], rounds: 1)
            let hasSeen = view.freshness.hasSeen(ConsistencyToken(last))
            #expect(try !hasSeen || view.store.order(orderID("c")) != nil)
        }
        #expect(view.freshness.hasSeen(ConsistencyToken(last)))
        #expect(try view.store.order(orderID("d")) != nil)
    }

    @Test func `a new epoch is newer than any that readers have met`() throws {
        let quiet = try QuietShop()
        try quiet.orders.start()
        quiet.orders.crash()
        let now = quiet.shop.runtime.now()
        let log = try EventLog(path: quiet.orders.path, name: OrdersCore.log, at: now)
        try log.openEpoch(why: "restored", after: Epoch(7), at: now)
        #expect(log.epoch == Epoch(8))
        try log.openEpoch(why: "again", after: Epoch(3), at: now)
        #expect(log.epoch == Epoch(9))
    }

    @Test(arguments: [true, false])
    func `a new reader reads a log of several epochs from its start`(isBrokerWhole: Bool) throws {
        let quiet = try QuietShop()
        try quiet.orders.start()
        try place(quiet, ["a"])
        try quiet.run([quiet.orders])
        try reopen(quiet)
        try place(quiet, ["b"])
        try quiet.run([quiet.orders])
        try reopen(quiet)
        try place(quiet, ["c"])
        if !isBrokerWhole { try quiet.shop.broker.loseEverything() }
        try quiet.run([quiet.orders])
        let readers: [any SimulatedProcess] = [quiet.shop.notifications, quiet.shop.view]
        for reader in readers { try reader.start() }
        try quiet.run([quiet.orders] + readers)
        #expect(try quiet.notified() == ["a", "b", "c"])
        #expect(try quiet.read().position == quiet.head())
        let view = try #require(quiet.shop.view.engine)
        let position = view.checkpoint(of: QuietShop.facts).position
        #expect(try position == quiet.head())
    }

    @Test func `a log restored twice is told apart, though the lost epoch's number is given anew`()
        throws
    {
        let quiet = try QuietShop()
        let both: [any SimulatedProcess] = [quiet.orders, quiet.shop.notifications]
        for process in both { try process.start() }
        try place(quiet, ["a"])
        let early = try quiet.backUpOrders()
        try reopen(quiet)
        try place(quiet, ["b", "c"])
        try quiet.run(both)
        quiet.shop.notifications.crash()
        try quiet.shop.broker.loseEverything()
        try quiet.restoreOrders(from: early)
        try quiet.openEpoch()
        try quiet.orders.start()
        try quiet.shop.notifications.start()
        try quiet.run(both, rounds: 10)
        #expect(try quiet.place("d").unavailable?.contains("its readers have read") == true)
        try reopen(quiet)
        try place(quiet, ["e", "f", "g", "h"])
        try quiet.run(both)
        #expect(try quiet.notified() == ["a", "b", "c", "e", "f", "g", "h"])
        #expect(try quiet.read().epoch == Epoch(3))
        #expect(try quiet.read().position == quiet.head())
    }
}

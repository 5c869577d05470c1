import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Projections
import Simulation
import Testing

/// What the real services record and publish, after crashes and faults of all kinds.
@Suite struct WholeShopTests {
    /// A run in which no log is put back from a copy: what such a loss leaves is not counted.
    private static func simulation(seed: UInt64, steps: Int) throws -> Simulation {
        let all = try Simulation(seed: seed, steps: steps)
        _ = try all.run()
        let others = all.faults.filter { !$0.what.contains("copy") }.map(\.step)
        return try Simulation(.init(seed: seed, steps: steps, only: Set(others)))
    }

    @Test(arguments: [1, 4] as [UInt64])
    func `rows follow what the services have published, and a rebuild leads to the same`(
        seed: UInt64
    ) throws {
        let simulation = try Self.simulation(seed: seed, steps: 2000)
        let outcome = try simulation.run()
        let shop = simulation.shop
        let feeds: [(source: Source, feed: any Feed)] = [
            (Source(LogName("orders"), Publication.facts), shop.orders.feed),
            (Source(LogName("payments"), Publication.facts), shop.payments.feed),
            (Source(LogName("deliveries"), Publication.facts), shop.deliveries.feed),
            (Source(LogName("notifications"), Publication.facts), shop.notifications.feed),
        ]
        let scratch = try Scratch()
        let engine = try ProjectionEngine(
            store: ReadStore(path: "\(scratch.path)/live.db"), sources: feeds.map(\.source),
            notice: { _ in })
        var orders: Set<String> = []
        for (source, feed) in feeds {
            while true {
                let position = engine.checkpoint(of: source).position
                let page = try feed.read(source.channel, after: position)
                for message in page.messages where message.stream.category == "order" {
                    orders.insert(message.stream.id)
                }
                let output = engine.take(page, of: source, at: now)
                guard case .taken = output else {
                    Issue.record("\(source): \(output)")
                    return
                }
                if !page.hasMore { break }
            }
        }
        #expect(engine.staleReason == nil)
        let statuses = try orders.map { id -> ShownStatus in
            let id = try #require(OrderID(id))
            return try #require(try engine.store.order(id)).status
        }
        func count(_ status: ShownStatus) -> Int { statuses.filter { $0 == status }.count }
        #expect(orders.count > 10)
        #expect(count(.completed) == outcome.completed && count(.cancelled) == outcome.cancelled)
        #expect(count(.rejected) == outcome.rejected && count(.expired) == outcome.expired)
        let availability = try #require(shop.deliveries.engine).core.availability
        for name in ["mug", "lamp", "chair", "rare"] {
            let sku = try #require(SKU(name))
            let level = try #require(try engine.store.stock(sku))
            #expect(level.onHand == Int64(availability.onHand(sku)))
            #expect(level.reserved == Int64(availability.reserved(sku)))
        }
        let report = try Comparison(
            path: engine.store.path, freshPath: "\(scratch.path)/fresh.db", feeds: feeds, seed: seed
        )
        #expect(report.isEqual, "\(report.differences)")
    }
}

import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Projections
import Simulation
import Testing

/// Each gateway reads everything, under a name of its own.
@Suite struct GatewayTests {
    @Test func `two gateways each see everything, and neither takes from the other`() throws {
        let quiet = try QuietShop()
        let counting = quiet.shop.view.feeds.map { source, feed in
            (source: source, feed: CountingFeed(feed) as any Feed)
        }
        let views = ["gateway-1", "gateway-2"].map { name in
            SimulatedView(
                path: "\(quiet.folder.path)/\(name).db", machine: nil,
                broker: quiet.broker(for: name), feeds: counting, runtime: quiet.shop.runtime,
                name: name)
        }
        let services: [any SimulatedProcess] = [
            quiet.orders, quiet.shop.payments, quiet.shop.deliveries, quiet.shop.notifications,
        ]
        for process in services + views { try process.start() }
        _ = quiet.shop.deliveries.submit(
            .receive(try sku("mug"), quantity: 9, reference: nil), context())
        for name in ["a", "b", "c"] { #expect(try quiet.place(name).answered != nil) }
        try quiet.run(services + views, rounds: 150)
        for view in views {
            for name in ["a", "b", "c"] {
                let order = try #require(try view.store.order(orderID(name)))
                // The simulated carrier refuses some.
                #expect([.completed, .rejected].contains(order.status))
            }
            let engine = try #require(view.engine)
            #expect(try engine.checkpoint(of: QuietShop.facts).position == quiet.head())
        }
        let pages = counting.compactMap { ($0.feed as? CountingFeed)?.pages.value }
        #expect(pages == [0, 0, 0, 0], "what the broker has need not be asked for")
    }
}

private final class CountingFeed: Feed {
    private let feed: any Feed
    let pages = Shared(0)

    init(_ feed: any Feed) { self.feed = feed }

    func read(
        _ channel: String, after position: Position, limit: Int
    ) throws(FeedError) -> FeedPage {
        pages.value += 1
        return try feed.read(channel, after: position, limit: limit)
    }

    func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict {
        try feed.check(checkpoint)
    }
}

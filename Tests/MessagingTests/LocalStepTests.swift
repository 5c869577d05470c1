import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import TestKit
import Testing

/// Steps of a checkout that the orders service carries out itself.
@Suite struct LocalStepTests {
    @Test func `an order's way is on record without requests of the service to itself`() throws {
        let quiet = try QuietShop()
        for process in quiet.shop.processes { try process.start() }
        for name in ["mug", "A-1", "B-2"] {
            _ = quiet.shop.deliveries.submit(
                .receive(try sku(name), quantity: 9, reference: nil), context())
        }
        #expect(try quiet.place("a").answered != nil)
        try quiet.run(quiet.shop.processes)
        let log = try #require(quiet.orders.engine).log
        let records = try log.queries.log(after: .start, limit: 99)
        let steps = records.map { record in
            let step = (try? JSON(parsing: record.data))?["ref"]?["step"]?.string
            return step ?? record.type.name
        }
        #expect(
            steps == [
                "order.placed", "checkout.started", "reserve stock", "authorize payment",
                "order.confirmed", "pack", "hand over", "capture payment", "order.completed",
                "checkout.completed",
            ])
        // Each has the outcome that led to it as its cause.
        let causes = try records.map { try $0.parsedMetadata().cause }
        #expect(causes[4] == causes[5] && causes[8] == causes[9] && causes[4] != causes[8])
    }
}

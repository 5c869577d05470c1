import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Orders
import Simulation
import Testing

/// Steps of a checkout that the orders service carries out itself.
@Suite struct LocalStepTests {
    @Test func `an order's way is on record without requests of the service to itself`() throws {
        let quiet = try QuietShop()
        for process in quiet.shop.processes { try process.start() }
        for name in ["mug", "A-1", "B-2"] {
            _ = quiet.shop.deliveries.submit(
                .receive(try sku(name), quantity: 99, reference: nil), context())
        }
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"]
        for name in names { #expect(try quiet.place(name).answered != nil) }
        try quiet.run(quiet.shop.processes)
        let log = try #require(quiet.orders.engine).log
        let records = try log.queries.log(after: .start, limit: 999)
        var completed = 0
        for name in names {
            let own = try records.filter { $0.stream.id == (try orderID(name).value) }
            let steps = own.map { record in
                let step = (try? JSON(parsing: record.data))?["ref"]?["step"]?.string
                return step ?? record.type.name
            }
            #expect(!steps.contains("confirm order") && !steps.contains("complete order"))
            // The carrier refuses some.
            guard steps.last == "checkout.completed" else { continue }
            completed += 1
            #expect(
                steps == [
                    "order.placed", "checkout.started", "reserve stock", "authorize payment",
                    "order.confirmed", "pack", "hand over", "capture payment", "order.completed",
                    "checkout.completed",
                ])
            // Each has the outcome that led to it as its cause.
            let causes = try own.map { try $0.parsedMetadata().cause }
            #expect(causes[4] == causes[5] && causes[8] == causes[9] && causes[4] != causes[8])
        }
        #expect(completed > 0)
    }

    private let runtime = SimulatedRuntime(seed: 1)

    /// An orders service that waits for the payment of `o1`.
    private func paying() throws -> (Bench<OrdersCore>, Publisher) {
        let bench = try Bench(runtime: runtime) { [runtime] in OrdersCore(runtime: runtime) }
        var deliveries = Publisher("deliveries", Publication.facts, runtime)
        try bench.send(.command(.place(try orderID("o1"), try draft()), context()))
        let made = deliveries.event(
            Reservation.Event.made(step("o1", "reserve stock"), []),
            of: StreamID("reservation", "o1"))
        #expect(try bench.read(deliveries.source, [made]).isTaken)
        return (bench, Publisher("payments", Publication.facts, runtime))
    }

    private func record(_ type: String, _ data: String, of stream: StreamID, in log: EventLog)
        throws
    {
        try log.commit(at: runtime.now()) { (transaction) throws(StoreError) in
            let event = NewEvent(
                type: EventType(type), data: Array(data.utf8),
                metadata: Array(transaction.metadata.text.utf8))
            try transaction.append([event], to: stream, expecting: .any)
        }
    }

    @Test func `a step of its own that is refused is asked for, and turns the checkout`() throws {
        var (bench, payments) = try paying()
        // As only a mistake can: the order has ended, and its checkout goes on.
        try record(
            "order.rejected", #"{"reason":"x"}"#, of: StreamID("order", "o1"),
            in: try bench.engine.log)
        try bench.crash()
        let before = try bench.types().count
        let paid = payments.event(
            Payment.Event.authorized(step("o1", "authorize payment"), code: "c"),
            of: StreamID("payment", "o1"))
        #expect(try bench.read(payments.source, [paid]).isTaken)
        let records = try bench.records().dropFirst(before)
        #expect(
            records.map(\.type.name) == [
                "checkout.step-requested", "checkout.turned", "checkout.step-requested",
            ])
        let steps = records.compactMap { (try? JSON(parsing: $0.data))?["ref"]?["step"]?.string }
        #expect(steps == ["confirm order", "authorize payment"])
    }

    @Test func `a checkout that an older build left before its last step is completed`() throws {
        var (bench, payments) = try paying()
        let checkout = StreamID("checkout", "o1")
        // What such a build recorded of the way from there.
        func asked(_ name: String, _ request: String) throws {
            try record(
                "checkout.step-requested",
                """
                {"ref":{"saga":"o1","step":"\(name)","direction":"forward","attempt":1},\
                "request":\(request)}
                """, of: checkout, in: try bench.engine.log)
        }
        try asked("confirm order", #"{"do":"confirm"}"#)
        try record("order.confirmed", "{}", of: StreamID("order", "o1"), in: try bench.engine.log)
        try asked("pack", #"{"do":"pack"}"#)
        try asked("hand over", #"{"do":"hand-over"}"#)
        try asked(
            "capture payment", #"{"do":"capture","amount":{"minor":500,"currency":"GBP"}}"#)
        try bench.crash()
        let captured = payments.event(
            Payment.Event.captured(step("o1", "capture payment"), id: "c", amount: gbp(500)),
            of: StreamID("payment", "o1"))
        #expect(try bench.read(payments.source, [captured, captured]).isTaken)
        #expect(try bench.types().suffix(2) == ["order.completed", "checkout.completed"])
        #expect(try OrdersCore.underWay(try bench.engine.log.queries).all == 0)
    }
}

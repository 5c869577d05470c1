import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import SQLite
import Simulation
import Testing

/// Stock is decided for all lines of an order at once, against one fold over the whole service.
@Suite struct StockTests {
    private let runtime = SimulatedRuntime(seed: 1)

    private func bench(_ stock: [String: Int]) throws -> (Bench<DeliveriesCore>, Publisher) {
        let bench = try Bench(runtime: runtime) { DeliveriesCore() }
        for (sku, quantity) in stock.sorted(by: { $0.key < $1.key }) {
            try receive(bench, sku, quantity)
        }
        return (bench, Publisher("orders", "to-deliveries", runtime))
    }

    private func receive(_ bench: Bench<DeliveriesCore>, _ sku: String, _ quantity: Int) throws {
        let sku = try MessagingTests.sku(sku)
        try bench.send(.command(.receive(sku, quantity: quantity, reference: nil), context()))
    }

    private func reserve(_ order: String, _ lines: [(String, Int)]) throws
        -> (StepReference, StepRequest)
    {
        let lines = try lines.map { sku, quantity in
            try #require(StockLine(sku: MessagingTests.sku(sku), quantity: quantity))
        }
        return (step(order, "reserve stock"), .reserve(lines))
    }

    private func made(_ bench: Bench<DeliveriesCore>) throws -> [String] {
        try bench.records().filter { $0.type.name == "reservation.made" }.map(\.stream.id)
    }

    @Test func `two lines of one SKU that only together exceed the stock are refused`() throws {
        var (bench, orders) = try bench(["mug": 5, "lamp": 5])
        let (step, request) = try reserve("o1", [("mug", 3), ("lamp", 1), ("mug", 3)])
        try bench.read(orders.source, [orders.ask(step, request)])
        #expect(try bench.types().last == "reservation.refused")
        let availability = try bench.engine.core.availability
        #expect(availability.available(try sku("lamp")) == 5)
    }

    @Test(arguments: [true, false])
    func `of 64 buyers of the last one exactly one gets it`(isOneBatch: Bool) throws {
        var (bench, orders) = try bench(["mug": 1])
        let requests = try (0..<64).map { number in
            let (step, request) = try reserve("o\(number)", [("mug", 1)])
            return orders.ask(step, request)
        }
        if isOneBatch {
            try bench.read(orders.source, requests)
        } else {
            for request in requests {
                try bench.read(orders.source, [request])
                try bench.crash()
            }
        }
        #expect(try made(bench) == ["o0"])
        #expect(try bench.types().filter { $0 == "reservation.refused" }.count == 63)
        #expect(try bench.engine.core.availability.available(try sku("mug")) == 0)
    }

    @Test func `a reservation that failed with its input leaves the stock as it was`() throws {
        var (bench, orders) = try bench(["mug": 1])
        let (step, request) = try reserve("o1", [("mug", 1)])
        let message = orders.ask(step, request)
        bench.fault = { $0 == .before ? .init(code: 13, message: "full", action: "") : nil }
        try bench.read(orders.source, [message])
        bench.fault = nil
        try bench.crash()
        #expect(try bench.engine.core.availability.available(try sku("mug")) == 1)
        try bench.read(orders.source, [message])
        #expect(try made(bench) == ["o1"])
    }

    private func snapshot(_ bench: Bench<DeliveriesCore>, fold: Int, _ data: String) throws {
        try bench.engine.log.commit(at: bench.now) { (transaction) throws(StoreError) in
            try transaction.save(
                Snapshot(
                    name: "availability", fold: fold, position: transaction.head, data: data))
        }
    }

    private func text(_ availability: Availability) -> String {
        var json = JSONWriter()
        availability.encode(to: &json)
        return json.text
    }

    @Test func `a snapshot and the log after it give what the whole log gives`() throws {
        var (bench, orders) = try bench(["mug": 50, "lamp": 40])
        for number in 0..<20 {
            let (step, request) = try reserve("o\(number)", [("mug", 2), ("lamp", 1)])
            try bench.read(orders.source, [orders.ask(step, request)])
            if number == 9 {
                try snapshot(
                    bench, fold: Availability.version, text(bench.engine.core.availability))
            }
        }
        try receive(bench, "mug", 7)
        let live = try bench.engine.core.availability
        try bench.crash()
        #expect(try bench.engine.core.availability == live)
        #expect(live.reserved(try sku("mug")) == 40)
        #expect(live.onHand(try sku("mug")) == 57)
        try snapshot(bench, fold: Availability.version + 1, "{}")
        try bench.crash()
        #expect(try bench.engine.core.availability == live)
    }

    @Test func `a snapshot that another version of the fold made is discarded`() throws {
        let (bench, _) = try bench(["mug": 50])
        let live = try bench.engine.core.availability
        let wrong = #"{"stock":[{"sku":"mug","onHand":999}],"open":[]}"#
        for fold in [Availability.version - 1, Availability.version + 1] {
            try snapshot(bench, fold: fold, wrong)
            try bench.crash()
            #expect(try bench.engine.core.availability == live)
        }
        // The test could not fail if no snapshot were read at all.
        try snapshot(bench, fold: Availability.version, wrong)
        try bench.crash()
        #expect(try bench.engine.core.availability.onHand(try sku("mug")) == 999)
    }
}

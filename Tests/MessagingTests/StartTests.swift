import Domain
import EventSourcing
import EventStore
import Messaging
import Orders
import Simulation
import Testing

/// Placed orders wait for their checkout while participants have enough before them.
@Suite struct StartTests {
    private let runtime = SimulatedRuntime(seed: 1)

    private func bench() throws -> Bench<OrdersCore> {
        try Bench(runtime: runtime) { [runtime] in OrdersCore(runtime: runtime, startLimit: 2) }
    }

    private func place(_ bench: Bench<OrdersCore>, _ names: String...) throws {
        for name in names {
            guard
                case .accepted? = try bench.send(
                    .command(.place(try orderID(name), try draft()), context(name))
                ).answered?.0
            else {
                Issue.record("\(name) was not accepted")
                return
            }
        }
    }

    /// The orders whose checkouts have begun, in order.
    private func begun(_ bench: Bench<OrdersCore>) throws -> [String] {
        try bench.records().filter { $0.type.name == "checkout.started" }.map(\.stream.id)
    }

    private func ids(_ names: String...) throws -> [String] {
        try names.map { try orderID($0).value }
    }

    /// Deliveries says how far it has read.
    private func hear(_ bench: Bench<OrdersCore>, _ position: Position) throws {
        let deliveries = Publisher("deliveries", Publication.facts, runtime)
        try bench.read(
            deliveries.source,
            [
                deliveries.watermark(
                    upSince: runtime.now(), read: ["orders/to-deliveries": position])
            ])
    }

    @Test func `what a participant has not read yet holds back the next, in their order`() throws {
        let bench = try bench()
        try place(bench, "o1", "o2", "o3", "o4", "o5")
        #expect(try begun(bench) == ids("o1", "o2"))
        let first = try #require(
            try bench.records().first { $0.type.name == "checkout.step-requested" })
        try hear(bench, first.position)
        #expect(try begun(bench) == ids("o1", "o2", "o3"))
        try hear(bench, try bench.engine.log.head)
        #expect(try begun(bench) == ids("o1", "o2", "o3", "o4", "o5"))
    }

    @Test func `an answer shows what was read as well as a watermark does`() throws {
        let bench = try bench()
        try place(bench, "o1", "o2", "o3")
        let request = try #require(
            try bench.records().last { $0.type.name == "checkout.step-requested" })
        var deliveries = Publisher("deliveries", Publication.facts, runtime)
        let answer = deliveries.event(
            Reservation.Event.refused(step("o2", "reserve stock"), []),
            of: StreamID("reservation", try orderID("o2").value), cause: request.identity)
        try bench.read(deliveries.source, [answer])
        #expect(try begun(bench) == ids("o1", "o2", "o3"))
    }

    @Test func `what waits goes on waiting over a crash, and follows from its placing`() throws {
        let bench = try bench()
        try place(bench, "o1", "o2", "o3", "o4")
        try bench.crash()
        // What was asked before is not remembered: both begin with the first commit.
        try bench.send([])
        #expect(try begun(bench) == ids("o1", "o2", "o3", "o4"))
        let records = try bench.records()
        let placed = try #require(
            records.first { try $0.stream.id == orderID("o3").value && $0.version == Version(1) })
        let started = try #require(
            records.first {
                try $0.stream.id == orderID("o3").value && $0.type.name == "checkout.started"
            })
        let metadata = try started.parsedMetadata()
        #expect(metadata.cause == placed.identity)
        #expect(try metadata.correlation == placed.parsedMetadata().correlation)
    }

    @Test func `an order that waits can be cancelled, and ends`() throws {
        let bench = try bench()
        try place(bench, "o1", "o2", "o3")
        guard
            case .accepted? = try bench.send(
                .command(.cancel(try orderID("o3"), reason: "changed my mind"), context("c"))
            ).answered?.0
        else {
            Issue.record("it was not accepted")
            return
        }
        #expect(try begun(bench) == ids("o1", "o2", "o3"))
        #expect(try bench.types().contains("checkout.turned"))
    }

    @Test func `none waits longer than an hour`() throws {
        let bench = try bench()
        try place(bench, "o1", "o2", "o3")
        runtime.advance(by: .seconds(3599))
        try bench.send([])
        #expect(try begun(bench) == ids("o1", "o2"))
        runtime.advance(by: .seconds(2))
        try bench.send([])
        #expect(try begun(bench) == ids("o1", "o2", "o3"))
        #expect(try bench.engine.log.countTimers(prefix: "checkout-") == 3)
    }

    @Test func `a timer of an earlier step gives its place to the present one's`() throws {
        let bench = try bench()
        try place(bench, "o1")
        let began = runtime.now()
        var deliveries = Publisher("deliveries", Publication.facts, runtime)
        let made = deliveries.event(
            Reservation.Event.made(step("o1", "reserve stock"), []),
            of: StreamID("reservation", try orderID("o1").value))
        try bench.read(deliveries.source, [made])
        let far = Timestamp(microseconds: .max)
        // The first step's is due earlier than the second's would be, and stays.
        #expect(
            try bench.engine.log.timers(awaiting: "deliveries", dueBy: far, limit: 9).count == 1)
        for _ in 0..<3 {
            runtime.advance(by: .seconds(31))
            let head = try bench.engine.log.head
            try bench.read(
                deliveries.source,
                [deliveries.watermark(upSince: began, read: ["orders/to-deliveries": head])])
        }
        let waiting = try bench.engine.log.timers(awaiting: "payments", dueBy: far, limit: 9)
        // As long after its own request as it is given: three minutes.
        #expect(waiting.map { $0.due - began } == [.seconds(180)])
        #expect(try !bench.types().contains("checkout.turned"))
    }
}

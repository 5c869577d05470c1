import Domain
import EventSourcing
import EventStore
import Messaging
import Orders
import Simulation
import Testing

/// A deadline fires only when the participant was up, had read the request, and stayed silent
/// all the time.
@Suite struct TimerTests {
    private let runtime = SimulatedRuntime(seed: 1)

    /// An orders service with one order placed; its reservation is due in 30 seconds.
    private func placed() throws -> (Bench<OrdersCore>, Publisher, [String: Position]) {
        let bench = try Bench(runtime: runtime) { [runtime] in OrdersCore(runtime: runtime) }
        try bench.send(.command(.place(try orderID("o1"), try draft()), context()))
        let head = try bench.engine.log.head
        return (
            bench, Publisher("deliveries", Publication.facts, runtime),
            ["orders/to-deliveries": head]
        )
    }

    private func hasTurned(_ bench: Bench<OrdersCore>) throws -> Bool {
        try bench.types().contains("checkout.turned")
    }

    @Test func `silence while nothing is heard of the participant cancels nothing`() throws {
        let (bench, _, _) = try placed()
        for _ in 0..<50 {
            runtime.advance(by: .seconds(3600))
            try bench.send([])
        }
        #expect(try !hasTurned(bench))
    }

    @Test func `a participant that goes down with the time running is not judged by our clock`()
        throws
    {
        let (bench, deliveries, read) = try placed()
        let began = runtime.now()
        runtime.advance(by: .seconds(31))
        try bench.read(deliveries.source, [deliveries.watermark(upSince: began, read: read)])
        runtime.advance(by: .seconds(20))
        let lastHeard = deliveries.watermark(upSince: began, read: read)
        runtime.advance(by: .seconds(3600))
        try bench.send([])
        #expect(try !hasTurned(bench))
        try bench.read(deliveries.source, [lastHeard])
        #expect(try !hasTurned(bench))
    }

    @Test func `a participant that comes back after the deadline is read before it is judged`()
        throws
    {
        var (bench, deliveries, read) = try placed()
        let began = runtime.now()
        runtime.advance(by: .seconds(5))
        try bench.read(deliveries.source, [deliveries.watermark(upSince: began, read: read)])
        runtime.advance(by: .seconds(600))
        // It recorded its answer in time, and the watermark overtakes it.
        let answer = deliveries.event(
            Reservation.Event.made(step("o1", "reserve stock"), []),
            of: StreamID("reservation", "o1"))
        let watermark = deliveries.watermark(upSince: began, read: read)
        #expect(try bench.read(deliveries.source, [watermark]).gapAfter == .start)
        #expect(try !hasTurned(bench))
        #expect(try bench.read(deliveries.source, [answer, watermark]).isTaken)
        #expect(try !hasTurned(bench))
        #expect(try bench.records().last?.type.name == "checkout.step-requested")
    }

    @Test func `a participant that was restarted has its full time again`() throws {
        let (bench, deliveries, read) = try placed()
        let began = runtime.now()
        // It had read the request and was up: the time runs.
        runtime.advance(by: .seconds(31))
        try bench.read(deliveries.source, [deliveries.watermark(upSince: began, read: read)])
        // It was started anew just before the time was over.
        runtime.advance(by: .seconds(29))
        let restarted = runtime.now()
        runtime.advance(by: .seconds(5))
        try bench.read(deliveries.source, [deliveries.watermark(upSince: restarted, read: read)])
        #expect(try !hasTurned(bench))
        runtime.advance(by: .seconds(31))
        try bench.read(deliveries.source, [deliveries.watermark(upSince: restarted, read: read)])
        #expect(try hasTurned(bench))
    }

    @Test func `a participant that has not read the request is not timed`() throws {
        let (bench, deliveries, read) = try placed()
        let began = runtime.now()
        let short = read.mapValues { Position($0.value - 1) }
        for _ in 0..<20 {
            runtime.advance(by: .seconds(40))
            try bench.read(deliveries.source, [deliveries.watermark(upSince: began, read: short)])
        }
        #expect(try !hasTurned(bench))
    }

    @Test func `a participant that read what a newer epoch replaced has not read the request`()
        throws
    {
        let (bench, deliveries, _) = try placed()
        try bench.engine.log.openEpoch(why: "restored", at: runtime.now())
        try bench.send(.command(.place(try orderID("o2"), try draft()), context("o2")))
        let began = runtime.now()
        let read = ["orders/to-deliveries": try bench.engine.log.head]
        func watch(_ epoch: Epoch) throws -> [String] {
            for _ in 0..<10 {
                runtime.advance(by: .seconds(31))
                try bench.read(
                    deliveries.source,
                    [deliveries.watermark(upSince: began, read: read, in: epoch)])
            }
            return try bench.records().filter { $0.type.name == "checkout.turned" }.map(\.stream.id)
        }
        #expect(try watch(.first) == [orderID("o1").value])
        #expect(try watch(Epoch(2)) == [orderID("o1").value, orderID("o2").value])
    }

    @Test func `a participant that is up, has read and stays silent is given up within bounds`()
        throws
    {
        let (bench, deliveries, read) = try placed()
        let began = runtime.now()
        while try !hasTurned(bench), runtime.now() - began < .seconds(3600) {
            runtime.advance(by: .seconds(1))
            try bench.read(deliveries.source, [deliveries.watermark(upSince: began, read: read)])
        }
        // Its full time once unwatched and once watched.
        let waited = runtime.now() - began
        #expect(waited >= .seconds(30) && waited <= .seconds(65), "\(waited)")
        #expect(try bench.types().suffix(2) == ["checkout.turned", "checkout.step-requested"])
    }

    @Test func `what a timer records is part of what the order's request began`() throws {
        let bench = try Bench(runtime: runtime) { [runtime] in OrdersCore(runtime: runtime) }
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        let asked = Metadata(correlation: "basket 7", actor: "anonymous", trace: trace)
        try bench.send(
            .command(.place(try orderID("o1"), try draft()), CommandContext(metadata: asked)))
        let deliveries = Publisher("deliveries", Publication.facts, runtime)
        let read = ["orders/to-deliveries": try bench.engine.log.head]
        let began = runtime.now()
        while try !hasTurned(bench), runtime.now() - began < .seconds(3600) {
            runtime.advance(by: .seconds(10))
            try bench.read(deliveries.source, [deliveries.watermark(upSince: began, read: read)])
        }
        let turned = try #require(try bench.records().first { $0.type.name == "checkout.turned" })
        #expect(
            try turned.parsedMetadata()
                == Metadata(correlation: "basket 7", actor: "timer", trace: trace))
    }

    @Test func `a deadline survives a restart of the orders service`() throws {
        let (bench, deliveries, read) = try placed()
        let began = runtime.now()
        for _ in 0..<70 {
            runtime.advance(by: .seconds(1))
            try bench.crash()
            try bench.read(deliveries.source, [deliveries.watermark(upSince: began, read: read)])
        }
        #expect(try hasTurned(bench))
    }

    @Test func `above the bound of open checkouts placing is refused as busy, until one ends`()
        throws
    {
        let bench = try Bench(runtime: runtime) { [runtime] in
            OrdersCore(runtime: runtime, openLimit: 2)
        }
        func place(_ name: String) throws -> OrdersAnswer? {
            try bench.send(.command(.place(try orderID(name), try draft()), context(name)))
                .answered?.0
        }
        for name in ["o1", "o2"] { _ = try place(name) }
        #expect(try place("o3") == .refused(.busy))
        try bench.crash()
        #expect(try place("o3") == .refused(.busy))
        var deliveries = Publisher("deliveries", Publication.facts, runtime)
        let refused = deliveries.event(
            Reservation.Event.refused(step("o1", "reserve stock"), []),
            of: StreamID("reservation", "o1"))
        try bench.read(deliveries.source, [refused])
        #expect(try bench.types().contains("order.rejected"))
        // What was refused as busy was not remembered: the same key is decided anew.
        guard case .accepted? = try place("o3") else {
            Issue.record("there is room again")
            return
        }
        #expect(try place("o4") == .refused(.busy))
    }
}

import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Notifications
import Orders
import Payments
import SQLite
import TestKit
import Testing

/// Calls to the outside: asked for in the deciding commit, made under one key, their results
/// taken once.
@Suite struct EffectTests {
    private let runtime = SimulatedRuntime(seed: 1)
    private let authorizing = step("o1", "authorize payment")
    private let voiding = step("o1", "authorize payment", .undo)

    private func bench() throws -> (Bench<PaymentsCore>, Publisher) {
        (
            try Bench(runtime: runtime) { PaymentsCore() },
            Publisher("orders", "to-payments", runtime)
        )
    }

    private func authorize(attempt: Int = 1) -> (StepReference, StepRequest) {
        (
            step("o1", "authorize payment", attempt: attempt),
            .authorize(amount: gbp(500), token: "tok_ok")
        )
    }

    private let authorized = EffectResult.answered(#"{"result":"authorized","value":"code"}"#)
    private let voided = EffectResult.answered(#"{"result":"voided","value":""}"#)

    @Test func `a call is on record with the decision that asked for it, or neither is`() throws {
        var (bench, orders) = try bench()
        let request = orders.ask(authorize().0, authorize().1)
        bench.fault = { $0 == .before ? SQLiteError(code: 13, message: "full", action: "") : nil }
        #expect(try bench.read(orders.source, [request]).unavailable != nil)
        bench.fault = nil
        try bench.crash()
        #expect(try bench.types().isEmpty && bench.effects().isEmpty)
        try bench.read(orders.source, [request])
        #expect(try bench.types() == ["payment.authorization-requested"])
        #expect(try bench.effects().map(\.key) == ["o1/authorize payment/forward"])
    }

    @Test func `a call that was out when its service died is made again under the same key`() throws
    {
        var (bench, orders) = try bench()
        try bench.read(orders.source, [orders.ask(authorize().0, authorize().1)])
        let first = try bench.engine.effectsToRun(at: bench.now, limit: 8)
        #expect(try bench.engine.effectsToRun(at: bench.now, limit: 8).isEmpty)
        try bench.crash()
        let second = try bench.engine.effectsToRun(at: bench.now, limit: 8)
        #expect(first.map(\.key) == ["o1/authorize payment/forward"])
        #expect(second == first)
    }

    @Test func `another attempt at the step makes no second call, and none under another key`()
        throws
    {
        var (bench, orders) = try bench()
        for attempt in 1...3 {
            let (step, request) = authorize(attempt: attempt)
            try bench.read(orders.source, [orders.ask(step, request)])
        }
        #expect(try bench.effects().map(\.key) == ["o1/authorize payment/forward"])
    }

    @Test(arguments: [true, false])
    func `a result that comes twice is taken once`(isOneBatch: Bool) throws {
        var (bench, orders) = try bench()
        try bench.read(orders.source, [orders.ask(authorize().0, authorize().1)])
        let effect = try #require(bench.effects().first)
        if isOneBatch {
            try bench.send([.effect(effect, authorized), .effect(effect, authorized)])
        } else {
            try bench.send(.effect(effect, authorized))
            try bench.crash()
            try bench.send(.effect(effect, authorized))
        }
        #expect(
            try bench.types() == ["payment.authorization-requested", "payment.authorized"])
        #expect(try bench.effects().isEmpty)
    }

    @Test func `a void while the authorization is out waits for its result`() throws {
        var (bench, orders) = try bench()
        try bench.read(orders.source, [orders.ask(authorize().0, authorize().1)])
        let call = try #require(bench.engine.effectsToRun(at: bench.now, limit: 8).first)
        try bench.read(orders.source, [orders.ask(voiding, .void)])
        #expect(try bench.effects().map(\.key) == ["o1/authorize payment/forward"])
        #expect(try !bench.types().contains("payment.voided"))
        try bench.send(.effect(call, authorized))
        #expect(try bench.effects().map(\.kind) == ["payment.void"])
        let void = try #require(bench.effects().first)
        try bench.send(.effect(void, voided))
        #expect(try bench.types().last == "payment.voided")
        #expect(try bench.effects().isEmpty)
    }

    @Test func `a result that comes again does not stand for the call that took its place`() throws
    {
        let bench = try Bench(runtime: runtime) { NotificationsCore() }
        var orders = Publisher("orders", Publication.facts, runtime)
        let order = StreamID("order", "o1")
        try bench.read(
            orders.source, [orders.event(Order.Event.placed(try draft(contact: "x")), of: order)])
        let received = try #require(bench.effects().first)
        try bench.send(.effect(received, .answered("")))
        try bench.read(orders.source, [orders.event(Order.Event.confirmed, of: order)])
        // Its thread outlived a core that was dropped, and the new core had the call made as well.
        try bench.send(.effect(received, .answered("")))
        #expect(try bench.effects().map(\.key) == ["o1/confirmed"])
    }

    @Test func `a silent provider is asked under the same key, then given up and voided`() throws {
        var (bench, orders) = try bench()
        try bench.read(orders.source, [orders.ask(authorize().0, authorize().1)])
        var keys: [String] = []
        for _ in 0..<5 {
            runtime.advance(by: .seconds(60))
            let call = try #require(bench.engine.effectsToRun(at: bench.now, limit: 1).first)
            keys.append(call.key)
            try bench.send(.effect(call, .noAnswer("silence")))
        }
        #expect(Set(keys) == ["o1/authorize payment/forward"])
        #expect(try bench.types().last == "payment.authorization-unknown")
        #expect(try bench.effects().map(\.kind) == ["payment.void"])
    }
}

/// A step that is asked for again is answered again.
@Suite struct RepeatedStepTests {
    private let runtime = SimulatedRuntime(seed: 1)

    @Test func `each attempt at a step has an answer of its own`() throws {
        let bench = try Bench(runtime: runtime) { DeliveriesCore() }
        var orders = Publisher("orders", "to-deliveries", runtime)
        let sku = try sku("mug")
        try bench.send(.command(.receive(sku, quantity: 5, reference: nil), context()))
        let lines = [try #require(StockLine(sku: sku, quantity: 2))]
        for attempt in 1...3 {
            let request = orders.ask(
                step("o1", "reserve stock", attempt: attempt), .reserve(lines))
            try bench.read(orders.source, [request])
        }
        let replies = try bench.records().dropFirst().map { record in
            try #require(try StepReply.read(record.type, try JSON(parsing: record.data)))
        }
        #expect(replies.map(\.step.attempt) == [1, 2, 3])
        #expect(replies.allSatisfy { $0.outcome == .done })
        #expect(try bench.engine.core.availability.reserved(sku) == 2)
    }

    @Test func `the outcome of an attempt that was given up changes nothing`() throws {
        let bench = try Bench(runtime: runtime) { [runtime] in OrdersCore(runtime: runtime) }
        var deliveries = Publisher("deliveries", Publication.facts, runtime)
        try bench.send(.command(.place(try orderID("o1"), try draft()), context()))
        try bench.send(.command(.cancel(try orderID("o1"), reason: "changed my mind"), context()))
        #expect(try bench.types().last == "checkout.step-requested")
        let head = try bench.engine.log.head
        let late = deliveries.event(
            Reservation.Event.made(step("o1", "reserve stock"), []),
            of: StreamID("reservation", "o1"))
        let other = deliveries.event(
            Reservation.Event.released(step("o1", "reserve stock", .undo, attempt: 2)),
            of: StreamID("reservation", "o1"))
        #expect(try bench.read(deliveries.source, [late, other]).isTaken)
        #expect(try bench.engine.log.head == head)
        let released = deliveries.event(
            Reservation.Event.released(step("o1", "reserve stock", .undo)),
            of: StreamID("reservation", "o1"))
        try bench.read(deliveries.source, [released])
        #expect(try bench.types().last == "order.cancelled")
    }
}

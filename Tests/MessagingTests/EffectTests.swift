import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Notifications
import Orders
import Payments
import SQLite
import Simulation
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
        runtime.advance(by: Notification.freshness)
        try bench.read(orders.source, [orders.event(Order.Event.confirmed, of: order)])
        // Its thread outlived a core that was dropped, and the new core had the call made as well.
        try bench.send(.effect(received, .answered("")))
        #expect(try bench.effects().map(\.key) == ["o1/confirmed"])
    }

    @Test func `a mail that this machine cannot write is never given up`() throws {
        let bench = try Bench(runtime: runtime) { NotificationsCore() }
        var orders = Publisher("orders", Publication.facts, runtime)
        let order = StreamID("order", "o1")
        try bench.read(
            orders.source, [orders.event(Order.Event.placed(try draft(contact: "x")), of: order)])
        for _ in 0..<50 {
            runtime.advance(by: .seconds(60))
            let mail = try #require(
                bench.engine.effectsToRun(at: bench.now, limit: 8).first)
            #expect(mail.attempts == 0)
            try bench.send(.effect(mail, .notMade("the disk is full")))
        }
        let mail = try #require(bench.effects().first)
        try bench.send(.effect(mail, .answered("")))
        #expect(try bench.types() == ["notification.requested", "notification.sent"])
    }

    /// Answers each call that comes due within `time`; the calls' kinds.
    private func answer(
        _ bench: Bench<PaymentsCore>, for time: Duration, _ result: EffectResult
    ) throws -> [String] {
        var kinds: [String] = []
        let end = runtime.now() + time
        while runtime.now() < end {
            for call in try bench.engine.effectsToRun(at: bench.now, limit: 8) {
                kinds.append(call.kind)
                try bench.send(.effect(call, result))
            }
            runtime.advance(by: .milliseconds(250))
        }
        return kinds
    }

    @Test func `a silent provider is asked until the deadline, then given up and voided`() throws {
        var (bench, orders) = try bench()
        try bench.read(orders.source, [orders.ask(authorize().0, authorize().1)])
        let asked = try answer(bench, for: .seconds(119), .noAnswer("silence"))
        #expect(asked.count > 5 && Set(asked) == ["payment.authorize"])
        #expect(try bench.types() == ["payment.authorization-requested"])
        _ = try answer(bench, for: .seconds(2), .noAnswer("silence"))
        #expect(try bench.types().last == "payment.authorization-unknown")
        #expect(try bench.effects().map(\.kind) == ["payment.void"])
    }

    @Test func `what is paid after the deadline is voided`() throws {
        var (bench, orders) = try bench()
        let request = StepRequest.authorize(
            amount: gbp(500), token: "tok_late", within: .seconds(8))
        try bench.read(orders.source, [orders.ask(authorizing, request)])
        let pending = EffectResult.answered(#"{"result":"pending"}"#)
        let asked = try answer(bench, for: .seconds(9), pending)
        #expect(Set(asked) == ["payment.authorize", "payment.settle"])
        #expect(try bench.types().last == "payment.authorization-overdue")
        let call = try #require(bench.effects().first)
        #expect(call.kind == "payment.settle" && call.key == "o1/authorize payment/forward")
        try bench.send(.effect(call, authorized))
        #expect(try bench.types().last == "payment.authorized")
        let void = try #require(bench.effects().first)
        #expect(void.kind == "payment.void")
        try bench.send(.effect(void, voided))
        #expect(try bench.types().last == "payment.voided" && bench.effects().isEmpty)
    }

    @Test func `an outage of ours takes no customer's time`() throws {
        var (bench, orders) = try bench()
        try bench.read(orders.source, [orders.ask(authorize().0, authorize().1)])
        bench.stop()
        runtime.advance(by: .seconds(86_400))
        try bench.crash()
        for _ in 0..<4 {
            _ = try answer(bench, for: .milliseconds(250), .noAnswer("silence"))
            runtime.advance(by: .seconds(20))
        }
        #expect(try bench.types() == ["payment.authorization-requested"])
        try bench.send(.effect(try #require(bench.effects().first), authorized))
        #expect(try bench.types().last == "payment.authorized")
    }

    @Test func `a void has the authorization asked for at once, as one that is given up`() throws {
        var (bench, orders) = try bench()
        try bench.read(orders.source, [orders.ask(authorize().0, authorize().1)])
        _ = try answer(bench, for: .seconds(60), .answered(#"{"result":"pending"}"#))
        try bench.read(orders.source, [orders.ask(voiding, .void)])
        let call = try #require(bench.effects().first)
        #expect(call.kind == "payment.settle" && call.due <= bench.now && call.attempts == 0)
        _ = try answer(bench, for: .seconds(60), .noAnswer("silence"))
        #expect(try bench.types().last == "payment.authorization-unknown")
        #expect(try bench.effects().map(\.kind) == ["payment.void"])
    }
}

/// Stock that is held for an order, and the parcel on its way.
@Suite struct HoldTests {
    private let runtime = SimulatedRuntime(seed: 1)

    private func held(for time: Duration) throws -> (Bench<DeliveriesCore>, Publisher, SKU) {
        let bench = try Bench(runtime: runtime) { DeliveriesCore(holdFor: time) }
        var orders = Publisher("orders", "to-deliveries", runtime)
        let sku = try sku("mug")
        try bench.send(.command(.receive(sku, quantity: 5, reference: nil), context()))
        let lines = [try #require(StockLine(sku: sku, quantity: 2))]
        let request = orders.ask(step("o1", "reserve stock"), .reserve(lines))
        try bench.read(orders.source, [request])
        return (bench, orders, sku)
    }

    private var hasRead: [String: Position] { ["deliveries/facts": Position(100)] }

    @Test func `stock that nobody asks for any more is free again`() throws {
        let (bench, orders, sku) = try held(for: .seconds(60))
        let up = runtime.now()
        // The time counts from when the orders service is known to be up, with the answer read.
        for _ in 0..<8 {
            runtime.advance(by: .seconds(30))
            try bench.read(orders.source, [orders.watermark(upSince: up, read: hasRead)])
        }
        #expect(try bench.types().last == "reservation.expired")
        #expect(try bench.engine.core.availability.available(sku) == 5)
    }

    @Test func `stock stays held while the orders service is down, and for what is packed`() throws
    {
        var (bench, orders, sku) = try held(for: .seconds(60))
        runtime.advance(by: .seconds(86_400))
        try bench.send([])
        #expect(try bench.engine.core.availability.available(sku) == 3)
        let up = runtime.now()
        try bench.read(orders.source, [orders.ask(step("o1", "pack"), .pack)])
        for _ in 0..<8 {
            runtime.advance(by: .seconds(30))
            try bench.read(orders.source, [orders.watermark(upSince: up, read: hasRead)])
        }
        #expect(try bench.types().last == "delivery.packed")
        #expect(try bench.engine.core.availability.available(sku) == 3)
        #expect(try bench.engine.log.countTimers(prefix: "reservation-") == 0)
    }

    @Test func `a parcel is followed to the door`() throws {
        var (bench, orders, _) = try held(for: .seconds(60))
        try bench.read(orders.source, [orders.ask(step("o1", "pack"), .pack)])
        try bench.read(
            orders.source, [orders.ask(step("o1", "hand over"), .handOver(shipping: "ship_ok"))])
        let calls = CarrierCalls(
            carrier: BuiltInCarrier(
                times: .init(inTransit: .seconds(100), outForDelivery: .seconds(50)),
                runtime: runtime))
        func follow(for time: Duration) throws -> String? {
            let end = runtime.now() + time
            while runtime.now() < end {
                for call in try bench.engine.effectsToRun(at: bench.now, limit: 8) {
                    try bench.send(.effect(call, calls.run(call)))
                }
                runtime.advance(by: .seconds(1))
            }
            return try bench.types().last
        }
        #expect(try follow(for: .seconds(90)) == "delivery.handed-over")
        try bench.crash()
        #expect(try follow(for: .seconds(30)) == "delivery.out-for-delivery")
        #expect(try follow(for: .seconds(60)) == "delivery.delivered")
        #expect(try bench.effects().isEmpty)
    }

    @Test func `a receipt repeated under its reference, even a year later, adds nothing`() throws {
        let (bench, _, sku) = try held(for: .seconds(60))
        for (quantity, expected) in [(7, 10), (7, 10), (8, 10)] {
            let receive = DeliveriesCommand.receive(sku, quantity: quantity, reference: "n-1")
            let output = try bench.send(.command(receive, context()))
            #expect(try bench.engine.core.availability.available(sku) == expected)
            let isTaken = if case .answer(.referenceTaken, _) = output { true } else { false }
            #expect(isTaken == (quantity == 8))
            runtime.advance(by: .seconds(366 * 86_400))
        }
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
            try #require(try StepReply.read(record.type, record.data))
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

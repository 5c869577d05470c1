import Domain
import EventSourcing
import EventStore
import Messaging
import Orders
import Payments
import SQLite
import Simulation
import Testing

/// Messages that cannot be applied, or that kill.
@Suite struct PoisonTests {
    private let runtime = SimulatedRuntime(seed: 1)
    private let type = EventType("order.placed")

    private func bench(_ before: @escaping (Message) throws(ReactionError) -> Void) throws
        -> (Bench<ProbeCore>, Publisher)
    {
        (
            try Bench(runtime: runtime) { ProbeCore(before: before) },
            Publisher("orders", Publication.facts, runtime)
        )
    }

    private func parked(_ bench: Bench<some ServiceCore>) throws -> [Int64] {
        try bench.engine.log.parked(limit: 100).map(\.position.value)
    }

    @Test func `a poisonous message parks its key in order, and other keys flow`() throws {
        let isMended = Shared(false)
        var (bench, orders) = try bench { (message) throws(ReactionError) in
            guard message.identity.position.value == 2, !isMended.value else { return }
            throw .poison("it makes no sense")
        }
        let messages = ["a", "bad", "a", "bad", "bad", "c"].map {
            orders.raw(type, "{}", of: StreamID("order", $0))
        }
        #expect(try bench.read(orders.source, messages).isTaken)
        #expect(try bench.seen() == ["orders/1/1", "orders/1/3", "orders/1/6"])
        #expect(try parked(bench) == [2, 4, 5])
        #expect(try bench.engine.checkpoint(of: orders.source).position == Position(6))

        // Also after a restart the key queues up; a retry that fails changes nothing.
        try bench.crash()
        let later = orders.raw(type, "{}", of: StreamID("order", "bad"))
        try bench.read(orders.source, [later])
        #expect(try parked(bench) == [2, 4, 5, 7])
        #expect(try bench.retry(orders.source, "bad").stop?.reason == "it makes no sense")
        #expect(try parked(bench) == [2, 4, 5, 7])

        isMended.value = true
        let report = try bench.retry(orders.source, "bad")
        #expect(report.applied == 4 && report.left == 0 && report.stop == nil)
        #expect(try bench.seen("bad") == [2, 4, 5, 7].map { "orders/1/\($0)" })
        let next = orders.raw(type, "{}", of: StreamID("order", "bad"))
        try bench.read(orders.source, [next])
        #expect(try bench.seen("bad").last == "orders/1/8")
        #expect(try parked(bench).isEmpty)
    }

    @Test func `a retry goes as far as it can, and keeps the order`() throws {
        let bad = Shared<Set<Int64>>([1, 3])
        var (bench, orders) = try bench { (message) throws(ReactionError) in
            guard bad.value.contains(message.identity.position.value) else { return }
            throw .poison("it makes no sense")
        }
        let messages = (0..<4).map { _ in orders.raw(type, "{}", of: StreamID("order", "a")) }
        try bench.read(orders.source, messages)
        bad.value = [3]
        #expect(try bench.retry(orders.source, "a").stop?.position == Position(3))
        #expect(try parked(bench) == [3, 4])
        #expect(try bench.seen() == ["orders/1/1", "orders/1/2"])
    }

    @Test(arguments: ["", "{", "[]", "{}", #"{"ref":7,"request":{}}"#, "\u{0}"])
    func `data that cannot be read parks the order, and the next order is served`(data: String)
        throws
    {
        let bench = try Bench(runtime: runtime) { PaymentsCore() }
        var orders = Publisher("orders", "to-payments", runtime)
        let bad = orders.raw(
            EventType("checkout.step-requested"), data, of: StreamID("checkout", "o1"))
        let void = orders.ask(step("o1", "authorize payment", .undo), .void)
        let good = orders.ask(
            step("o2", "authorize payment"), .authorize(amount: gbp(1), token: "tok_ok"))
        #expect(try bench.read(orders.source, [bad, void, good]).isTaken)
        #expect(try parked(bench) == [1, 2])
        #expect(try bench.records().map(\.stream.id) == ["o2"])
    }

    /// A death while the message at `position` is in hand: its mark is on disk, its effect is not.
    private func dying(_ position: Int64, _ deaths: Shared<Int>) throws
        -> (Bench<ProbeCore>, Publisher)
    {
        try bench { (message) throws(ReactionError) in
            guard message.identity.position.value == position, deaths.value > 0 else {
                return
            }
            deaths.value -= 1
            throw .store(.notWritten(SQLiteError(code: 10, message: "death", action: "")))
        }
    }

    @Test(arguments: [4, 5], [false, true])
    func `a message that was in hand at five deaths is parked, at four it is not`(
        inHand: Int, isPage: Bool
    ) throws {
        // The first death is not after an unclean start: nobody knows what was in hand.
        let deaths = Shared(inHand + 1)
        var (bench, orders) = try dying(2, deaths)
        let messages = ["a", "b", "c", "b"].map {
            orders.raw(type, "{}", of: StreamID("order", $0))
        }
        let page = try orders.page(messages)
        for _ in 0..<12 {
            try bench.send(
                isPage ? .page(orders.source, page) : .bulletins(orders.source, messages))
            if try bench.engine.isBroken { try bench.crash() }
        }
        #expect(deaths.value == 0)
        #expect(try bench.engine.checkpoint(of: orders.source).position == Position(4))
        if inHand == 4 {
            #expect(try parked(bench).isEmpty)
            #expect(try bench.seen() == (1...4).map { "orders/1/\($0)" })
        } else {
            #expect(try parked(bench) == [2, 4])
            #expect(try bench.seen() == ["orders/1/1", "orders/1/3"])
        }
    }

    @Test func `careful mode ends, and is not entered after a clean stop`() throws {
        var (bench, orders) = try bench { (_) throws(ReactionError) in }
        let commits = Shared(0)
        bench.fault = { moment in
            commits.value += moment == .after ? 1 : 0
            return nil
        }
        func commitsFor(_ count: Int) throws -> Int {
            commits.value = 0
            let messages = (0..<count).map { _ in
                orders.raw(type, "{}", of: StreamID("order", "a"))
            }
            #expect(try bench.read(orders.source, messages).isTaken)
            return commits.value
        }
        #expect(try commitsFor(20) == 1)
        try bench.crash()
        #expect(try commitsFor(20) >= 40)
        var batches = 0
        while batches < 20, try commitsFor(100) > 1 { batches += 1 }
        #expect(batches > 1 && batches < 10)
        try bench.restartCleanly()
        #expect(try commitsFor(20) == 1)
    }

    @Test func `a newer schema version stops its source alone, until a newer build runs`() throws {
        let isNewer = Shared(false)
        var (bench, orders) = try bench { (message) throws(ReactionError) in
            guard message.type.schema > 1, !isNewer.value else { return }
            throw .newer("run a newer build")
        }
        var payments = Publisher("payments", Publication.facts, runtime)
        let messages = [1, 2, 1].map {
            orders.raw(EventType("order.placed", schema: $0), "{}", of: StreamID("order", "a"))
        }
        #expect(try bench.read(orders.source, messages).stopped == "run a newer build")
        #expect(try bench.read(orders.source, [messages[2]]).stopped != nil)
        #expect(try bench.engine.checkpoint(of: orders.source).position == Position(1))
        let fact = payments.raw(EventType("payment.voided"), "{}", of: StreamID("payment", "a"))
        #expect(try bench.read(payments.source, [fact]).isTaken)
        #expect(try parked(bench).isEmpty)
        isNewer.value = true
        try bench.crash()
        #expect(try bench.read(orders.source, messages).isTaken)
        #expect(
            try bench.seen()
                == ["orders/1/1", "payments/1/1", "orders/1/2", "orders/1/3"])
    }
}

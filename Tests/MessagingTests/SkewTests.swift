import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Notifications
import Orders
import Payments
import Simulation
import Testing

/// Builds of different versions work side by side, and bytes of any kind harm nobody.
@Suite struct SkewTests {
    private let runtime = SimulatedRuntime(seed: 1)

    /// Reads a known type in a newer schema, an unknown type, and what follows.
    private func check<Core: ServiceCore>(
        _ log: String, _ channel: String, _ type: String, _ category: String,
        _ makeCore: @escaping () -> Core
    ) throws {
        let bench = try Bench(runtime: runtime, makeCore)
        var publisher = Publisher(log, channel, runtime)
        let stream = StreamID(category, "o1")
        let unknown = publisher.raw(EventType("moon.landed", schema: 7), "{}", of: stream)
        #expect(try bench.read(publisher.source, [unknown]).isTaken)
        #expect(try bench.engine.checkpoint(of: publisher.source).position == Position(1))
        #expect(try bench.engine.log.parked(limit: 1).isEmpty)
        let newer = publisher.raw(EventType(type, schema: 2), #"{"new":true}"#, of: stream)
        #expect(try bench.read(publisher.source, [newer]).stopped != nil, "\(type)")
        #expect(try bench.engine.checkpoint(of: publisher.source).position == Position(1))
        #expect(try bench.engine.log.parked(limit: 1).isEmpty && bench.records().isEmpty)
        #expect(bench.notices.all.contains { $0.contains("stands still") })
    }

    @Test(arguments: ["payment.authorized", "payment.voided", "payment.captured"])
    func `orders passes over unknown payments and stops at newer ones`(type: String) throws {
        try check("payments", Publication.facts, type, "payment") { [runtime] in
            OrdersCore(runtime: runtime)
        }
    }

    @Test(arguments: ["reservation.made", "delivery.packed", "delivery.handed-over"])
    func `orders passes over unknown deliveries and stops at newer ones`(type: String) throws {
        try check("deliveries", Publication.facts, type, "delivery") { [runtime] in
            OrdersCore(runtime: runtime)
        }
    }

    @Test func `payments and deliveries pass over what is unknown and stop at newer requests`()
        throws
    {
        try check("orders", "to-payments", "checkout.step-requested", "checkout") { PaymentsCore() }
        try check("orders", "to-deliveries", "checkout.step-requested", "checkout") {
            DeliveriesCore()
        }
    }

    @Test(arguments: ["order.placed", "order.confirmed", "order.cancelled"])
    func `notifications passes over unknown facts and stops at newer ones`(type: String) throws {
        try check("orders", Publication.facts, type, "order") { NotificationsCore() }
    }

    private func garble(_ message: BrokerMessage, _ random: inout SeededRandom) -> BrokerMessage {
        func change(_ bytes: [UInt8]) -> [UInt8] {
            var bytes = bytes
            for _ in 0...random.below(4) where !bytes.isEmpty {
                let index = random.below(bytes.count)
                switch random.below(6) {
                case 0: bytes[index] = UInt8(random.below(256))
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(UInt8(random.below(256)), at: index)
                case 3: bytes.removeSubrange(index...)
                case 4: bytes.insert(contentsOf: "99999999999999999999".utf8, at: index)
                default:
                    bytes[index] = UInt8(ascii: ["0", "9", "-", "\"", "{", ":"][random.below(6)])
                }
            }
            return bytes
        }
        let hostile = [
            "", "0", "-1", "1000000", "9223372036854775807", "a/1/1", "/0/0", "-", "\u{1F}",
        ]
        func replace(_ headers: [UInt8]) -> [UInt8] {
            var lines = headers.split(separator: 0x0A, omittingEmptySubsequences: false).map(
                Array.init)
            let index = random.below(lines.count)
            guard let colon = lines[index].firstIndex(of: 0x3A) else { return headers }
            let value = Array(hostile[random.below(hostile.count)].utf8)
            lines[index].replaceSubrange((colon + 1)..., with: [0x20] + value + [0x0D])
            return Array(lines.joined(separator: [0x0A]))
        }
        let headers =
            switch random.below(3) {
            case 0: message.headers
            case 1: replace(message.headers)
            default: change(message.headers)
            }
        return BrokerMessage(
            subject: message.subject, id: message.id, headers: headers,
            payload: random.once(in: 3) ? message.payload : change(message.payload))
    }

    private func feedGarbage<Core: ServiceCore>(
        _ log: String, _ channel: String, _ seed: UInt64,
        _ make: (inout Publisher) throws -> Received, _ makeCore: @escaping () -> Core
    ) throws {
        // Neighbouring seeds give one sequence, shifted by one: take distant ones.
        let distance = UInt64("\(log)\(channel)".utf8.count) &* 0xD6E8_FEB8_6659_FD93
        var random = SeededRandom(seed: (seed + 1) &* distance)
        let bench = try Bench(runtime: runtime, makeCore)
        for _ in 0..<300 {
            var publisher = Publisher(log, channel, runtime)
            publisher.skip(
                try bench.engine.checkpoint(of: publisher.source).position.value % 1_000_000)
            let original = random.once(in: 5) ? publisher.watermark() : try make(&publisher)
            let garbled = garble(original.carried, &random)
            let output = try bench.read(publisher.source, [Received(garbled)])
            #expect(try !bench.engine.isBroken)
            // A version that looks newer would keep all that follows from being read.
            if output.stopped != nil { try bench.crash() }
        }
    }

    @Test(arguments: 0..<12)
    func `garbled messages never trap and never break an engine`(seed: UInt64) throws {
        let line = try #require(StockLine(sku: sku("mug"), quantity: 3))
        try feedGarbage("orders", "to-payments", seed) { publisher in
            publisher.ask(
                step("o1", "authorize payment"), .authorize(amount: gbp(500), token: "tok_ok"))
        } _: {
            PaymentsCore()
        }
        try feedGarbage("orders", "to-deliveries", seed) { publisher in
            publisher.ask(step("o1", "reserve stock"), .reserve([line]))
        } _: {
            DeliveriesCore()
        }
        try feedGarbage("payments", Publication.facts, seed) { publisher in
            publisher.event(
                Payment.Event.authorized(step("o1", "authorize payment"), code: "c"),
                of: StreamID("payment", "o1"))
        } _: { [runtime] in
            OrdersCore(runtime: runtime)
        }
        try feedGarbage("orders", Publication.facts, seed) { publisher in
            publisher.event(
                Order.Event.placed(try draft(contact: "owner sealed")), of: StreamID("order", "o1"))
        } _: {
            NotificationsCore()
        }
    }
}

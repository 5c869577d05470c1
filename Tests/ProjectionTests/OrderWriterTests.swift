import EventSourcing
import EventStore
import Messaging
import Projections
import Testing

/// Of an order's row the columns are written that changed: whatever they are, and however often it
/// was written before, the file has the row that one write of all of it would have made.
@Suite struct OrderWriterTests {
    /// Facts of all logs; between them they change columns of every part.
    private static let facts = [
        ("order.placed", #"{"currency":"GBP","lines":[{"sku":"m","quantity":3,"unitPrice":750}]}"#),
        (
            "order.placed",
            #"{"currency":"EUR","reference":"r","lines":[{"sku":"n","quantity":1,"unitPrice":9}]}"#
        ),
        ("order.confirmed", "{}"), ("order.completed", "{}"),
        ("order.cancellation-requested", #"{"reason":"so"}"#),
        ("order.cancellation-refused", #"{"reason":"so"}"#),
        ("order.rejected", #"{"reason":"too dear"}"#), ("order.expired", #"{"reason":"late"}"#),
        ("order.corrected", #"{"customer":"alice"}"#), ("order.corrected", #"{"customer":"bob"}"#),
        (
            "checkout.step-skipped",
            """
            {"ref":{"saga":"a","step":"capture payment","direction":"forward","attempt":1},\
            "by":"alice","why":"cash"}
            """
        ),
        ("payment.authorization-requested", #"{"amount":{"minor":2250,"currency":"GBP"}}"#),
        ("payment.authorized", #"{"code":"ok"}"#), ("payment.declined", #"{"reason":"no"}"#),
        ("payment.void-requested", "{}"), ("payment.capture-failed", #"{"reason":"busy"}"#),
        ("payment.captured", #"{"amount":{"minor":2250,"currency":"GBP"},"id":"c"}"#),
        ("reservation.made", #"{"lines":[{"sku":"m","quantity":3}]}"#),
        ("reservation.refused", #"{"shortages":[{"sku":"m","wanted":3,"available":1}]}"#),
        ("reservation.released", "{}"), ("delivery.packed", "{}"),
        ("delivery.handed-over", #"{"tracking":"t"}"#), ("delivery.delivered", "{}"),
        ("notification.sent", "{}"),
    ]

    @Test(arguments: 0..<30 as Range<UInt64>)
    func `whatever changes between its writes, the file has the whole row`(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let journal = try Journal()
        // An order is there from the first or second fact on.
        let count = 60
        for index in 0..<count {
            let (type, data) = Self.facts.randomElement(using: &random) ?? Self.facts[0]
            let order = Bool.random(using: &random) ? "a" : "b"
            journal.record(
                index < 2 ? "order.placed" : type, of: order, index < 2 ? Self.facts[0].1 : data)
        }
        let shop = journal.shop
        // All in one commit: each row is written once, whole.
        let scratch = try Scratch()
        let together = try engine(scratch, "other", shop)
        _ = together.process(shop.logs.map { .bulletins($0.source, $0.received()) }, at: now)
        #expect(together.staleReason == nil)
        // The same in many commits, by engines that now and then read the rows from the file.
        var parts = try engine(scratch, "live", shop)
        var next = shop.logs.map { _ in 0 }
        while case let open = next.indices.filter({ next[$0] < shop.logs[$0].messages.count }),
            let index = open.randomElement(using: &random)
        {
            let log = shop.logs[index]
            let end = min(log.messages.count, next[index] + Int.random(in: 1...3, using: &random))
            _ = parts.take(log.received(next[index]..<end), of: log.source, at: now)
            next[index] = end
            if Int.random(in: 0..<4, using: &random) == 0 {
                parts = try engine(scratch, "live", shop)
                // What was folded of the log before its checkpoint was saved is passed over.
                next = shop.logs.map { Self.place(in: $0, of: parts) }
            }
        }
        #expect(try dump(parts.store.path) == dump(together.store.path))
    }

    /// How many of a log's messages are in the rows.
    private static func place(in log: FakeLog, of engine: ProjectionEngine) -> Int {
        let checkpoint = engine.checkpoint(of: log.source)
        return log.messages.count { $0.identity.position <= checkpoint.position }
    }
}

import Domain
import EventSourcing
import Testing

/// The stored form of every event, letter by letter. A line here is never changed: a log may hold
/// it.
@Suite struct StoredBytesTests {
    @Test(arguments: Stored.all) func `stored bytes are read, and written the same`(
        stored: Stored
    ) throws {
        #expect(try stored.rewritten(schema: 1) == stored.text)
    }

    @Test(arguments: Stored.all) func `a newer schema is refused`(stored: Stored) {
        for schema in [0, 2, -1, Int.max] {
            let type = EventType(stored.name, schema: schema)
            #expect(throws: UnreadableEvent.unknownSchema(type)) {
                try stored.rewritten(schema: schema)
            }
        }
    }

    @Test func `every decider's events are all here`() {
        // Order, Reference, Customer, Payment, Stock, Reservation, Delivery, Notification,
        // Checkout.
        let types = [8, 1, 1, 13, 1, 5, 12, 5, 7].reduce(0, +)
        #expect(Set(Stored.all.map(\.name)).count == types)
        #expect(Stored.all.count == types + Stored.variants)
    }

    @Test func `an unknown type is told apart`() {
        let type = EventType("order.teleported", schema: 3)
        #expect(throws: UnreadableEvent.unknownType(type)) {
            try Order.Event.decode(type, .object([]))
        }
        #expect(throws: UnreadableEvent.unknownType(type)) {
            try CheckoutProgress.Event.decode(type, .object([]))
        }
    }

    @Test func `a checkout of a version or a step unknown here is refused`() throws {
        let started = try required(Stored.all.first { $0.name == "checkout.started" })
        let requested = try required(Stored.all.first { $0.text.contains("hand-over\"}") })
        for (stored, old, new) in [
            (started, #""version":1"#, #""version":2"#),
            (requested, "hand over", "teleport"),
            (requested, #""attempt":1"#, #""attempt":9223372036854775807"#),
        ] {
            let text = stored.text.replacing(old, with: new)
            #expect(text != stored.text)
            #expect(throws: UnreadableEvent.self) {
                try CheckoutProgress.Event.decode(
                    EventType(stored.name), JSON(parsing: text))
            }
        }
    }
}

extension String {
    /// Replaces the first occurrence, without Foundation.
    fileprivate func replacing(_ old: String, with new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return self[..<range.lowerBound] + new + self[range.upperBound...]
    }
}

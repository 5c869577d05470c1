import Domain
import EventSourcing
import Testing

@Suite struct StepReplyTests {
    static let replies: [String: StepOutcome] = [
        "reservation.made": .done, "reservation.released": .done,
        "reservation.refused": .refused("out of stock: A-1 (wanted 2, available 0)"),
        "payment.authorized": .done, "payment.captured": .done,
        "payment.declined": .refused("r"), "payment.authorization-unknown": .refused("r"),
        "payment.authorization-overdue": .refused("r"),
        "payment.capture-failed": .refused("r"), "delivery.packed": .done,
        "delivery.unpacked": .done, "delivery.handed-over": .done, "delivery.recalled": .done,
        "delivery.hand-over-refused": .refused("r"),
    ]

    @Test(arguments: Stored.all) func `an event that settles a step says so, others nothing`(
        stored: Stored
    ) throws {
        let data = try JSON(parsing: stored.text)
        let reply = try StepReply.read(EventType(stored.name), stored.text.utf8)
        let reference = try data["ref"].map { try StepReference(JSONObject($0)) }
        if stored.name.hasSuffix(".answered") {
            let isDone = data["outcome"]?.string == "done"
            #expect(reply?.outcome == (isDone ? .done : .refused("r")))
            #expect(reply?.step == reference)
        } else if stored.name == "payment.voided" {
            #expect(reply == reference.map { StepReply($0, .done) })
        } else {
            #expect(reply?.outcome == Self.replies[stored.name])
            if let reply { #expect(reply.step == reference) }
        }
    }

    @Test func `an unknown event says nothing, an unreadable one is an error`() throws {
        #expect(throws: UnreadableEvent.self) {
            try StepReply.read(EventType("delivery.packed"), "{".utf8)
        }
        #expect(try StepReply.read(EventType("payment.refunded", schema: 7), [0]) == nil)
        #expect(try StepReply.read(EventType("paymentx"), [0]) == nil)
        let newer = EventType("payment.authorized", schema: 2)
        #expect(throws: UnreadableEvent.unknownSchema(newer)) {
            try StepReply.read(newer, "{}".utf8)
        }
        #expect(throws: UnreadableEvent.self) {
            try StepReply.read(EventType("delivery.packed"), "{}".utf8)
        }
    }
}

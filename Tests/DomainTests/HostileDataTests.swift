import Domain
import EventSourcing
import Testing

/// Whatever stands in a log or a message gives an error or an event, and no event ends the process.
@Suite struct HostileDataTests {
    static let hostile: [JSON] = [
        .null, .bool(true), .integer(0), .integer(-1), .integer(.max), .integer(.min),
        .number("1e999"), .string(""), .string("\u{0}\u{301}"), .array([]), .object([]),
        .array([.object([])]), .string(String(repeating: "x", count: 5000)),
    ]

    @Test(arguments: Stored.all) func `data that is no object is malformed`(stored: Stored) {
        for data in Self.hostile {
            if case .object = data { continue }
            #expect(throws: UnreadableEvent.self) {
                try stored.rewrite(EventType(stored.name), data)
            }
        }
    }

    @Test(arguments: Stored.all) func `a wrong member is an error, or is read and written`(
        stored: Stored
    ) throws {
        let data = try JSON(parsing: stored.text)
        for mutant in mutants(of: data) {
            do {
                let text = try stored.rewrite(EventType(stored.name), mutant)
                _ = try stored.rewrite(EventType(stored.name), JSON(parsing: text))
            } catch let error as UnreadableEvent {
                guard case .malformed = error else { throw error }
            }
        }
    }

    @Test(arguments: Stored.all) func `a missing member is malformed`(stored: Stored) throws {
        let optional = [
            "customer", "contact", "reference", "shipping", "withinMicroseconds", "placedAt",
        ]
        guard case .object(let members) = try JSON(parsing: stored.text) else { return }
        for (index, member) in members.enumerated() where !optional.contains(member.name) {
            if stored.name == "payment.voided" { continue }
            if stored.name == "notification.requested" || member.name != "contact" {
                var rest = members
                rest.remove(at: index)
                #expect(throws: UnreadableEvent.self) {
                    try stored.rewrite(EventType(stored.name), .object(rest))
                }
            }
        }
    }

    @Test(arguments: 0..<200) func `events in any order fold, and commands are decided`(
        seed: UInt64
    ) throws {
        var dice = Dice(state: seed)
        try fold(Payment.self, "payment.", Commands.payments, &dice)
        try fold(Delivery.self, "delivery.", Commands.deliveries, &dice)
        try fold(Reservation.self, "reservation.", Commands.reservations(), &dice)
        try fold(Notification.self, "notification.", Commands.notifications, &dice)
        try fold(Order.self, "order.", Commands.orders(), &dice)
        try fold(CheckoutProgress.self, "checkout.", Commands.checkouts(), &dice)
    }

    @Test func `an availability fed with the largest numbers stays an availability`() throws {
        let sample = try Sample()
        var stock = sample.stock((sample.a, .max), (sample.a, .max))
        let most = try sample.line(sample.a, .max)
        stock.apply(.made(ask("reserve stock"), [most, most]), order: sample.order)
        stock.apply(.made(ask("reserve stock"), [most]), order: try required(OrderID("o-2")))
        #expect(stock.available(sample.a) == 0)
        stock.apply(.handedOver(ask("hand over"), tracking: "t"), order: sample.order)
        #expect(stock.onHand(sample.a) == 0)
    }

    /// Folds a few random events, those decided among them, and decides every command in each
    /// state.
    private func fold<D: Decider>(
        _ type: D.Type, _ prefix: String, _ commands: [D.Command], _ dice: inout Dice
    ) throws {
        let events = try Stored.all.filter { $0.name.hasPrefix(prefix) }
            .map { try D.Event.decode(EventType($0.name), JSON(parsing: $0.text)) }
        var state = D()
        for _ in 0..<8 {
            for command in commands { _ = try? state.decide(command) }
            if dice.roll(2) == 0, let some = try? state.decide(commands[dice.roll(commands.count)])
            {
                for event in some { state.evolve(event) }
            } else {
                state.evolve(events[dice.roll(events.count)])
            }
        }
    }

    /// The value with one part at a time, at any depth, replaced by something hostile.
    private func mutants(of json: JSON) -> [JSON] {
        var all = Self.hostile
        switch json {
        case .object(let members):
            for (index, member) in members.enumerated() {
                all += mutants(of: member.value).map { mutant in
                    var changed = members
                    changed[index] = JSON.Member(member.name, mutant)
                    return .object(changed)
                }
            }
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                all += mutants(of: element).map { mutant in
                    var changed = elements
                    changed[index] = mutant
                    return .array(changed)
                }
            }
        case .null, .bool, .integer, .number, .string: break
        }
        return all
    }
}

/// Numbers that follow from a seed. Source: Knuth's MMIX generator, upper bits.
private struct Dice {
    var state: UInt64

    mutating func roll(_ sides: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(sides))
    }
}

private enum Commands {
    static let huge = Money(minor: .max, currency: .gbp)
    static let payments: [Payment.Command] = [
        .authorize(ask("authorize payment"), huge, token: "t"), .void(undo("authorize payment")),
        .capture(ask("capture payment"), huge),
        .capture(ask("capture payment"), Money(minor: .min, currency: .jpy)),
        .authorizationSucceeded(code: "c"), .authorizationDeclined(reason: "r"),
        .authorizationUnknown(reason: "r"), .authorizationOverdue(reason: "r"), .voidSucceeded,
        .captureSucceeded(id: "i"),
        .captureFailed(reason: "r"),
    ]
    static let deliveries: [Delivery.Command] = [
        .pack(ask("pack"), from: .made), .pack(ask("pack"), from: .expired),
        .unpack(undo("pack")), .handOver(ask("hand over")), .carrierReported(.inTransit),
        .carrierReported(.outForDelivery), .carrierReported(.delivered),
        .carrierReported(.lost(reason: "r")),
        .recall(undo("hand over")), .carrierAccepted(tracking: "t"),
        .carrierRefused(reason: "r"),
    ]
    static let notifications: [Notification.Command] = [
        .orderPlaced(contact: nil, at: .epoch), .orderPlaced(contact: "s", at: .epoch),
        .orderConfirmed(at: Timestamp(microseconds: .max)), .notify(.shipped),
        .sent(.shipped), .failed(.received, reason: "r"),
    ]

    static func reservations() throws -> [Reservation.Command] {
        let sample = try Sample()
        let lines = [try sample.line(sample.a, .max), try sample.line(sample.a, .max)]
        return [
            .reserve(ask("reserve stock"), lines, from: sample.stock((sample.a, .max))),
            .reserve(ask("reserve stock"), [], from: Availability()),
            .release(undo("reserve stock")),
        ]
    }

    static func orders() throws -> [Order.Command] {
        [
            .place(try Sample().draft), .confirm, .complete, .requestCancellation(reason: "r"),
            .refuseCancellation, .close(.rejected("r")), .close(.expired("e")),
        ]
    }

    static func checkouts() throws -> [CheckoutProgress.Command] {
        let far = StepReference(
            saga: "o-1", step: "capture payment", direction: .forward, attempt: 3)
        return [
            .start(try Sample().context), .abort(reason: "r"), .retry(far), .deadline(far),
            .outcome(far, .done), .outcome(far, .refused("r")),
            .outcome(ask("hand over"), .done), .outcome(ask("reserve stock"), .refused("r")),
        ]
    }
}

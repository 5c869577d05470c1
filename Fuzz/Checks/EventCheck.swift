import Domain
import EventSourcing

/// Stored events: whatever is read is written and read as the same event, and no events, in any
/// order, end the process that folds them.
///
/// Input: lines, each a type's name, a space and the event's data.
enum EventCheck {
    static func run(_ bytes: [UInt8]) throws(Broken) {
        let lines = bytes.split(separator: UInt8(ascii: "\n")).prefix(32)
        var stored: [(type: EventType, data: JSON)] = []
        for line in lines {
            let space = line.firstIndex(of: UInt8(ascii: " ")) ?? line.endIndex
            guard let data = try? JSON(parsing: line[space...]) else { continue }
            let name = String(decoding: line[..<space], as: UTF8.self)
            stored.append((EventType(name), data))
            try checkMetadata(data)
        }
        try fold(Order.self, stored)
        try fold(Reference.self, stored)
        try fold(Customer.self, stored)
        try fold(Payment.self, stored)
        try fold(Notification.self, stored)
        try fold(CheckoutProgress.self, stored)
        let stock = try fold(Stock.self, stored)
        let reservations = try fold(Reservation.self, stored)
        let deliveries = try fold(Delivery.self, stored)
        try checkAvailability(stock, reservations, deliveries)
    }

    @discardableResult
    private static func fold<Subject: Decider>(
        _: Subject.Type, _ stored: [(type: EventType, data: JSON)]
    ) throws(Broken) -> [Subject.Event] {
        var subject = Subject()
        var events: [Subject.Event] = []
        for (type, data) in stored {
            guard let event = try? Subject.Event.decode(type, data) else { continue }
            try expect(event.type == type, "\(type) is read as \(event.type)")
            try checkAgain(event)
            subject.evolve(event)
            events.append(event)
        }
        return events
    }

    private static func checkAgain(_ event: some StoredEvent) throws(Broken) {
        var json = JSONWriter()
        event.encode(to: &json)
        guard let data = try? JSON(parsing: json.bytes),
            let again = try? type(of: event).decode(event.type, data)
        else { throw Broken("\(event.type) was written and cannot be read: \(json.text)") }
        var other = JSONWriter()
        again.encode(to: &other)
        try expect(
            again == event && other.bytes == json.bytes,
            "\(event.type): \(json.text) is read as \(other.text)")
    }

    private static func checkAvailability(
        _ stock: [Stock.Event], _ reservations: [Reservation.Event], _ deliveries: [Delivery.Event]
    ) throws(Broken) {
        guard let order = OrderID("o-1") else { throw Broken("o-1 names no order") }
        var availability = Availability()
        for event in stock { availability.apply(event) }
        for event in reservations { availability.apply(event, order: order) }
        for event in deliveries { availability.apply(event, order: order) }
    }

    private static func checkMetadata(_ data: JSON) throws(Broken) {
        guard let metadata = try? Metadata(data) else { return }
        var json = JSONWriter()
        metadata.encode(to: &json)
        guard let again = try? Metadata(JSON(parsing: json.bytes)), again == metadata else {
            throw Broken("metadata \(json.text) are read as others")
        }
    }
}

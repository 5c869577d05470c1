import Domain
import EventSourcing
import Testing

/// An event as a log holds it: the type's name, and the data.
struct Stored: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    /// Reads the data as the event it is, and writes it again.
    let rewrite: @Sendable (EventType, JSON) throws -> String

    var testDescription: String { name }

    init<Event: StoredEvent>(_ event: Event.Type, _ name: String, _ text: String) {
        self.name = name
        self.text = text
        rewrite = { type, data in
            let event = try Event.decode(type, data)
            guard event.type == EventType(type.name) else { throw Missing() }
            var json = JSONWriter()
            event.encode(to: &json)
            return json.text
        }
    }

    func rewritten(schema: Int) throws -> String {
        try rewrite(EventType(name, schema: schema), JSON(parsing: text))
    }

    /// More than one form is stored of some types: the optional members absent, or another outcome.
    static let variants = 12
    static let all = orders + payments + deliveries + notifications + checkouts

    static let orders: [Stored] = [
        Stored(
            Order.Event.self, "order.placed",
            #"{"customer":"c-1","contact":"sealed","currency":"GBP","lines":["#
                + #"{"sku":"B-2","quantity":1,"unitPrice":500,"description":"Bolt"},"#
                + #"{"sku":"A-1","quantity":2,"unitPrice":1000}],"#
                + #""token":"tok_ok","reference":"m-1"}"#
        ),
        Stored(
            Order.Event.self, "order.placed",
            #"{"currency":"GBP","lines":[{"sku":"BANK CHARGES","quantity":1,"unitPrice":1}],"#
                + #""token":"t","shipping":"ship_ok"}"#
        ),
        Stored(
            Order.Event.self, "order.placed",
            #"{"currency":"JPY","lines":[{"sku":"A-1","quantity":1000000,"unitPrice":0}],"#
                + #""token":"t"}"#
        ),
        Stored(Order.Event.self, "order.confirmed", "{}"),
        Stored(Order.Event.self, "order.completed", "{}"),
        Stored(Order.Event.self, "order.cancellation-requested", #"{"reason":"r"}"#),
        Stored(Order.Event.self, "order.cancellation-refused", "{}"),
        Stored(Order.Event.self, "order.rejected", #"{"reason":"r"}"#),
        Stored(Order.Event.self, "order.cancelled", #"{"reason":"r\n\"q\""}"#),
        Stored(Order.Event.self, "order.expired", #"{"reason":""}"#),
        Stored(Reference.Event.self, "reference.claimed", #"{"reference":"m-1","order":"o-1"}"#),
        Stored(Customer.Event.self, "customer.erased", "{}"),
    ]

    static let authorize =
        #""ref":{"saga":"o-1","step":"authorize payment","direction":"forward","attempt":1}"#
    static let void =
        #""ref":{"saga":"o-1","step":"authorize payment","direction":"undo","attempt":2}"#
    static let capture =
        #""ref":{"saga":"o-1","step":"capture payment","direction":"forward","attempt":3}"#
    static let amount = #""amount":{"minor":2500,"currency":"GBP"}"#

    static let payments: [Stored] = [
        ("authorization-requested", "{\(authorize),\(amount),\"token\":\"tok_ok\"}"),
        (
            "authorization-requested",
            "{\(authorize),\(amount),\"token\":\"t\",\"withinMicroseconds\":5000000}"
        ),
        ("authorization-overdue", "{\(authorize),\"reason\":\"r\"}"),
        ("authorization-repeated", "{\(authorize)}"),
        ("authorized", "{\(authorize),\"code\":\"c\"}"),
        ("declined", "{\(authorize),\"reason\":\"r\"}"),
        ("authorization-unknown", "{\(authorize),\"reason\":\"r\"}"),
        ("void-requested", "{\(void)}"),
        ("voided", "{\(void)}"),
        ("voided", "{}"),
        ("capture-requested", "{\(capture),\(amount)}"),
        ("capture-repeated", "{\(capture)}"),
        ("captured", "{\(capture),\"id\":\"i\",\(amount)}"),
        ("capture-failed", "{\(capture),\"reason\":\"r\"}"),
        ("answered", "{\(capture),\"outcome\":\"done\"}"),
        ("answered", "{\(capture),\"outcome\":\"refused\",\"reason\":\"r\"}"),
    ].map { Stored(Payment.Event.self, "payment.\($0)", $1) }

    static let reserve =
        #""ref":{"saga":"o-1","step":"reserve stock","direction":"forward","attempt":1}"#
    static let handOver =
        #""ref":{"saga":"o-1","step":"hand over","direction":"forward","attempt":1}"#
    static let lines = #""lines":[{"sku":"A-1","quantity":2},{"sku":"B-2","quantity":1}]"#

    static let deliveries: [Stored] =
        [
            Stored(
                Stock.Event.self, "stock.received",
                #"{"sku":"A-1","quantity":5,"reference":"n-1"}"#),
            Stored(Stock.Event.self, "stock.received", #"{"sku":"A-1","quantity":5}"#),
            Stored(Reservation.Event.self, "reservation.made", "{\(reserve),\(lines)}"),
            Stored(
                Reservation.Event.self, "reservation.refused",
                "{\(reserve),\"shortages\":[{\"sku\":\"A-1\",\"wanted\":2,\"available\":0}]}"),
            Stored(Reservation.Event.self, "reservation.released", "{\(reserve)}"),
            Stored(Reservation.Event.self, "reservation.expired", #"{"heldSeconds":86400}"#),
            Stored(
                Reservation.Event.self, "reservation.answered",
                "{\(reserve),\"outcome\":\"done\"}"),
            Stored(
                Reservation.Event.self, "reservation.answered",
                "{\(reserve),\"outcome\":\"refused\",\"reason\":\"r\"}"),
        ]
        + [
            ("packed", "{\(handOver)}"),
            ("unpacked", "{\(handOver)}"),
            ("hand-over-requested", "{\(handOver)}"),
            ("hand-over-requested", "{\(handOver),\"shipping\":\"ship_ok\"}"),
            ("out-for-delivery", #"{"tracking":"t"}"#),
            ("delivered", #"{"tracking":"t"}"#),
            ("lost", #"{"tracking":"t","reason":"r"}"#),
            ("hand-over-repeated", "{\(handOver)}"),
            ("handed-over", "{\(handOver),\"tracking\":\"t\"}"),
            ("hand-over-refused", "{\(handOver),\"reason\":\"r\"}"),
            ("recall-requested", "{\(handOver)}"),
            ("recalled", "{\(handOver)}"),
            ("answered", "{\(handOver),\"outcome\":\"done\"}"),
            ("answered", "{\(handOver),\"outcome\":\"refused\",\"reason\":\"r\"}"),
        ].map { Stored(Delivery.Event.self, "delivery.\($0)", $1) }

    static let notifications: [Stored] = [
        ("requested", #"{"kind":"received","contact":"sealed"}"#),
        (
            "requested",
            #"{"kind":"received","contact":"sealed","placedAt":"2026-01-31T09:30:00.000000Z"}"#
        ),
        ("deferred", #"{"kind":"shipped"}"#),
        ("sent", #"{"kind":"confirmed"}"#),
        ("failed", #"{"kind":"completed","reason":"r"}"#),
        ("skipped", #"{"kind":"cancelled"}"#),
    ].map { Stored(Notification.Event.self, "notification.\($0)", $1) }

    static let checkouts: [Stored] = [
        (
            "started",
            #"{"id":"o-1","version":1,"order":"o-1","#
                + "\(lines),\(amount),\"token\":\"tok_ok\"}"
        ),
        (
            "started",
            #"{"id":"o-1","version":1,"order":"o-1","#
                + "\(lines),\(amount),\"token\":\"t\",\"shipping\":\"ship_ok\","
                + #""withinMicroseconds":5000000}"#
        ),
        ("step-requested", "{\(reserve),\"request\":{\"do\":\"reserve\",\(lines)}}"),
        ("step-requested", "{\(handOver),\"request\":{\"do\":\"hand-over\"}}"),
        ("turned", #"{"reason":"r"}"#),
        ("resumed", "{}"),
        ("postponed", "{\(capture),\"reason\":\"r\",\"pauseMicroseconds\":1000000}"),
        ("completed", "{}"),
        ("compensated", #"{"reason":"r"}"#),
    ].map { Stored(CheckoutProgress.Event.self, "checkout.\($0)", $1) }
}

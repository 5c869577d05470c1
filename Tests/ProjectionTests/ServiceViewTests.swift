import Domain
import EventSourcing
import Projections
import Testing

/// What each service's facts say of one order.
@Suite struct ServiceViewTests {
    private let id = OrderID("order-1")

    /// A store that has read what `fill` records.
    private func store(_ scratch: Scratch, _ fill: (inout Shop) throws -> Void) throws -> ReadStore
    {
        var shop = try Shop(orders: 0)
        try fill(&shop)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 4)
        return engine.store
    }

    private func place(_ shop: inout Shop) {
        let data = """
            {"currency":"GBP","shipping":"ship_lost","lines":[\
            {"sku":"B","quantity":2,"unitPrice":5},{"sku":"A","quantity":1,"unitPrice":5},\
            {"sku":"B","quantity":3,"unitPrice":4}]}
            """
        shop.orders.append(
            StreamID("order", "order-1"), EventType("order.placed"), Array(data.utf8))
    }

    private func append(
        _ log: WritableKeyPath<Shop, FakeLog>, _ shop: inout Shop, _ type: String, _ data: String
    ) {
        let category = String(type.prefix { $0 != "." })
        shop[keyPath: log].append(
            StreamID(category, "order-1"), EventType(type), Array(data.utf8))
    }

    @Test func `a payment tells what was authorized and captured`() throws {
        let id = try #require(id)
        let scratch = try Scratch()
        let money = #""amount":{"minor":27,"currency":"GBP"}"#
        let store = try store(scratch) { shop in
            append(\.payments, &shop, "payment.authorization-requested", "{\(money)}")
            append(\.payments, &shop, "payment.authorized", #"{"code":"auth-7"}"#)
            append(\.payments, &shop, "payment.capture-requested", "{\(money)}")
            append(\.payments, &shop, "payment.capture-failed", #"{"reason":"later"}"#)
            append(\.payments, &shop, "payment.captured", #"{"id":"cap-9",\#(money)}"#)
        }
        // It is known before the order itself is.
        #expect(try store.order(id) == nil)
        let payment = try #require(try store.payment(id))
        #expect(payment.status == .captured && payment.reason == nil)
        #expect(payment.amount == Money(minor: 27, currency: .gbp))
        #expect(payment.captured == Money(minor: 27, currency: .gbp))
        #expect(payment.authorizationCode == "auth-7" && payment.captureID == "cap-9")
        #expect(payment.history.map(\.identity.position.value) == [1, 2, 3, 4, 5])
        #expect(payment.mark.position == Position(5))
        #expect(try store.delivery(id) == nil && store.notifications(id) == nil)
    }

    @Test func `there is no payment before one is asked for`() throws {
        let id = try #require(id)
        let scratch = try Scratch()
        #expect(try store(scratch) { place(&$0) }.payment(id) == nil)
    }

    @Test func `a delivery tells where the parcel is and what is in it`() throws {
        let id = try #require(id)
        let scratch = try Scratch()
        let tracking = #""tracking":"T-1""#
        let store = try store(scratch) { shop in
            place(&shop)
            append(
                \.deliveries, &shop, "reservation.made", #"{"lines":[{"sku":"A","quantity":1}]}"#)
            append(\.deliveries, &shop, "delivery.packed", "{}")
            append(\.deliveries, &shop, "delivery.handed-over", "{\(tracking)}")
            append(\.deliveries, &shop, "delivery.out-for-delivery", "{\(tracking)}")
            append(\.deliveries, &shop, "delivery.lost", #"{\#(tracking),"reason":"gone"}"#)
        }
        let delivery = try #require(try store.delivery(id))
        #expect(delivery.status == .lost && delivery.reservation == .made)
        #expect(delivery.reason == "gone" && delivery.tracking == "T-1")
        #expect(delivery.shipping == "ship_lost")
        #expect(delivery.lines.map(\.sku) == ["A", "B"])
        #expect(delivery.lines.map(\.quantity) == [1, 5])
        #expect(delivery.history.last?.type.name == "delivery.lost")
        #expect(delivery.history.count == 5)
        #expect(delivery.mark.position == delivery.history.last?.identity.position)
        #expect(try store.order(id)?.shipping == "ship_lost")
    }

    @Test func `stock that was held too long is free again`() throws {
        let id = try #require(id)
        let scratch = try Scratch()
        let store = try store(scratch) { shop in
            place(&shop)
            let line = #"{"sku":"A","quantity":4}"#
            shop.deliveries.append(
                StreamID("stock", "A"), EventType("stock.received"), Array(line.utf8))
            append(\.deliveries, &shop, "reservation.made", #"{"lines":[\#(line)]}"#)
            append(\.deliveries, &shop, "reservation.expired", #"{"heldSeconds":86400}"#)
        }
        #expect(try store.delivery(id)?.reservation == .expired)
        let sku = try #require(SKU("A"))
        let level = try #require(try store.stock(sku))
        #expect(level.onHand == 4 && level.reserved == 0)
    }

    @Test func `mails are listed as they went, with the reason of a failure`() throws {
        let id = try #require(id)
        let scratch = try Scratch()
        let store = try store(scratch) { shop in
            place(&shop)
            append(\.notifications, &shop, "notification.sent", #"{"kind":"received"}"#)
            append(
                \.notifications, &shop, "notification.failed",
                #"{"kind":"cancellation-refused","reason":"no such box"}"#)
            append(\.notifications, &shop, "notification.skipped", #"{"kind":"lost"}"#)
        }
        let list = try #require(try store.notifications(id))
        #expect(list.items.map(\.kind) == ["received", "cancellation-refused", "lost"])
        #expect(list.items.map(\.status) == [.sent, .failed, .skipped])
        #expect(list.items.map(\.reason) == [nil, "no such box", nil])
        #expect(list.items.map(\.at).map(\.microseconds) == [1_000_000, 2_000_000, 3_000_000])
        #expect(list.mark.position == Position(3))
    }

    @Test func `a history shows the newest events, at most a thousand`() throws {
        let id = try #require(id)
        let scratch = try Scratch()
        let store = try store(scratch) { shop in
            append(\.payments, &shop, "payment.voided", "{}")
            for _ in 0..<1000 { append(\.payments, &shop, "payment.answered", "{}") }
        }
        let history = try #require(try store.payment(id)).history
        #expect(history.count == ReadStore.maximumHistory)
        #expect(history.first?.identity.position == Position(2))
        #expect(history.last?.identity.position == Position(1001))
    }
}

import EventSourcing
import Foundation
import HTTP
import Testing

/// How orders end, whatever the provider, the carrier, the stock and the customer do.
@Suite(.scenarios) struct EndTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var token = "tok_ok"
        var shipping = "ship_ok"
        let status: String
        let payment: String
        let delivery: String
        var testDescription: String { "\(token) \(shipping)" }
        var isSold: Bool { status == "completed" }
    }

    private static let cases = [
        Case(status: "completed", payment: "captured", delivery: "delivered"),
        Case(
            token: "tok_flaky", status: "completed", payment: "captured", delivery: "delivered"),
        Case(token: "tok_declined", status: "rejected", payment: "declined", delivery: "absent"),
        Case(
            token: "tok_insufficient_funds", status: "rejected", payment: "declined",
            delivery: "absent"),
        Case(token: "tok_unknown", status: "rejected", payment: "declined", delivery: "absent"),
        Case(token: "tok_timeout", status: "expired", payment: "voided", delivery: "absent"),
        Case(token: "tok_late", status: "expired", payment: "voided", delivery: "absent"),
        Case(
            shipping: "ship_flaky", status: "completed", payment: "captured",
            delivery: "delivered"),
        Case(shipping: "ship_lost", status: "completed", payment: "captured", delivery: "lost"),
        Case(
            shipping: "ship_refused", status: "rejected", payment: "voided",
            delivery: "unpacked"),
    ]

    @Test func `every token and every way of shipping ends where it should, in all services`()
        throws
    {
        let shop = try RunningShop(try Folder(), options: ["--pay-within", "10"])
        try shop.receive("mug", 100)
        let orders = try Self.cases.map { wanted in
            let body = OrderBody(
                quantity: 2, token: wanted.token,
                more: "\"shipping\":\"\(wanted.shipping)\",\(OrderBody.contact)")
            return (wanted, try shop.accepted(body)["id"])
        }
        for (wanted, id) in orders {
            let order = try shop.end(of: id)
            #expect(order["status"] == wanted.status, "\(wanted): \(order)")
            try shop.eventuallyFollows(id, payment: wanted.payment, delivery: wanted.delivery)
        }
        let sold = Self.cases.filter(\.isSold).count * 2
        try shop.eventuallyHolds("mug", onHand: 100 - sold, available: 100 - sold)
        // What came too late was authorized, and taken back.
        let late = try #require(orders.first { $0.0.token == "tok_late" }).1
        let types = try shop.types(of: late)
        #expect(types.contains("payment.authorization-overdue"), "\(types)")
        #expect(types.contains("payment.authorized") && types.contains("payment.voided"))
        try shop.stop()
        let verified = try Shopctl.verify(shop.folder)
        #expect(verified.code == 0, "\(verified.all)")
    }

    @Test func `two lines of one SKU that only together exceed the stock are refused`() throws {
        let shop = try RunningShop.fresh(mugs: 5)
        let line = "{\"sku\":\"mug\",\"quantity\":3,\"unitPrice\":750}"
        let body = "{\"currency\":\"GBP\",\"lines\":[\(line),\(line)]}"
        let placed = try shop.post("/v1/orders", body)
        let order = try shop.end(of: placed["id"])
        #expect(order["status"] == "rejected")
        #expect(order["reason"].contains("wanted 6, available 5"), "\(order)")
        try shop.eventuallyFollows(placed["id"], payment: "absent", delivery: "absent")
        try shop.eventuallyHolds("mug", onHand: 5, available: 5)
    }

    @Test func `of sixty-four buyers of the last unit one gets it`() throws {
        let shop = try RunningShop.fresh(mugs: 1)
        let answers = inParallel(64) { _ in try? shop.accepted()["id"] }
        let ids = answers.compactMap { $0 }
        #expect(ids.count == 64)
        let ends = try ids.map { try shop.end(of: $0)["status"] }
        #expect(ends.filter { $0 == "completed" }.count == 1)
        #expect(ends.filter { $0 == "rejected" }.count == 63)
        try shop.eventuallyHolds("mug", onHand: 0, available: 0)
        try shop.stop()
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }

    @Test func `a cancellation before the payment gives stock and money back`() throws {
        let shop = try RunningShop.fresh(mugs: 2)
        let id = try shop.accepted(OrderBody(quantity: 2, token: "tok_late"))["id"]
        try shop.eventuallyFollows(id, payment: "authorizing", delivery: "absent")
        #expect(try shop.cancel(id).status == 202)
        #expect(try shop.end(of: id)["status"] == "cancelled")
        try shop.eventuallyFollows(id, payment: "voided", delivery: "absent")
        try shop.eventuallyHolds("mug", onHand: 2, available: 2)
        let again = try shop.cancel(id)
        #expect(again.status == 409 && again.isProblem, "\(again)")
    }

    @Test func `a cancellation while the carrier is asked is refused where it accepts`() throws {
        let shop = try RunningShop.fresh(mugs: 20)
        let (id, attempts) = try cancelledWhileHandingOver(shop)
        #expect(try shop.end(of: id)["status"] == "completed")
        try shop.eventuallyFollows(id, payment: "captured", delivery: "delivered")
        let late = try shop.cancel(id)
        #expect(late.status == 409 && late["code"] == "too-late", "\(late)")
        try shop.eventuallyHolds("mug", onHand: 20 - attempts, available: 20 - attempts)
    }

    /// The first order whose cancellation came while the carrier was asked, and how many it took:
    /// the carrier is silent for a few seconds, which may pass before the cancellation is there.
    private func cancelledWhileHandingOver(_ shop: RunningShop) throws -> (String, attempts: Int) {
        let body = OrderBody(more: "\"shipping\":\"ship_flaky\",\(OrderBody.contact)")
        for attempt in 1...10 {
            let id = try shop.accepted(body)["id"]
            let delivery = try eventually("the carrier is asked, or has been") {
                let delivery = try shop.get("/v1/orders/\(id)").json["delivery"]?["status"]?.string
                return delivery.flatMap { ["absent", "packed"].contains($0) ? nil : $0 }
            }
            let isTaken = try shop.cancel(id).status == 202 && delivery == "handingOver"
            #expect(try shop.end(of: id)["status"] == "completed")
            let isRefused = try shop.types(of: id).contains("order.cancellation-refused")
            if isTaken, isRefused { return (id, attempt) }
        }
        throw Failure("in ten attempts no cancellation came while the carrier was asked")
    }

    @Test func `cancellations that race the hand-over leave nothing half done`() throws {
        let shop = try RunningShop.fresh(mugs: 200)
        let ids = inParallel(8) { worker in
            (0..<8).compactMap { round in
                guard let id = try? shop.accepted()["id"] else { return nil as String? }
                // At another moment of the order's way each time.
                usleep(UInt32((worker * 8 + round) * 1500))
                _ = try? shop.cancel(id)
                return id
            }
        }.flatMap { $0 }
        #expect(ids.count == 64)
        var sold = 0
        for id in ids {
            let status = try shop.end(of: id)["status"]
            #expect(["completed", "cancelled"].contains(status))
            sold += status == "completed" ? 1 : 0
            let isSold = status == "completed"
            try eventually("\(id): its payment follows the order") {
                let payment = try shop.get("/v1/orders/\(id)").json["payment"]?["status"]?.string
                let ends = isSold ? ["captured"] : ["absent", "voided"]
                return ends.contains(payment ?? "")
            }
        }
        try shop.eventuallyHolds("mug", onHand: 200 - sold, available: 200 - sold)
        try shop.stop()
        let verified = try Shopctl.verify(shop.folder)
        #expect(verified.code == 0, "\(verified.all)")
    }

    @Test func `stock is held for so long, and parcels travel for so long, as the shop is told`()
        throws
    {
        let shop = try RunningShop(
            try Folder(), options: ["--hold-for", "5", "--in-transit", "3600"])
        try shop.receive("mug", 3)
        // It waits for its customer, but its stock does not.
        let unpaid = try shop.accepted(OrderBody(quantity: 2, token: "tok_late"))["id"]
        try shop.eventuallyFollows(unpaid, payment: "authorizing", delivery: "absent")
        try eventually("the stock is free again") {
            try shop.types(of: unpaid).contains("reservation.expired")
        }
        try shop.eventuallyHolds("mug", onHand: 3, available: 3)
        let sent = try shop.ended(OrderBody(quantity: 3))
        #expect(sent["status"] == "completed")
        try shop.eventuallyFollows(sent["id"], payment: "captured", delivery: "handedOver")
        #expect(try shop.cancel(unpaid).status == 202)
        #expect(try shop.end(of: unpaid)["status"] == "cancelled")
        try shop.stop()
        let verified = try Shopctl.verify(shop.folder)
        #expect(verified.code == 0, "\(verified.all)")
    }
}

import EventSourcing
import Foundation
import HTTP
import Testing

/// An order's way through all services, as a client sees it.
@Suite(.scenarios) struct OrderTests {
    private let services = ["orders", "payments", "deliveries", "notifications"]

    @Test func `a placed order completes in all services and the reads show it`() throws {
        let shop = try RunningShop.fresh(mugs: 10)
        let order = try shop.ended(OrderBody(quantity: 3, more: OrderBody.contact))
        #expect(order["status"] == "completed")
        #expect(order.json["total"]?["minor"]?.integer == 2250)
        try shop.eventuallyHolds("mug", onHand: 7, available: 7)
        // Each log reaches the rows at its own pace.
        try eventually("it is paid for, the parcel has arrived, and three mails are sent") {
            let order = try shop.get("/v1/orders/\(order["id"])").json
            return order["mailsSent"]?.integer == 3
                && order["payment"]?["status"]?.string == "captured"
                && order["delivery"]?["status"]?.string == "delivered"
        }
        try shop.stop()
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }

    @Test func `a declined card ends in a rejected order and released stock`() throws {
        let shop = try RunningShop.fresh(mugs: 5)
        let order = try shop.ended(OrderBody(quantity: 4, token: "tok_declined"))
        #expect(order["status"] == "rejected")
        #expect(order["reason"].contains("card declined"))
        try shop.eventuallyTells(order["id"], "reservation.released")
        try shop.eventuallyHolds("mug", onHand: 5, available: 5)
        // The goods are there for the next.
        #expect(try shop.ended(OrderBody(quantity: 5))["status"] == "completed")
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }

    @Test func `an order that is out of stock is rejected and nothing is charged`() throws {
        let shop = try RunningShop.fresh(mugs: 2)
        let order = try shop.ended(OrderBody(quantity: 3))
        #expect(order["status"] == "rejected")
        let payments = try Shopctl.events("payments", in: shop.folder)
        #expect(payments.isEmpty, "\(payments)")
        try shop.eventuallyHolds("mug", onHand: 2, available: 2)
        #expect(try shop.ended(OrderBody(sku: "never-heard-of"))["status"] == "rejected")
    }

    @Test func `a cancelled order is undone and a completed one cannot be cancelled`() throws {
        let shop = try RunningShop.fresh(mugs: 2)
        // Its provider never answers, so that it stands still before the pivot.
        let open = try shop.accepted(OrderBody(quantity: 2, token: "tok_timeout"))
        let path = "/v1/orders/\(open["id"])"
        try eventually("the goods are reserved") {
            try shop.get("/v1/stock/mug").json["available"]?.integer == 0
        }
        let cancelled = try shop.post("\(path)/cancellation", "{\"reason\":\"too slow\"}")
        #expect(cancelled.status == 202)
        let order = try shop.end(of: open["id"])
        #expect(order["status"] == "cancelled")
        #expect(order["reason"].contains("too slow"))
        try eventually("the goods are released") {
            try shop.get("/v1/stock/mug").json["available"]?.integer == 2
        }
        let done = try shop.ended()
        let late = try shop.post("/v1/orders/\(done["id"])/cancellation", "")
        #expect(late.status == 409 && late.isProblem, "\(late)")
        let nobody = try shop.post("/v1/orders/nobodys/cancellation", "")
        #expect(nobody.status == 404 && nobody.isProblem, "\(nobody)")
        try shop.stop()
        let verified = try Shopctl.verify(shop.folder)
        #expect(verified.code == 0, "\(verified.all)")
    }

    @Test func `the timeline shows all services under one correlation and one trace`() throws {
        let shop = try RunningShop.fresh()
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        let answer = try shop.post(
            "/v1/orders", OrderBody(more: OrderBody.contact).text,
            ["traceparent": "00-\(trace)-00f067aa0ba902b7-01", "X-Correlation-Id": "basket 7"])
        #expect(answer.headers["traceparent"]?.contains(trace) == true)
        #expect(answer.headers["X-Correlation-Id"] == "basket 7")
        _ = try shop.end(of: answer["id"])
        let path = "/v1/orders/\(answer["id"])/timeline"
        // Each log comes to the rows at its own pace.
        let events = try eventually("the last mail, and all services, are in the timeline") {
            let events = try shop.get(path).json["events"]?.array ?? []
            let mails = events.filter { $0["type"]?.string == "notification.sent" }
            let logs = Set(events.compactMap { $0["id"]?.string?.split(separator: "/").first })
            let isWhole = mails.count == 3 && Set(logs.map { String($0) }) == Set(services)
            return isWhole ? events : nil
        }
        #expect(events.allSatisfy { $0["correlationId"]?.string == "basket 7" })
        for service in services {
            let recorded = try Shopctl.events(service, in: shop.folder)
                .filter { $0["stream"]?.string?.hasSuffix(answer["id"]) == true }
            #expect(!recorded.isEmpty, "\(service)")
            for event in recorded {
                #expect(event["metadata"]?.text.contains(trace) == true, "\(event.text)")
                #expect(event["metadata"]?.text.contains("basket 7") == true, "\(event.text)")
            }
        }
    }

    @Test func `a contact is in the mail and in no file of the shop`() throws {
        let shop = try RunningShop.fresh()
        let contact = "ada.lovelace@analytical.example"
        let order = try shop.accepted(
            OrderBody(more: "\"customer\":\"ada\",\"contact\":\"\(contact)\""))
        let guest = try shop.accepted(OrderBody(more: "\"contact\":\"\(contact)\""))
        for placed in [order, guest] { _ = try shop.end(of: placed["id"]) }
        let folder = "\(shop.folder.data)/notifications/mails"
        try eventually("six mails are there") {
            try Mbox.mails(in: folder).filter { $0.contains("\nTo: \(contact)\n") }.count == 6
        }
        #expect(try files(of: shop.folder, holding: "lovelace").isEmpty)
        #expect(try !files(of: shop.folder, holding: "order.placed").isEmpty)
        try shop.stop()
        #expect(try files(of: shop.folder, holding: "lovelace").isEmpty)
        #expect(!shop.notices.contains("lovelace"))
    }

    /// The files, mails aside, whose bytes hold a text.
    private func files(of folder: Folder, holding text: String) throws -> [String] {
        let names = FileManager.default.enumerator(atPath: folder.data)?.allObjects ?? []
        return names.compactMap { $0 as? String }.filter { name in
            guard !name.hasSuffix(".mbox"),
                let bytes = FileManager.default.contents(atPath: "\(folder.data)/\(name)")
            else { return false }
            return bytes.range(of: Data(text.utf8)) != nil
        }
    }
}

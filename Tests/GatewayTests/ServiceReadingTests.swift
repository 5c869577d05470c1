import EventSourcing
import Gateway
import HTTP
import Testing

@Suite struct ServiceReadingTests {
    private func text(_ answer: HTTPResponse) -> String {
        String(decoding: answer.body, as: UTF8.self)
    }

    @Test func `a payment is shown with its history`() throws {
        let rig = try Rig()
        try rig.recordOrder("o-1")
        #expect(try rig.get("/v1/payments/o-1").code == "payment-not-found")
        let money = #""amount":{"minor":2500,"currency":"GBP"}"#
        try rig.record(
            "payments", "payment-o-1", "payment.authorization-requested", "{\(money)}")
        try rig.record("payments", "payment-o-1", "payment.authorized", #"{"code":"auth-1"}"#)
        try rig.record("payments", "payment-o-1", "payment.captured", #"{"id":"cap-1",\#(money)}"#)
        let answer = try rig.get("/v1/payments/o-1")
        #expect(answer.status == 200 && answer.headers["ETag"] == #""1.3""#)
        #expect(
            text(answer) == """
                {"order":"o-1","status":"captured",\
                "amount":{"minor":2500,"currency":"GBP","text":"25.00 GBP"},\
                "authorizationCode":"auth-1",\
                "captured":{"minor":2500,"currency":"GBP","text":"25.00 GBP"},\
                "captureId":"cap-1","history":[\
                {"id":"payments/1/1","type":"payment.authorization-requested",\
                "recordedAt":"2023-11-14T22:13:20.000001Z"},\
                {"id":"payments/1/2","type":"payment.authorized",\
                "recordedAt":"2023-11-14T22:13:20.000002Z"},\
                {"id":"payments/1/3","type":"payment.captured",\
                "recordedAt":"2023-11-14T22:13:20.000003Z"}]}
                """)
    }

    @Test func `a declined payment says why`() throws {
        let rig = try Rig()
        try rig.record("payments", "payment-o-1", "payment.declined", #"{"reason":"no funds"}"#)
        let json = try rig.get("/v1/payments/o-1").json
        #expect(json["status"]?.string == "declined" && json["reason"]?.string == "no funds")
        #expect(json["amount"] == nil && json["captured"] == nil)
    }

    @Test func `a delivery is shown with what is in the parcel and where it is`() throws {
        let rig = try Rig()
        try rig.record("deliveries", "delivery-o-1", "delivery.packed", "{}")
        #expect(try rig.get("/v1/deliveries/o-1").code == "order-not-found")
        try rig.record(
            "orders", "order-o-1", "order.placed",
            """
            {"currency":"GBP","shipping":"ship_lost","lines":[\
            {"sku":"B","quantity":2,"unitPrice":5},{"sku":"A 1","quantity":1,"unitPrice":5},\
            {"sku":"B","quantity":3,"unitPrice":4}]}
            """)
        try rig.record("deliveries", "delivery-o-1", "delivery.handed-over", #"{"tracking":"T"}"#)
        try rig.record(
            "deliveries", "delivery-o-1", "delivery.lost", #"{"tracking":"T","reason":"gone"}"#)
        let answer = try rig.get("/v1/deliveries/o-1")
        #expect(answer.status == 200 && answer.headers["ETag"] == #""1.3""#)
        #expect(
            text(answer) == """
                {"order":"o-1","status":"lost","reservation":"absent","reason":"gone",\
                "shipping":"ship_lost","tracking":"T",\
                "lines":[{"sku":"A 1","quantity":1},{"sku":"B","quantity":5}],"history":[\
                {"id":"deliveries/1/1","type":"delivery.packed",\
                "recordedAt":"2023-11-14T22:13:20.000001Z"},\
                {"id":"deliveries/1/2","type":"delivery.handed-over",\
                "recordedAt":"2023-11-14T22:13:20.000002Z"},\
                {"id":"deliveries/1/3","type":"delivery.lost",\
                "recordedAt":"2023-11-14T22:13:20.000003Z"}]}
                """)
        let order = try rig.get("/v1/orders/o-1").json
        #expect(order["status"]?.string == "shipped" && order["shipping"]?.string == "ship_lost")
        #expect(order["delivery"]?["status"]?.string == "lost")
    }

    @Test func `an order that nothing was packed for has an absent delivery`() throws {
        let rig = try Rig()
        try rig.recordOrder("o-1")
        let json = try rig.get("/v1/deliveries/o-1").json
        #expect(json["status"]?.string == "absent" && json["history"]?.array?.isEmpty == true)
        #expect(json["shipping"] == nil && json["tracking"] == nil)
    }

    @Test func `mails are listed as they went`() throws {
        let rig = try Rig()
        try rig.recordOrder("o-1")
        try rig.record(
            "notifications", "notification-o-1", "notification.sent", #"{"kind":"received"}"#)
        try rig.record(
            "notifications", "notification-o-1", "notification.failed",
            #"{"kind":"lost","reason":"no such box"}"#)
        let answer = try rig.get("/v1/notifications?order=o-1")
        #expect(answer.status == 200 && answer.headers["ETag"] == #""1.2""#)
        #expect(
            text(answer) == """
                {"order":"o-1","notifications":[\
                {"kind":"received","status":"sent","at":"2023-11-14T22:13:20.000001Z"},\
                {"kind":"lost","status":"failed","at":"2023-11-14T22:13:20.000002Z",\
                "reason":"no such box"}]}
                """)
    }

    @Test func `what the client has is not sent again until its service tells more`() throws {
        let rig = try Rig()
        try rig.recordOrder("o-1")
        try rig.record("payments", "payment-o-1", "payment.authorized", "{}")
        for (target, log, event) in [
            ("/v1/payments/o-1", "payments", "payment.void-requested"),
            ("/v1/deliveries/o-1", "deliveries", "delivery.packed"),
            ("/v1/notifications?order=o-1", "notifications", "notification.sent"),
        ] {
            let tag = try #require(try rig.get(target).headers["ETag"])
            try rig.record("orders", "order-o-1", "order.confirmed", "{}")
            let same = try rig.get(target, headers: ["If-None-Match": tag])
            #expect(same.status == 304 && same.body.isEmpty && same.headers["ETag"] == tag)
            #expect(same.headers["Consistency-Token"] != nil)
            let category = event.prefix { $0 != "." }
            try rig.record(log, "\(category)-o-1", event, #"{"kind":"received"}"#)
            let changed = try rig.get(target, headers: ["If-None-Match": tag])
            #expect(changed.status == 200 && changed.headers["ETag"] != tag)
        }
    }

    @Test func `what is not there is not found, and a wrong query is named`() throws {
        let rig = try Rig()
        #expect(try rig.get("/v1/payments/none").code == "payment-not-found")
        for target in [
            "/v1/deliveries/none", "/v1/deliveries/a%20b", "/v1/payments/a%20b",
            "/v1/notifications?order=none",
        ] {
            let answer = try rig.get(target)
            #expect(answer.status == 404 && answer.code == "order-not-found")
        }
        for (target, names) in [
            ("/v1/notifications", ["order"]), ("/v1/notifications?order=", ["order"]),
            ("/v1/notifications?order=a%20b", ["order"]),
            ("/v1/notifications?order=a&kind=b", ["kind"]),
            ("/v1/payments/o-1?x=1", ["x"]), ("/v1/deliveries/o-1?limit=1", ["limit"]),
        ] {
            let answer = try rig.get(target)
            #expect(answer.status == 400 && answer.code == "invalid-query")
            #expect(answer.parameters == names)
        }
    }
}

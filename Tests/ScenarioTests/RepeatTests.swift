import EventSourcing
import HTTP
import Testing

/// What a client that repeats itself gets.
@Suite(.scenarios) struct RepeatTests {
    private func placed(_ shop: RunningShop) throws -> Int {
        try Shopctl.events("orders", in: shop.folder)
            .filter { $0["type"]?.string == "order.placed" }.count
    }

    @Test func `the same key twice is one order, and another body under it is refused`() throws {
        let shop = try RunningShop.fresh()
        let first = try shop.accepted(key: "k-1")
        let second = try shop.accepted(key: "k-1")
        #expect(second["id"] == first["id"])
        #expect(first.headers["Idempotent-Replayed"] == nil)
        #expect(second.headers["Idempotent-Replayed"] == "true")
        #expect(second.headers["Location"] == first.headers["Location"])
        #expect(second.headers["ETag"] == first.headers["ETag"])
        let other = try shop.place(OrderBody(quantity: 2), key: "k-1")
        #expect(other.status == 422 && other["code"] == "idempotency-key-reused")
        #expect(other.isProblem, "\(other)")
        let elsewhere = try shop.post(
            "/v1/stock/mug/receipts", "{\"quantity\":1}", ["Idempotency-Key": "k-1"])
        #expect([201, 422].contains(elsewhere.status), "\(elsewhere)")
        #expect(try placed(shop) == 1)
    }

    @Test func `the same key twenty times in parallel is one order`() throws {
        let shop = try RunningShop.fresh()
        let answers = inParallel(20) { _ in try? shop.place(key: "once") }.compactMap { $0 }
        #expect(answers.count == 20)
        #expect(Set(answers.map { $0["id"] }).count == 1, "\(answers)")
        #expect(answers.allSatisfy { $0.status == 201 })
        #expect(answers.filter { $0.headers["Idempotent-Replayed"] == nil }.count == 1)
        #expect(try placed(shop) == 1)
        #expect(try shop.end(of: answers[0]["id"])["status"] == "completed")
        try shop.eventuallyHolds("mug", onHand: 999, available: 999)
    }

    @Test func `a reference is one order's for ever`() throws {
        let shop = try RunningShop.fresh()
        let body = OrderBody(more: "\"reference\":\"PO 7/ä\"")
        let first = try shop.accepted(body, key: "a")
        let second = try shop.place(body, key: "b")
        #expect(second.status == 409 && second["code"] == "reference-taken", "\(second)")
        #expect(second["conflicting"] == "/v1/orders/\(first["id"])")
        // Whoever lost the answer and the key still finds out.
        #expect(try shop.accepted(body, key: "a")["id"] == first["id"])
        let answers = inParallel(10) { index in
            try? shop.place(OrderBody(more: "\"reference\":\"race\""), key: "race-\(index)")
        }.compactMap { $0 }
        #expect(answers.filter { $0.status == 201 }.count == 1)
        #expect(answers.filter { $0.status == 409 }.count == 9)
        try shop.stop()
        let again = try RunningShop(shop.folder)
        #expect(try again.place(body, key: "c").status == 409)
        #expect(try again.accepted(body, key: "a")["id"] == first["id"])
    }

    @Test func `a receipt of goods under one key is taken in once`() throws {
        let shop = try RunningShop.fresh(mugs: 5)
        for _ in 0..<3 {
            let answer = try shop.post(
                "/v1/stock/mug/receipts", "{\"quantity\":7}", ["Idempotency-Key": "in-1"])
            #expect(answer.status == 201)
            #expect(try shop.read("/v1/stock/mug", seeing: answer).json["onHand"]?.integer == 12)
        }
    }

    @Test func `a read with the write's token sees the write`() throws {
        let shop = try RunningShop.fresh()
        for round in 1...30 {
            let answer = try shop.accepted()
            let path = answer.headers["Location"] ?? ""
            let read = try shop.read(path, seeing: answer)
            #expect(read.status == 200, "round \(round): \(read)")
            #expect(read["id"] == answer["id"])
        }
    }

    @Test func `an entity tag answers 304 until the order changes`() throws {
        let shop = try RunningShop.fresh()
        let order = try shop.ended(OrderBody(more: OrderBody.contact))
        let path = "/v1/orders/\(order["id"])"
        // The order shows what four services say, and each of them may be read last.
        let settled = try eventually("all services have been heard to the end") {
            let payment = try shop.get("/v1/payments/\(order["id"])")
            let delivery = try shop.get("/v1/deliveries/\(order["id"])")
            let answer = try shop.get(path)
            return payment["status"] == "captured" && delivery["status"] == "delivered"
                && answer.json["mailsSent"]?.integer == 3 ? answer : nil
        }
        let tag = settled.headers["ETag"] ?? ""
        #expect(tag.hasPrefix("\""))
        for asked in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
            let same = try shop.get(path, ["If-None-Match": asked])
            #expect(same.status == 304 && same.text.isEmpty, "\(asked): \(same)")
            #expect(same.headers["ETag"] == tag)
        }
        #expect(try shop.get(path, ["If-None-Match": "\"x\""]).status == 200)
        // The newest change of the stock: nothing follows it, so the tag must stay.
        let received = try shop.receive("mug", 1)
        let stock = try shop.read("/v1/stock/mug", seeing: received)
        let stockTag = stock.headers["ETag"] ?? ""
        #expect(try shop.get("/v1/stock/mug", ["If-None-Match": stockTag]).status == 304)
    }
}

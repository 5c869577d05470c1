import EventSourcing
import Gateway
import HTTP
import Testing

@Suite struct ReportTests {
    private func complete(
        _ rig: Rig, _ id: String, _ time: String, _ lines: String, currency: String = "GBP"
    ) throws {
        try rig.record(
            "orders", "order-\(id)", "order.placed",
            #"{"currency":"\#(currency)","lines":[\#(lines)]}"#,
            occurredAt: Timestamp(time))
        try rig.record("orders", "order-\(id)", "order.completed", "{}")
    }

    private func line(_ sku: String, _ quantity: Int, _ price: Int64) -> String {
        #"{"sku":"\#(sku)","quantity":\#(quantity),"unitPrice":\#(price)}"#
    }

    /// Three completed orders in two months and currencies, and one that is not.
    private func rig() throws -> Rig {
        let rig = try Rig()
        let (mug, lamp) = (line("MUG 1", 2, 750), line("lamp", 1, 1999))
        try complete(rig, "o-1", "2010-12-01T08:26:00Z", "\(mug),\(lamp),\(mug)")
        try complete(rig, "o-2", "2010-12-01T23:59:59.999999Z", lamp)
        try complete(rig, "o-3", "2011-01-01T00:00:00Z", mug, currency: "JPY")
        try rig.recordOrder("o-4")
        return rig
    }

    private func text(_ answer: HTTPResponse) -> String {
        String(decoding: answer.body, as: UTF8.self)
    }

    @Test func `revenue by day has a row a day and currency, and totals`() throws {
        let answer = try rig().get("/v1/reports/revenue?by=day")
        #expect(answer.status == 200 && answer.headers["Consistency-Token"] != nil)
        #expect(
            text(answer) == """
                {"by":"day","rows":[{"day":"2010-12-01","currency":"GBP","orders":2,"lines":4,\
                "units":6,"revenue":{"minor":6998,"currency":"GBP","text":"69.98 GBP"}},\
                {"day":"2011-01-01","currency":"JPY","orders":1,"lines":1,"units":2,\
                "revenue":{"minor":1500,"currency":"JPY","text":"1500 JPY"}}],\
                "totals":[{"currency":"GBP","orders":2,"lines":4,"units":6,\
                "revenue":{"minor":6998,"currency":"GBP","text":"69.98 GBP"}},\
                {"currency":"JPY","orders":1,"lines":1,"units":2,\
                "revenue":{"minor":1500,"currency":"JPY","text":"1500 JPY"}}]}
                """)
    }

    @Test func `revenue by SKU counts an order once, and a period is echoed`() throws {
        let answer = try rig().get("/v1/reports/revenue?by=sku&from=2010-12-01&to=2011-01-01")
        let json = try answer.json
        #expect(json["from"]?.string == "2010-12-01T00:00:00.000000Z")
        #expect(json["to"]?.string == "2011-01-01T00:00:00.000000Z")
        let rows = try #require(json["rows"]?.array)
        #expect(rows.map { $0["sku"]?.string } == ["MUG 1", "lamp"])
        #expect(rows.map { $0["orders"]?.integer } == [1, 2])
        #expect(rows.map { $0["lines"]?.integer } == [2, 2])
        #expect(rows.map { $0["units"]?.integer } == [4, 2])
        #expect(rows.map { $0["revenue"]?["minor"]?.integer } == [3000, 3998])
        #expect(json["totals"]?.array?.count == 1)
    }

    @Test func `a report comes in pages that are linked`() throws {
        let rig = try rig()
        var target: String? = "/v1/reports/revenue?by=sku&limit=1"
        var rows: [String] = []
        while let next = target, rows.count < 10 {
            let answer = try rig.get(next)
            let json = try answer.json
            for row in json["rows"]?.array ?? [] {
                rows.append("\(row["sku"]?.string ?? "") \(row["currency"]?.string ?? "")")
            }
            #expect(json["totals"]?.array?.count == 2)
            target = answer.nextTarget
            #expect((target != nil) == (json["next"]?.string != nil))
        }
        #expect(rows == ["MUG 1 GBP", "MUG 1 JPY", "lamp GBP"])
        let first = try rig.get("/v1/reports/revenue?by=day&limit=1")
        let cursor = try #require(try first.json["next"]?.string)
        #expect(try rig.get("/v1/reports/revenue?by=day&cursor=\(cursor)").status == 200)
        for query in ["by=month", "by=day&from=2010-01-01"] {
            let other = try rig.get("/v1/reports/revenue?\(query)&cursor=\(cursor)")
            #expect(other.status == 400 && other.parameters == ["cursor"])
        }
    }

    @Test func `orders by status are counted by currency`() throws {
        let rig = try rig()
        #expect(
            text(try rig.get("/v1/reports/orders?by=status")) == """
                {"by":"status","rows":[{"status":"placed","currency":"GBP","orders":1,\
                "total":{"minor":2500,"currency":"GBP","text":"25.00 GBP"}},\
                {"status":"completed","currency":"GBP","orders":2,\
                "total":{"minor":6998,"currency":"GBP","text":"69.98 GBP"}},\
                {"status":"completed","currency":"JPY","orders":1,\
                "total":{"minor":1500,"currency":"JPY","text":"1500 JPY"}}]}
                """)
    }

    @Test(arguments: [
        ("revenue", ["by"]), ("revenue?by=week", ["by"]), ("revenue?by=day&limit=0", ["limit"]),
        ("revenue?by=day&limit=10001", ["limit"]), ("revenue?by=day&status=placed", ["status"]),
        ("revenue?from=x&to=y", ["by", "from", "to"]),
        ("revenue?by=day&from=2011-01-02&to=2011-01-01", ["from"]),
        ("revenue?by=sku&cursor=x", ["cursor"]), ("orders", ["by"]), ("orders?by=day", ["by"]),
        ("orders?by=status&from=2011-01-01", ["from"]),
    ])
    func `all that is wrong with a report's query is named`(
        target: String, names: [String]
    ) throws {
        let answer = try Rig().get("/v1/reports/\(target)")
        #expect(answer.status == 400 && answer.code == "invalid-query")
        #expect(answer.parameters == names)
    }

    @Test func `a sum beyond 64 bits is a problem that says what to do`() throws {
        let rig = try Rig()
        for day in 1...2 {
            try complete(rig, "o-\(day)", "2010-12-0\(day)T00:00:00Z", line("A", 1, .max))
        }
        for target in ["revenue?by=day", "revenue?by=sku", "orders?by=status"] {
            let answer = try rig.get("/v1/reports/\(target)")
            #expect(answer.status == 422 && answer.code == "report-overflow")
        }
        let detail = try rig.get("/v1/reports/revenue?by=day").json["detail"]?.string
        #expect(detail?.contains("from and to") == true)
        let half = try rig.get("/v1/reports/revenue?by=sku&to=2010-12-02")
        #expect(half.status == 200)
    }
}

import EventSourcing
import Gateway
import HTTP
import Testing

@Suite struct ListingTests {
    /// Orders `o-1` on, three of each moment, of two customers.
    private func rig(_ count: Int) throws -> Rig {
        let rig = try Rig()
        let start = try #require(Timestamp("2010-12-01T08:00:00Z"))
        for number in 1...count {
            try rig.record(
                "orders", "order-o-\(number)", "order.placed",
                """
                {"customer":"c/\(number % 2)","currency":"GBP","reference":"r-\(number)",\
                "lines":[{"sku":"A 1","quantity":2,"unitPrice":1250},\
                {"sku":"B","quantity":1,"unitPrice":1}]}
                """, occurredAt: start + .seconds(number / 3 * 3600))
        }
        return rig
    }

    private func ids(_ answer: HTTPResponse) throws -> [String] {
        try #require(try answer.json["orders"]?.array).compactMap { $0["id"]?.string }
    }

    /// The answers from `target` on, page by page, by the links alone.
    private func follow(_ rig: Rig, _ target: String) throws -> [HTTPResponse] {
        var answers: [HTTPResponse] = []
        var next: String? = target
        while let target = next, answers.count < 100 {
            let answer = try rig.get(target)
            #expect(answer.status == 200)
            answers.append(answer)
            next = answer.nextTarget
            #expect((next != nil) == (try answer.json["next"]?.string != nil))
        }
        return answers
    }

    @Test func `an order is listed with what it is worth and how it stands`() throws {
        let rig = try rig(1)
        try rig.record("orders", "order-o-1", "order.rejected", #"{"reason":"no stock"}"#)
        let answer = try rig.get("/v1/orders")
        #expect(answer.status == 200 && answer.headers["Content-Type"] == "application/json")
        #expect(answer.headers["Cache-Control"] == "private, no-cache")
        #expect(answer.headers["Consistency-Token"] == rig.token("orders", 2))
        #expect(answer.headers["Link"] == nil)
        #expect(
            String(decoding: answer.body, as: UTF8.self) == """
                {"orders":[{"id":"o-1","status":"rejected","reason":"no stock",\
                "customer":"c/1","reference":"r-1",\
                "total":{"minor":2501,"currency":"GBP","text":"25.01 GBP"},"lines":2,"units":3,\
                "placedAt":"2010-12-01T08:00:00.000000Z",\
                "updatedAt":"2023-11-14T22:13:20.000002Z"}]}
                """)
    }

    @Test func `nothing is an empty list`() throws {
        let rig = try Rig()
        let none = try rig.get("/v1/orders")
        #expect(String(decoding: none.body, as: UTF8.self) == #"{"orders":[]}"#)
        let answer = try rig.get("/v1/customers/nobody/orders")
        #expect(
            String(decoding: answer.body, as: UTF8.self)
                == #"{"customer":"nobody","orders":[]}"#)
    }

    @Test func `pages are linked, and lead through all orders once`() throws {
        let rig = try rig(23)
        let all = try ids(try rig.get("/v1/orders?limit=500"))
        #expect(all.count == 23 && all.first == "o-23" && all.last == "o-1")
        #expect(Array(all.dropFirst(1).prefix(3)) == ["o-22", "o-21", "o-20"])
        let answers = try follow(rig, "/v1/orders?limit=4")
        #expect(answers.count == 6)
        #expect(try answers.flatMap { try ids($0) } == all)
        let path = "/v1/customers/c%2F1/orders"
        let customers = try follow(rig, "\(path)?limit=3&from=2010-12-01")
        #expect(customers.count == 4)
        #expect(try customers.allSatisfy { try $0.json["customer"]?.string == "c/1" })
        #expect(customers.dropLast().allSatisfy { $0.nextTarget?.hasPrefix(path) == true })
        let odd = all.filter { Int($0.dropFirst(2)).map { $0 % 2 == 1 } ?? false }
        #expect(try customers.flatMap { try ids($0) } == odd)
    }

    @Test func `filters work alone and together`() throws {
        let rig = try rig(12)
        for number in [2, 3, 4, 5] {
            try rig.record("orders", "order-o-\(number)", "order.confirmed", "{}")
        }
        for (query, expected) in [
            ("status=confirmed", ["o-5", "o-4", "o-3", "o-2"]),
            ("customer=c%2F0&status=confirmed", ["o-4", "o-2"]),
            ("from=2010-12-01T12:00:00Z", ["o-12"]),
            ("from=2010-12-01T13:00:00%2B01:00", ["o-12"]),
            ("to=2010-12-01T09:00:00Z", ["o-2", "o-1"]),
            ("from=2010-12-01T09:00:00Z&to=2010-12-01T10:00:00Z", ["o-5", "o-4", "o-3"]),
            (
                "customer=c%2F0&status=confirmed&from=2010-12-01T09:00:00Z&to=2010-12-02",
                ["o-4"]
            ),
            ("to=2010-12-01", []), ("from=2010-12-02&to=2010-12-02", []),
        ] {
            #expect(try ids(try rig.get("/v1/orders?\(query)")) == expected, "\(query)")
        }
    }

    @Test(arguments: [
        ("limit=0", ["limit"]), ("limit=501", ["limit"]), ("limit=", ["limit"]),
        ("limit=%2B1", ["limit"]), ("limit=1&limit=2", ["limit"]), ("status=", ["status"]),
        ("status=Placed", ["status"]), ("customer=a%20b", ["customer"]),
        ("customer=", ["customer"]),
        ("from=yesterday", ["from"]), ("to=2010-13-01", ["to"]), ("to=2010-12-1", ["to"]),
        ("from=2010-12-02&to=2010-12-01", ["from"]), ("cursor=", ["cursor"]),
        ("cursor=AAAA", ["cursor"]), ("colour=red&colour=blue", ["colour"]),
        ("colour=red&limit=x&status=y&from=z", ["colour", "status", "from", "limit"]),
    ])
    func `all that is wrong with a query is named at once`(query: String, names: [String]) throws {
        let rig = try rig(1)
        for path in ["/v1/orders", "/v1/customers/c/orders"] {
            let answer = try rig.get("\(path)?\(query)")
            #expect(answer.status == 400 && answer.code == "invalid-query")
            #expect(answer.headers["Content-Type"] == "application/problem+json")
            if path == "/v1/orders" { #expect(answer.parameters == names) }
            #expect(answer.parameters.count == names.count)
        }
    }

    @Test func `an error says what would be right`() throws {
        let rig = try Rig()
        func detail(_ target: String) throws -> String {
            try rig.get(target).json["errors"]?.array?.first?["detail"]?.string ?? ""
        }
        #expect(
            try detail("/v1/orders?status=lost")
                == "must be one of placed, confirmed, packed, shipped, completed, cancelling, "
                + "cancelled, rejected, expired")
        #expect(
            try detail("/v1/orders?x=1")
                == "is not known here; known are customer, status, from, to, limit, cursor")
        #expect(try detail("/v1/customers/c/orders?customer=c").contains("known are status"))
        #expect(try detail("/v1/orders?from=1").contains("RFC 3339"))
        let nobody = try rig.get("/v1/customers/a%20b/orders")
        #expect(nobody.status == 404 && nobody.code == "customer-not-found")
    }

    @Test func `a cursor goes on with its own query only, whatever the size of a page`() throws {
        let rig = try rig(12)
        let query = "status=placed&from=2010-12-01"
        let first = try rig.get("/v1/orders?\(query)&limit=5")
        let cursor = try #require(try first.json["next"]?.string)
        #expect(try ids(try rig.get("/v1/orders?\(query)&limit=2&cursor=\(cursor)")).count == 2)
        #expect(try ids(try rig.get("/v1/orders?\(query)&cursor=\(cursor)")).count == 7)
        // The same moment, written in another way.
        let same = "status=placed&from=2010-12-01T00:00:00Z"
        #expect(try rig.get("/v1/orders?\(same)&cursor=\(cursor)").status == 200)
        for target in [
            "/v1/orders?cursor=\(cursor)", "/v1/orders?status=placed&cursor=\(cursor)",
            "/v1/orders?status=packed&from=2010-12-01&cursor=\(cursor)",
            "/v1/orders?\(query)&to=2010-12-05&cursor=\(cursor)",
            "/v1/orders?\(query)&customer=c%2F1&cursor=\(cursor)",
            "/v1/customers/c%2F1/orders?\(query)&cursor=\(cursor)",
            "/v1/orders?\(query)&cursor=\(cursor)A", "/v1/orders?\(query)&cursor=A\(cursor)",
            "/v1/reports/revenue?by=day&from=2010-12-01&cursor=\(cursor)",
        ] {
            let answer = try rig.get(target)
            #expect(answer.status == 400 && answer.parameters == ["cursor"], "\(target)")
        }
    }

    @Test func `a list waits for what its token names`() throws {
        let rig = try rig(3)
        let answer = try rig.get(
            "/v1/orders", headers: ["Consistency-Token": rig.token("orders", 3)])
        #expect(try ids(answer).count == 3)
        #expect(try rig.get("/v1/orders", headers: ["Consistency-Token": "x"]).status == 400)
    }
}

extension HTTPResponse {
    /// Where its `Link` leads to; nil where there is none.
    var nextTarget: String? {
        headers["Link"].flatMap { link in
            link.hasSuffix(">; rel=\"next\"")
                ? link.split(separator: ">").first.map { String($0.dropFirst()) } : nil
        }
    }

    /// The parameters that errors are about, in order.
    var parameters: [String] {
        ((try? json)?["errors"]?.array ?? []).compactMap { $0["parameter"]?.string }
    }
}

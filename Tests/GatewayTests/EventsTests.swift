import EventSourcing
import EventStore
import Foundation
import Gateway
import HTTP
import Messaging
import Projections
import Testing

@Suite struct EventsTests {
    /// A log with a file of its own, which tells some of its events, and others to some alone.
    private final class Written {
        static let publication = Publication(
            channels: [Publication.facts, "to-payments"],
            rules: [
                "order.placed": Publication.fact(without: ["token"]),
                "order.confirmed": Publication.fact,
                "checkout.step-requested": { record in
                    [Published(channel: "to-payments", type: record.type, data: record.data)]
                },
            ])
        let log: EventLog
        let path: String
        private let folder: String

        init() throws {
            var template = Array("/tmp/kassa-events-XXXXXX".utf8CString)
            guard let made = mkdtemp(&template) else { throw Unexpected() }
            folder = String(cString: made)
            path = "\(folder)/orders.db"
            log = try EventLog(
                path: path, name: LogName("orders"), at: Timestamp(microseconds: 1),
                durability: .none)
        }

        deinit { try? FileManager.default.removeItem(atPath: folder) }

        var feed: LogFeed {
            LogFeed(path: path, publication: Self.publication, onBehind: { _ in })
        }

        /// An event that nobody can tell the cause of.
        func appendDamaged() throws {
            try append(
                NewEvent(
                    type: EventType("order.confirmed"), data: Array("{}".utf8),
                    metadata: Array("{".utf8)), 1)
        }

        func append(_ type: String, _ data: String, _ order: Int, occurredAt: Bool = false) throws {
            var json = JSONWriter()
            Metadata(
                correlation: "c-\(order)", actor: "anonymous", trace: nil,
                occurredAt: occurredAt ? Timestamp(microseconds: 1_000_000) : nil
            ).encode(to: &json)
            try append(
                NewEvent(type: EventType(type), data: Array(data.utf8), metadata: json.bytes),
                order)
        }

        private func append(_ event: NewEvent, _ order: Int) throws {
            try log.commit(at: Timestamp(microseconds: 1_700_000_000_000_000)) {
                (transaction) throws(StoreError) in
                _ = try transaction.append(
                    [event], to: StreamID("order", "o\(order)"), expecting: .any)
            }
        }

        /// Three events each: a fact without its token, a request to one service, a private one.
        func fill(_ orders: Int) throws {
            for order in 1...orders {
                try append("order.placed", #"{"total":5,"token":"tok_secret"}"#, order)
                try append("checkout.step-requested", #"{"token":"tok_secret"}"#, order)
                try append("checkout.started", #"{"token":"tok_secret"}"#, order)
            }
        }
    }

    private func rig(_ written: Written) throws -> Rig {
        try Rig(feeds: [
            LogName("orders"): written.feed,
            LogName("payments"): LogFeed(
                path: "/nowhere", publication: Written.publication, isUp: { false },
                onBehind: { _ in }),
        ])
    }

    private func ids(_ answer: HTTPResponse) throws -> [String] {
        (try answer.json["events"]?.array ?? []).compactMap { $0["id"]?.string }
    }

    @Test func `a service's public facts are shown, and nothing else of its log`() throws {
        let written = try Written()
        try written.fill(1)
        try written.append("order.confirmed", "{}", 1, occurredAt: true)
        let answer = try rig(written).get("/v1/events?service=orders")
        #expect(answer.status == 200)
        #expect(answer.headers["Link"] == nil)
        #expect(answer.headers["Consistency-Token"] != nil)
        #expect(
            String(decoding: answer.body, as: UTF8.self) == """
                {"service":"orders","events":[{"id":"orders/1/1","stream":"order-o1","version":1,\
                "type":"order.placed","schema":1,"recordedAt":"2023-11-14T22:13:20.000000Z",\
                "actor":"anonymous","correlationId":"c-1","data":{"total":5}},\
                {"id":"orders/1/4","stream":"order-o1","version":4,"type":"order.confirmed",\
                "schema":1,"recordedAt":"2023-11-14T22:13:20.000000Z",\
                "occurredAt":"1970-01-01T00:00:01.000000Z","actor":"anonymous",\
                "correlationId":"c-1","data":{}}],"next":4}
                """)
    }

    @Test func `an order's contact is in no answer, sealed though it is`() throws {
        let data = """
            {"customer":"c","contact":"customer:c sealed:abc","currency":"GBP","lines":[]}
            """
        let written = try Written()
        try written.append("order.placed", data, 1)
        let rig = try rig(written)
        try rig.record("orders", "order-o1", "order.placed", data)
        for target in ["/v1/events?service=orders", "/v1/orders/o1/timeline"] {
            let answer = try rig.get(target)
            let text = String(decoding: answer.body, as: UTF8.self)
            #expect(answer.status == 200 && !text.contains("sealed:"), "\(text)")
            #expect(text.contains(#""data":{"customer":"c","currency":"GBP","lines":[]}"#))
        }
        // The notifications service finds it on the channel.
        let page = try written.feed.read(Publication.facts, after: .start)
        let published = try #require(page.messages.first?.data)
        #expect(String(decoding: published, as: UTF8.self).contains("sealed:abc"))
    }

    @Test func `pages lead to the end, and from there on to what is recorded later`() throws {
        let written = try Written()
        try written.fill(5)
        let rig = try rig(written)
        var target = "/v1/events?service=orders&limit=2"
        var pages: [[String]] = []
        var next: Int64 = 0
        while true {
            let answer = try rig.get(target)
            pages.append(try ids(answer))
            next = try #require(try answer.json["next"]?.integer)
            guard let link = answer.headers["Link"] else { break }
            target = try #require(link.split(separator: ">").first.map { String($0.dropFirst()) })
            #expect(target == "/v1/events?service=orders&after=\(next)&limit=2")
            #expect(link.hasSuffix("; rel=\"next\""))
        }
        #expect(
            pages == [
                ["orders/1/1", "orders/1/4"], ["orders/1/7", "orders/1/10"], ["orders/1/13"],
            ])
        // Read through what is not for everybody as well.
        #expect(next == 15)
        let empty = try rig.get("/v1/events?service=orders&after=15")
        #expect(try ids(empty).isEmpty)
        #expect(try empty.json["next"]?.integer == 15)
        #expect(empty.headers["Link"] == nil)
        try written.append("order.confirmed", "{}", 1)
        #expect(try ids(try rig.get("/v1/events?service=orders&after=15")) == ["orders/1/16"])
    }

    @Test func `a page looks at no more than 1,000 events of the log`() throws {
        let written = try Written()
        for _ in 0..<1001 { try written.append("checkout.started", "{}", 1) }
        let rig = try rig(written)
        let first = try rig.get("/v1/events?service=orders&limit=1")
        #expect(try ids(first).isEmpty)
        #expect(try first.json["next"]?.integer == 1000)
        #expect(first.headers["Link"] != nil)
    }

    @Test func `a small page reads little of the log`() throws {
        let written = try Written()
        try written.fill(20)
        try written.appendDamaged()
        let rig = try rig(written)
        let few = try rig.get("/v1/events?service=orders&limit=2")
        #expect(few.status == 200)
        #expect(try ids(few) == ["orders/1/1", "orders/1/4"])
        let many = try rig.get("/v1/events?service=orders&limit=21")
        #expect(many.status == 503 && many.code == "feed-unavailable")
    }

    @Test func `beyond the end a page is empty, and its token names nothing that is not there`()
        throws
    {
        let written = try Written()
        try written.fill(1)
        let rig = try rig(written)
        for after in ["3", "4", "9223372036854775807"] {
            let answer = try rig.get("/v1/events?service=orders&after=\(after)")
            #expect(answer.status == 200)
            #expect(try ids(answer).isEmpty)
            #expect(try answer.json["next"]?.integer == Int64(after))
            let token = try #require(answer.headers["Consistency-Token"])
            #expect(token == rig.freshness.token.description)
        }
    }

    @Test(
        arguments: [
            ("", "service"), ("service=", "service"), ("service=ledger", "service"),
            ("service=Orders", "service"), ("service=orders&service=orders", "service"),
            ("service=orders&after=-1", "after"), ("service=orders&after=x", "after"),
            ("service=orders&after=01", "after"), ("service=orders&after=", "after"),
            ("service=orders&after=9223372036854775808", "after"),
            ("service=orders&limit=0", "limit"), ("service=orders&limit=1001", "limit"),
            ("service=orders&limit=%2B5", "limit"), ("service=orders&from=1", "from"),
        ] as [(String, String)])
    func `a wrong query is refused with the parameter that is wrong`(
        query: String, parameter: String
    ) throws {
        let answer = try rig(try Written()).get("/v1/events?\(query)")
        #expect(answer.status == 400)
        #expect(answer.code == "invalid-query")
        let errors = try answer.json["errors"]?.array ?? []
        #expect(errors.map { $0["parameter"]?.string } == [parameter])
        if parameter == "service", !query.contains("&") {
            let detail = errors.first?["detail"]?.string
            #expect(detail?.hasSuffix("must be one of orders, payments") == true)
        }
    }

    @Test func `a token is checked as with other reads`() throws {
        let written = try Written()
        try written.fill(1)
        let rig = try rig(written)
        func status(_ token: String) throws -> Int {
            try rig.get("/v1/events?service=orders", headers: ["Consistency-Token": token])
                .status.code
        }
        #expect(try status("x") == 400)
        #expect(try status(rig.token("ledger", 1)) == 400)
        // What was acknowledged is in the log; nothing is waited for.
        #expect(try status(rig.token("orders", 3)) == 200)
    }

    @Test func `a feed that cannot be read now asks to come again`() throws {
        let written = try Written()
        let down = try rig(written).get("/v1/events?service=payments")
        #expect(down.status == 503)
        #expect(down.code == "feed-unavailable")
        #expect(down.headers["Retry-After"] == "1")
        try written.append("order.confirmed", "{", 1)
        let damaged = try rig(written).get("/v1/events?service=orders")
        #expect(damaged.status == 503)
    }

    @Test func `what takes long is done aside, and holds up neither metrics nor other reads`()
        throws
    {
        let written = try Written()
        let feeds: [LogName: any Feed] = [LogName("orders"): written.feed]
        let busy = try Rig(feeds: feeds, aside: { _ in false })
        for target in [
            "/v1/events?service=orders", "/v1/reports/orders?by=status",
            "/v1/orders?customer=c&status=placed", "/v1/customers/c/orders?status=placed",
        ] {
            let answer = try busy.get(target)
            #expect(answer.status == 503 && answer.code == "busy")
            #expect(answer.headers["Retry-After"] == "1")
        }
        for target in ["/metrics", "/v1/orders?customer=c", "/v1/orders?status=placed"] {
            #expect(try busy.get(target).status == 200)
        }
        let blind = try Rig(feeds: feeds, asideForMetrics: { _ in false })
        #expect(try blind.get("/metrics").status == 503)
        #expect(try blind.get("/v1/events?service=orders").status == 200)
    }
}

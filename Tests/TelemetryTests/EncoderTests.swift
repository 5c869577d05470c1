import EventSourcing
import Telemetry
import Testing

@Suite struct EncoderTests {
    private func body(_ lots: [SpanLot]) throws -> [UInt8] {
        var (encoder, pile) = (OTLPEncoder(resource), OTLPEncoder.Pile(lots))
        let body = encoder.body(from: &pile)
        #expect(pile.isEmpty && body.spans == lots.reduce(0) { $0 + $1.spans.count })
        return body.bytes
    }

    private func told(_ span: Span) throws -> ToldSpan {
        try #require(try spans(try body([SpanLot(part: "orders", spans: [span])])).first)
    }

    private func told(_ work: Span.Work, failure: String? = nil) throws -> ToldSpan {
        try told(
            Span(
                work, trace: trace, id: SpanID(7), parent: nil,
                start: Timestamp(microseconds: 5), end: Timestamp(microseconds: 5),
                failure: failure))
    }

    @Test func `a body has the resources, the scope and the spans`() throws {
        let bytes = try body([
            SpanLot(part: "payments", spans: [span("a"), span("b")]),
            SpanLot(part: "orders", spans: [span("c")]),
            SpanLot(part: "payments", spans: [span("d")]),
        ])
        let found = try spans(bytes)
        #expect(
            found.map { "\($0.service) \($0.name ?? "")" } == [
                "kassa-orders call c", "kassa-payments call a", "kassa-payments call b",
                "kassa-payments call d",
            ])
        let resources = try JSON(parsing: bytes)["resourceSpans"]?.array ?? []
        #expect(resources.count == 2)
        let text = resources.first?["resource"]?.text ?? ""
        for (key, value) in [
            ("service.version", "{\"stringValue\":\"1.2\"}"),
            ("service.instance.id", "{\"stringValue\":\"run-1\"}"),
            ("process.pid", "{\"intValue\":\"77\"}"),
            ("host.name", "{\"stringValue\":\"till\"}"),
        ] { #expect(text.contains("{\"key\":\"\(key)\",\"value\":\(value)}"), "\(text)") }
        let scope = resources.first?["scopeSpans"]?.array?.first?["scope"]
        #expect(scope?["name"] == .string("kassa") && scope?["version"] == .string("1.2"))
    }

    @Test func `a span has its ids, its times and its failure`() throws {
        let json = try told(span("payment.authorize", failure: "no answer")).json
        #expect(json["traceId"]?.string == trace.description)
        #expect(json["spanId"]?.string == "0000000000000007")
        #expect(json["parentSpanId"]?.string == "0000000000000009")
        #expect(json["startTimeUnixNano"]?.string == "1700000000123456000")
        #expect(json["endTimeUnixNano"]?.string == "1700000001000001000")
        #expect(json["kind"]?.integer == 3 && json["name"]?.string == "call payment.authorize")
        #expect(json["status"]?.text == "{\"code\":2,\"message\":\"no answer\"}")
        let good = try told(.timer(StreamID("order", "o")))
        #expect(good.json["status"] == nil && good.json["parentSpanId"] == nil)
    }

    @Test(
        arguments: [
            0, 1, 999_999, 1_000_000, 1_000_001, 999_999_999_999, 1_000_000_000_000_000,
            9_999_999_999_999_999, 10_000_000_000_000_000, 1_700_000_000_000_009,
        ] as [Int64]) func `a time is its nanoseconds`(microseconds: Int64) throws
    {
        // Twice the same second, and then another.
        let times = [microseconds, microseconds, microseconds + 7_000_000].map {
            Timestamp(microseconds: $0)
        }
        let found = try spans(
            try body([
                SpanLot(
                    part: "orders",
                    spans: times.map {
                        Span(
                            .commit(events: 0), trace: trace, id: SpanID(1), parent: nil,
                            start: $0, end: $0)
                    })
            ]))
        for (told, time) in zip(found, times) {
            let text = time.microseconds == 0 ? "0" : "\(time.microseconds)000"
            #expect(told.json["startTimeUnixNano"]?.string == text)
            #expect(told.json["endTimeUnixNano"]?.string == text)
        }
    }

    @Test func `an end before the start is the start`() throws {
        let json = try told(
            Span(
                .commit(events: 3), trace: trace, id: SpanID(1), parent: nil,
                start: Timestamp(microseconds: 9), end: Timestamp(microseconds: 8))
        ).json
        #expect(json["startTimeUnixNano"] == json["endTimeUnixNano"])
    }

    @Test func `each work has the name, the kind and the attributes of the conventions`() throws {
        let event = Span.Event(
            identity: EventIdentity(
                log: LogName("orders"), epoch: .first, position: Position(42)),
            channel: "to-payments", type: "checkout.step-requested",
            stream: StreamID("checkout", "o-1"))
        let request = try told(
            .request(
                method: "POST", route: "/v1/orders", path: "/v1/orders", status: 503,
                StreamID("order", "o-1")), failure: "answered 503")
        #expect(request.name == "POST /v1/orders" && request.json["kind"]?.integer == 2)
        #expect(request["http.request.method"] == "POST" && request["http.route"] == "/v1/orders")
        #expect(request["http.response.status_code"] == "503")
        #expect(request["url.path"] == "/v1/orders" && request["kassa.order.id"] == "o-1")
        let command = try told(.command("place order", StreamID("order", "o-1")))
        #expect(command.name == "place order" && command.json["kind"]?.integer == 1)
        #expect(command["kassa.order.id"] == "o-1" && command["kassa.stream"] == "order-o-1")
        for (work, name, kind, type) in [
            (.publishing(event), "publish", 4, "send"),
            (.handling(event, reader: "payments"), "process", 5, "process"),
        ] as [(Span.Work, String, Int64, String)] {
            let span = try told(work)
            #expect(span.name == "\(name) checkout.step-requested")
            #expect(span.json["kind"]?.integer == kind)
            #expect(span["messaging.system"] == "nats")
            #expect(span["messaging.operation.type"] == type)
            #expect(span["messaging.operation.name"] == name)
            #expect(
                span["messaging.destination.name"]
                    == "kassa.orders.to-payments.checkout.step-requested")
            #expect(span["messaging.message.id"] == "orders/1/42")
            #expect(span["kassa.order.id"] == "o-1")
        }
        let commit = try told(.commit(events: 12))
        #expect(commit["db.system.name"] == "sqlite" && commit["kassa.events"] == "12")
        #expect(try told(.projection(messages: 5))["kassa.messages"] == "5")
        let stock = try told(.command("receive goods", StreamID("stock", "mug")))
        #expect(stock["kassa.order.id"] == nil && stock["kassa.stream"] == "stock-mug")
        let retold = try told(.retoldHandling(event.identity, reader: "payments"))
        #expect(retold.name == "process" && retold["messaging.message.id"] == "orders/1/42")
    }

    @Test(arguments: ["\"", "\\", "\n\r\t\u{0}\u{1f}\u{7f}", "€🧾\u{301}", ""])
    func `any text goes through`(text: String) throws {
        let span = try told(
            .call(kind: text, key: text, attempt: 3, stream: StreamID("payment", text)),
            failure: "because \(text)")
        #expect(span.name == "call \(text)" && span["kassa.call.key"] == text)
        #expect(span["kassa.order.id"] == text && span["kassa.call.attempt"] == "3")
        #expect(span.json["status"]?["message"]?.string == "because \(text)")
    }

    @Test func `a long failure is cut between two characters`() throws {
        let span = try told(.commit(events: 0), failure: String(repeating: "€", count: 5000))
        let message = span.json["status"]?["message"]?.string ?? ""
        #expect(message.utf8.count == 498 && message.allSatisfy { $0 == "€" })
    }

    @Test func `of many links some are told`() throws {
        let links = (1...50).map { Span.Link(trace, SpanID(UInt64($0))) }
        let json = try told(
            Span(
                .commit(events: 0), trace: trace, id: SpanID(1), parent: nil, start: .epoch,
                end: .epoch, links: links)
        ).json
        let told = json["links"]?.array ?? []
        #expect(told.count == 31 && told.last?["spanId"]?.string == "000000000000001f")
    }

    @Test func `a body has limits, and the rest goes into the next one`() throws {
        let long = String(repeating: "\u{1}", count: 3000)
        var encoder = OTLPEncoder(resource)
        for (count, key) in [(5000, "k"), (200, long)] {
            let names = (0..<count).map { "n\($0)" }
            var pile = OTLPEncoder.Pile(
                stride(from: 0, to: count, by: 70).map { start in
                    SpanLot(
                        part: start % 2 == 0 ? "orders" : "payments",
                        spans: names[start..<min(start + 70, count)].map { span($0, key: key) })
                })
            var found: [String] = []
            while !pile.isEmpty {
                let body = encoder.body(from: &pile)
                #expect(body.bytes.count <= OTLPEncoder.mostBytes)
                #expect((1...OTLPEncoder.mostSpans).contains(body.spans))
                let told = try spans(body.bytes)
                #expect(told.count == body.spans)
                found += told.compactMap(\.name)
            }
            #expect(found.sorted() == names.map { "call \($0)" }.sorted())
        }
    }
}

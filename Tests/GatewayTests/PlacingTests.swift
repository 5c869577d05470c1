import Domain
import EventSourcing
import Gateway
import HTTP
import Messaging
import Projections
import Synchronization
import Testing

@Suite struct PlacingTests {
    @Test func `an order is placed, and the answer says where it is`() throws {
        let rig = try Rig()
        let answer = try rig.post("/v1/orders", goodOrder)
        let call = try #require(rig.services.calls.first)
        #expect(answer.status == 201)
        #expect(answer.headers["Location"] == "/v1/orders/\(call.id)")
        #expect(answer.headers["ETag"] == #""1.1-0.0-0.0-0.0""#)
        #expect(answer.headers["Consistency-Token"] == rig.token("orders", 1))
        #expect(answer.headers["Idempotent-Replayed"] == nil)
        let json = try answer.json
        #expect(json["id"]?.string == call.id && json["status"]?.string == "placed")
        #expect(json["total"]?["text"]?.string == "25.00 GBP")
        #expect(call.draft?.reference == "r-1" && call.draft?.token == "tok_ok")
        #expect(call.context.key == nil && call.context.metadata.actor == "anonymous")
        #expect(call.id.utf8.count == 36)
    }

    @Test func `the business time of an import goes into the metadata`() throws {
        let rig = try Rig()
        let body =
            #"{"currency":"JPY","occurredAt":"2020-02-29T12:00:00+01:00","#
            + #""lines":[{"sku":"A","quantity":1,"unitPrice":500,"description":"x"}]}"#
        #expect(try rig.post("/v1/orders", body).status == 201)
        let call = try #require(rig.services.calls.first)
        #expect(call.context.metadata.occurredAt == Timestamp("2020-02-29T11:00:00Z"))
        #expect(call.draft?.lines.first?.description == "x")
    }

    @Test func `what the carrier goes by is passed on`() throws {
        let rig = try Rig()
        #expect(try rig.post("/v1/orders", goodOrder).status == 201)
        let body = goodOrder.replacing(
            #""reference""#, with: #""shipping":"ship_lost","reference""#)
        #expect(try rig.post("/v1/orders", body).status == 201)
        #expect(rig.services.calls.map { $0.draft?.shipping } == [nil, "ship_lost"])
    }

    @Test(arguments: [
        (#"[]"#, [""]),
        (#"{}"#, ["/currency", "/lines"]),
        (#"{"currency":"gbp","lines":[],"x/y":1}"#, ["/x~1y", "/currency", "/lines"]),
        (#"{"currency":"GBP","lines":{}}"#, ["/lines"]),
        (#"{"currency":7,"lines":[1]}"#, ["/currency", "/lines/0"]),
        (
            #"{"currency":"GBP","lines":[{"sku":" A","quantity":0,"unitPrice":-1,"q":1}]}"#,
            ["/lines/0/q", "/lines/0/sku", "/lines/0/quantity", "/lines/0/unitPrice"]
        ),
        (
            #"{"currency":"GBP","lines":[{"sku":"A","quantity":1.5,"unitPrice":"1"}]}"#,
            ["/lines/0/quantity", "/lines/0/unitPrice"]
        ),
        (
            #"{"currency":"GBP","lines":[{"sku":"A","quantity":1000000,"#
                + #""unitPrice":9223372036854775807}]}"#,
            ["/lines"]
        ),
        (
            #"{"customer":"","contact":"","token":"","reference":"","shipping":"","#
                + #""currency":"GBP","occurredAt":"yesterday","#
                + #""lines":[{"sku":"A","quantity":1,"unitPrice":1}]}"#,
            ["/customer", "/contact", "/token", "/reference", "/shipping", "/occurredAt"]
        ),
        (
            #"{"currency":"GBP","occurredAt":"2100-01-01T00:00:00Z","#
                + #""lines":[{"sku":"A","quantity":1,"unitPrice":1}]}"#,
            ["/occurredAt"]
        ),
    ])
    func `all that is wrong is named at once`(body: String, pointers: [String]) throws {
        let rig = try Rig()
        let answer = try rig.post("/v1/orders", body)
        #expect(answer.status == 422 && answer.code == "invalid-body")
        #expect(answer.headers["Content-Type"] == "application/problem+json")
        #expect(answer.pointers == pointers)
        #expect(rig.services.calls.isEmpty)
    }

    @Test(arguments: ["", "{", "{}x", #"{"a":1,"a":2}"#, "\u{FEFF}{}", "nul"])
    func `what is no JSON is a bad request`(body: String) throws {
        let answer = try Rig().post("/v1/orders", body)
        #expect(answer.status == 400 && answer.code == "malformed-json")
    }

    @Test(arguments: [(375, 201), (420, 422)])
    func `an order is refused that would not go into a message`(description: Int, status: Int)
        throws
    {
        let text = String(repeating: "d", count: description)
        let line = #"{"sku":"A","quantity":1,"unitPrice":1,"description":"\#(text)"}"#
        let lines = Array(repeating: line, count: 1800).joined(separator: ",")
        let rig = try Rig()
        let answer = try rig.post("/v1/orders", #"{"currency":"GBP","lines":[\#(lines)]}"#)
        #expect(answer.status.code == status)
        guard status == 422 else { return }
        #expect(answer.pointers == ["/lines"] && answer.says("786432 at most"))
        #expect(rig.services.calls.isEmpty)
    }

    @Test(arguments: [(1_000_000_000_000, 201), (1_000_000_000_001, 422)])
    func `an order may come to so much and no more`(price: Int, status: Int) throws {
        let body =
            #"{"currency":"GBP","lines":[{"sku":"A","quantity":1,"unitPrice":\#(price)}]}"#
        let answer = try Rig().post("/v1/orders", body)
        #expect(answer.status.code == status)
        #expect(answer.pointers == (status == 422 ? ["/lines"] : []))
    }

    @Test func `orders that are being placed come to so many bytes at most`() throws {
        let rig = try Rig()
        rig.services.held.withLock { $0 = [] }
        let body = Array((goodOrder + String(repeating: " ", count: 7_900_000)).utf8)
        let (port, answers) = (rig.server.port, Results())
        let clients = (0..<4).map { number in
            Worker("placing-\(number)") {
                let answer = try? HTTPClient(port: port).send(
                    .post, "/v1/orders", headers: ["Content-Type": "application/json"], body: body)
                answers.all.withLock { $0.append(answer?.status.code ?? 0) }
            }
        }
        let limit = ContinuousClock.now + .seconds(30)
        while rig.services.held.withLock({ ($0 ?? []).count }) < 4, .now < limit {}
        let refused = try rig.post("/v1/orders", String(decoding: body, as: UTF8.self))
        #expect(refused.status == 503 && refused.code == "busy")
        #expect(refused.headers["Retry-After"] != nil)
        let replies = rig.services.held.withLock { held in
            defer { held = nil }
            return held ?? []
        }
        for reply in replies { reply() }
        for client in clients { client.join() }
        #expect(answers.all.withLock { $0 } == [201, 201, 201, 201])
        #expect(try rig.post("/v1/orders", goodOrder).status == 201)
    }

    private final class Results: Sendable { let all = Mutex<[Int]>([]) }

    @Test func `goods for what can be no SKU are refused with the rule`() throws {
        let answer = try Rig().post("/v1/stock/%C3%A9/receipts", #"{"quantity":1}"#)
        #expect(answer.status == 422 && answer.says("printable ASCII"))
    }

    @Test func `at most a hundred errors are named`() throws {
        let lines = Array(repeating: "{}", count: 200).joined(separator: ",")
        let answer = try Rig().post("/v1/orders", #"{"currency":"GBP","lines":[\#(lines)]}"#)
        #expect(answer.status == 422 && answer.pointers.count == 100)
    }

    @Test(arguments: ["text/plain", "application/jsonx", "", "application/json, text/plain"])
    func `another media type is refused`(type: String) throws {
        let answer = try Rig().post("/v1/orders", goodOrder, ["Content-Type": type])
        #expect(answer.status == 415 && answer.code == "unsupported-media-type")
    }

    @Test func `the media type may have parameters and capitals`() throws {
        let type = "Application/JSON ; charset=utf-8"
        #expect(try Rig().post("/v1/orders", goodOrder, ["Content-Type": type]).status == 201)
    }

    @Test(arguments: [
        (CommandOutcome.refused(code: RefusalCode.invalid, detail: "no"), 422, "invalid-request"),
        (.refused(code: "other", detail: "no"), 409, "other"),
        (.keyReused, 422, "idempotency-key-reused"),
        (.busy, 503, "busy"),
        (.unknown("disk"), 503, "outcome-unknown"),
        (.unavailable("down"), 503, "unavailable"),
    ])
    func `what a service answers has a status and a code`(
        outcome: CommandOutcome, status: Int, code: String
    ) throws {
        let rig = try Rig()
        rig.services.answer(outcome)
        let answer = try rig.post("/v1/orders", goodOrder)
        #expect(answer.status.code == status && answer.code == code)
        #expect((answer.headers["Retry-After"] != nil) == (status == 503))
        let json = try answer.json
        #expect(json["type"]?.string == "/problems/\(code)")
        #expect(json["status"]?.integer == Int64(status))
        #expect(json["instance"]?.string == "/v1/orders" && json["title"]?.string != nil)
        if code == "outcome-unknown" {
            #expect(json["detail"]?.string?.contains("same Idempotency-Key") == true)
        }
    }

    @Test func `a taken reference points to the order that has it`() throws {
        let rig = try Rig()
        rig.services.answer(.referenceTaken(by: try #require(OrderID("other-1"))))
        let answer = try rig.post("/v1/orders", goodOrder)
        #expect(answer.status == 409 && answer.code == "reference-taken")
        #expect(answer.pointers == ["/reference"])
        #expect(try answer.json["conflicting"]?.string == "/v1/orders/other-1")
    }

    @Test func `a repeated request is answered with the first one's order`() throws {
        let rig = try Rig()
        let first = EventIdentity(log: LogName("orders"), epoch: .first, position: Position(41))
        rig.services.answer(.accepted(first, Version(1), replayed: true, id: "first-id"))
        let answer = try rig.post("/v1/orders", goodOrder, ["Idempotency-Key": "\"k-1\""])
        #expect(answer.status == 201 && answer.headers["Idempotent-Replayed"] == "true")
        #expect(answer.headers["Location"] == "/v1/orders/first-id")
        #expect(answer.headers["ETag"] == OrderDetail.entityTag(placedAt: first))
    }

    @Test func `a key comes with its principal and what tells its request from others`() throws {
        let rig = try Rig()
        let other = goodOrder.replacing("c-1", with: "c-2")
        for (target, body) in [
            ("/v1/orders", goodOrder), ("/v1/orders", goodOrder), ("/v1/orders", other),
        ] {
            _ = try rig.post(target, body, ["Idempotency-Key": "k-1"])
        }
        _ = try rig.post("/v1/orders/a/cancellation", "{}", ["Idempotency-Key": "k-1"])
        _ = try rig.post("/v1/orders/b/cancellation", "{}", ["Idempotency-Key": "k-1"])
        let keys = try rig.services.calls.map { try #require($0.context.key) }
        #expect(keys.allSatisfy { $0.principal == "anonymous" && $0.key == "k-1" })
        #expect(keys[0] == keys[1] && Set(keys.map(\.digest)).count == 4)
        #expect(keys.allSatisfy { $0.digest.count == 32 })
    }

    @Test func `an impossible key is refused`() throws {
        for key in ["", "\"\"", String(repeating: "k", count: 129), "é"] {
            let answer = try Rig().post("/v1/orders", goodOrder, ["Idempotency-Key": key])
            #expect(answer.status == 400 && answer.code == "invalid-idempotency-key")
        }
        let twice: HTTPHeaders = ["Idempotency-Key": "a", "Idempotency-Key": "b"]
        #expect(try Rig().post("/v1/orders", goodOrder, twice).status == 400)
    }

    @Test func `an answer's token includes what the client had seen`() throws {
        let rig = try Rig()
        let seen = rig.token("payments", 5)
        let answer = try rig.post("/v1/orders", goodOrder, ["Consistency-Token": seen])
        let token = try #require(ConsistencyToken(answer.headers["Consistency-Token"] ?? ""))
        #expect(token.marks.map(\.log.value) == ["orders", "payments"])
    }
}

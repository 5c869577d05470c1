import EventSourcing
import Foundation
import HTTP
import Testing

/// Requests that are wrong in every way: each is refused as a problem, and the shop lives on.
@Suite(.scenarios) struct HostileTests {
    private static let line = #"{"sku":"mug","quantity":1,"unitPrice":750}"#

    private static func order(_ lines: String, _ more: String = "") -> String {
        #"{"currency":"GBP","lines":[\#(lines)]\#(more)}"#
    }

    private static let bodies: [(name: String, body: String, status: Int)] = [
        ("nothing", "", 400), ("broken", "{", 400), ("two values", "{} {}", 400),
        ("a bare word", "nul", 400), ("a trailing comma", #"{"lines":[],}"#, 400),
        ("a member twice", #"{"currency":"GBP","currency":"EUR"}"#, 400),
        ("deep nesting", String(repeating: "[", count: 100_000), 400),
        ("deep objects", String(repeating: #"{"a":"#, count: 50_000), 400),
        ("a lone surrogate", order(#"{"sku":"\ud800","quantity":1,"unitPrice":1}"#), 400),
        ("an array", "[]", 422), ("a number", "1", 422), ("null", "null", 422),
        ("empty", "{}", 422),
        ("an unknown field", order(line, #","discount":5"#), 422),
        (
            "an unknown field in a line", order(#"{"sku":"a","quantity":1,"unitPrice":1,"x":1}"#),
            422
        ),
        ("no lines", order(""), 422), ("lines of null", order("null"), 422),
        ("quantity 0", order(#"{"sku":"a","quantity":0,"unitPrice":1}"#), 422),
        ("quantity below 0", order(#"{"sku":"a","quantity":-1,"unitPrice":1}"#), 422),
        ("half a quantity", order(#"{"sku":"a","quantity":0.5,"unitPrice":1}"#), 422),
        ("a quantity of text", order(#"{"sku":"a","quantity":"1","unitPrice":1}"#), 422),
        ("a price below 0", order(#"{"sku":"a","quantity":1,"unitPrice":-1}"#), 422),
        ("a price above 64 bits", order(#"{"sku":"a","quantity":1,"unitPrice":1e30}"#), 422),
        (
            "a line that overflows",
            order(#"{"sku":"a","quantity":2,"unitPrice":9223372036854775807}"#), 422
        ),
        (
            "a total that overflows",
            order(
                Array(
                    repeating: #"{"sku":"a","quantity":1,"unitPrice":9223372036854775807}"#,
                    count: 2
                ).joined(separator: ",")), 422
        ),
        ("3,000 lines", order(Array(repeating: line, count: 3000).joined(separator: ",")), 422),
        ("an unknown currency", #"{"currency":"XXQ","lines":[\#(line)]}"#, 422),
        ("a SKU that ends with a space", order(#"{"sku":"a ","quantity":1,"unitPrice":1}"#), 422),
        ("an endless SKU", order(#"{"sku":"\#(long)","quantity":1,"unitPrice":1}"#), 422),
        ("an endless reference", order(line, #","reference":"\#(long)""#), 422),
        ("a customer with a line break", order(line, #","customer":"a\nb""#), 422),
        ("a time to come", order(line, #","occurredAt":"2999-01-01T00:00:00Z""#), 422),
        ("a time that is none", order(line, #","occurredAt":"yesterday""#), 422),
    ]
    private static let long = String(repeating: "k", count: 10_000)

    @Test func `wrong bodies are refused as problems`() throws {
        let shop = try RunningShop.fresh()
        for (name, body, status) in Self.bodies {
            let answer = try shop.post("/v1/orders", body)
            #expect(answer.status == status, "\(name): \(answer)")
            #expect(answer.isProblem, "\(name): \(answer) \(answer.headers.fields)")
        }
        let invalid = Array(Self.order(#"{"sku":""#).utf8) + [0xFF, 0xC0, 0x80]
        let answer = Answer(
            try shop.client.send(
                .post, "/v1/orders", headers: ["Content-Type": "application/json"], body: invalid))
        #expect(answer.status == 400 && answer.isProblem, "\(answer)")
        let huge = try shop.post("/v1/orders", String(repeating: " ", count: 9 * 1024 * 1024))
        #expect(huge.status == 413 && huge.isProblem, "\(huge)")
        #expect(try Shopctl.events("orders", in: shop.folder).isEmpty)
        #expect(try shop.ended()["status"] == "completed")
    }

    @Test func `wrong headers, methods and paths are refused as problems`() throws {
        let shop = try RunningShop.fresh()
        let order = Self.order(Self.line)
        let posts: [(HTTPHeaders, Int)] = [
            (["Content-Type": "text/plain"], 415), (["Content-Type": "application/jsonx"], 415),
            (["Content-Type": ""], 415), (["Idempotency-Key": ""], 400),
            (["Idempotency-Key": String(repeating: "k", count: 129)], 400),
            (["Idempotency-Key": Self.long], 431), (["Idempotency-Key": "ключ"], 400),
            (["Idempotency-Key": "a", "idempotency-key": "b"], 400),
        ]
        for (headers, status) in posts {
            let answer = try shop.post("/v1/orders", order, headers)
            #expect(answer.status == status && answer.isProblem, "\(headers.fields): \(answer)")
        }
        for token in ["x", "", "AAAA", Self.long.prefix(4000) + "", "!!", "ä"] {
            let answer = try shop.get("/v1/stock/mug", ["Consistency-Token": token])
            #expect(answer.status == 400 && answer.isProblem, "\(token): \(answer)")
        }
        let targets: [(HTTPMethod, String, Int)] = [
            (.put, "/v1/orders", 405), (.delete, "/v1/orders/x", 405),
            (.put, "/v1/payments/x", 405),
            (.get, "/v1/orders?status=lost", 400), (.get, "/v1/orders?from=today", 400),
            (.get, "/v1/orders?limit=501", 400), (.get, "/v1/orders?cursor=AAAA", 400),
            (.get, "/v1/orders?colour=red", 400), (.get, "/v1/orders?from=2026-02-02&to=2026", 400),
            (.get, "/v1/payments/x", 404), (.get, "/v1/deliveries/x", 404),
            (.get, "/v1/notifications", 400), (.get, "/v1/notifications?order=x", 404),
            (.get, "/v1/reports/revenue?by=year", 400), (.get, "/v1/reports/orders", 400),
            (.get, "/v1/events?service=shoes", 400), (.get, "/v1/events", 400),
            (.post, "/v1/projections/nothing/rebuild", 404),
            (.get, "/", 404), (.get, "/v2/orders/x", 404), (.get, "/v1/orders/x", 404),
            (.get, "/v1/orders/..%2f..%2fetc", 404),
            (.get, "/v1/stock/nothing", 404), (.get, "/v1/orders/x/timeline?limit=0", 400),
            (.get, "/v1/orders/x/timeline?after=x", 400),
            (.get, "/v1/orders/" + Self.long, 414),
        ]
        for (method, target, status) in targets {
            let answer = Answer(try shop.client.send(method, target))
            #expect(answer.status == status && answer.isProblem, "\(target.prefix(40)): \(answer)")
        }
        #expect(try Shopctl.events("orders", in: shop.folder).isEmpty)
        #expect(try shop.ended()["status"] == "completed")
        #expect(shop.alarms.isEmpty, "\(shop.notices)")
    }
}

import EventSourcing
import Foundation
import Gateway
import Glibc
import HTTP
import Projections
import Synchronization
import Testing

@Suite struct ReadingTests {
    /// An answer that is asked for on another thread; taken within ten seconds.
    final class Pending: Sendable {
        private let answer = Mutex<HTTPResponse?>(nil)

        init(_ client: HTTPClient, _ target: String, _ headers: HTTPHeaders) {
            Foundation.Thread.detachNewThread { [self] in
                let response = try? client.get(target, headers: headers)
                answer.withLock { $0 = response ?? HTTPResponse(599) }
            }
        }

        func get() throws -> HTTPResponse {
            for _ in 0..<10_000 {
                if let answer = answer.withLock({ $0 }) { return answer }
                usleep(1000)
            }
            throw Unexpected()
        }
    }

    private func untilWaiting(_ rig: Rig) throws {
        for _ in 0..<10_000 {
            if rig.freshness.waiterCount > 0 { return }
            usleep(1000)
        }
        throw Unexpected()
    }

    @Test func `an order is shown with lines, total and how all machines stand`() throws {
        let rig = try Rig()
        try rig.recordOrder("o-1")
        try rig.record("payments", "payment-o-1", "payment.authorized", "{}")
        try rig.record("deliveries", "delivery-o-1", "delivery.handed-over", #"{"tracking":"T"}"#)
        let answer = try rig.get("/v1/orders/o-1")
        #expect(answer.status == 200 && answer.headers["Content-Type"] == "application/json")
        let json = try answer.json
        #expect(json["status"]?.string == "shipped")
        #expect(json["payment"]?["status"]?.string == "authorized")
        #expect(json["delivery"]?["tracking"]?.string == "T")
        #expect(json["total"]?["minor"]?.integer == 2500)
        #expect(json["total"]?["text"]?.string == "25.00 GBP")
        #expect(json["lines"]?.array?.first?["unitPrice"]?["text"]?.string == "12.50 GBP")
        #expect(answer.headers["Cache-Control"] == "private, no-cache")
        let token = try #require(ConsistencyToken(answer.headers["Consistency-Token"] ?? ""))
        #expect(token.marks.map(\.log.value) == ["deliveries", "orders", "payments"])
    }

    @Test func `what the client has is not sent again until it changes`() throws {
        let rig = try Rig()
        try rig.recordOrder("o-1")
        let tag = try #require(try rig.get("/v1/orders/o-1").headers["ETag"])
        #expect(tag == #""1.1-0.0-0.0-0.0""#)
        for header in [tag, "\"x\", W/\(tag)", "*"] {
            let same = try rig.get("/v1/orders/o-1", headers: ["If-None-Match": header])
            #expect(same.status == 304 && same.body.isEmpty && same.headers["ETag"] == tag)
            #expect(same.headers["Consistency-Token"] != nil)
        }
        try rig.record("payments", "payment-o-1", "payment.declined", #"{"reason":"no"}"#)
        let changed = try rig.get("/v1/orders/o-1", headers: ["If-None-Match": tag])
        #expect(changed.status == 200 && changed.headers["ETag"] != tag)
    }

    @Test func `an order that is not there is not found`() throws {
        let rig = try Rig()
        try rig.record("payments", "payment-o-9", "payment.authorized", "{}")
        for target in [
            "/v1/orders/o-9", "/v1/orders/none", "/v1/orders/a%20b", "/v1/orders/none/timeline",
        ] {
            let answer = try rig.get(target)
            #expect(answer.status == 404 && answer.code == "order-not-found")
        }
        #expect(try rig.get("/v1/stock/none").code == "sku-not-found")
    }

    @Test func `a read waits for what its token names`() throws {
        let rig = try Rig()
        let pending = Pending(
            rig.client, "/v1/orders/o-1", ["Consistency-Token": rig.token("orders", 1)])
        try untilWaiting(rig)
        try rig.recordOrder("o-1")
        #expect(try rig.take(pending).status == 200)
    }

    @Test func `a read that waited too long is told to come again`() throws {
        let rig = try Rig()
        let pending = Pending(
            rig.client, "/v1/orders/o-1", ["Consistency-Token": rig.token("orders", 1)])
        try untilWaiting(rig)
        rig.freshness.expire(at: rig.runtime.now() + .milliseconds(1999))
        #expect(rig.freshness.waiterCount == 1)
        rig.runtime.advance(by: .seconds(2))
        rig.freshness.expire(at: rig.runtime.now())
        let answer = try rig.take(pending)
        #expect(answer.status == 503 && answer.code == "not-yet-visible")
        #expect(answer.headers["Retry-After"] == "1")
    }

    @Test func `a client that says so reads what there is, and how much is missing`() throws {
        let rig = try Rig()
        try rig.recordOrder("o-1")
        let pending = Pending(
            rig.client, "/v1/orders/o-1",
            ["Consistency-Token": rig.token("orders", 4), "Consistency": "stale-ok"])
        try untilWaiting(rig)
        rig.freshness.expire(at: rig.runtime.now() + .seconds(2))
        let answer = try rig.take(pending)
        #expect(answer.status == 200 && answer.headers["Projection-Lag"] == "orders=3")
        #expect(answer.headers["Consistency-Token"] == rig.token("orders", 1))
    }

    @Test func `a token that is none, or of an unknown log, is refused`() throws {
        let rig = try Rig()
        for token in ["", "x", rig.token("orders", 1) + "A", rig.token("weather", 1)] {
            let answer = try rig.get(
                "/v1/orders/o-1", headers: ["Consistency-Token": token])
            #expect(answer.status == 400 && answer.code == "invalid-consistency-token")
        }
    }

    @Test func `a stale projection says so in every answer`() throws {
        let rig = try Rig()
        try rig.recordOrder("o-1")
        #expect(throws: Unexpected.self) {
            try rig.record("orders", "order-o-1", "order.rejected", "{}")
        }
        let answer = try rig.get("/v1/orders/o-1")
        #expect(answer.status == 200)
        #expect(answer.headers["Projection-Stale"]?.contains("stands still") == true)
        #expect(try rig.get("/readyz").status == 503)
    }

    @Test func `a timeline comes in pages that link to the next`() throws {
        let rig = try Rig()
        try rig.recordOrder("o-1")
        for type in ["payment.authorization-requested", "payment.authorized", "payment.captured"] {
            try rig.record("payments", "payment-o-1", type, "{}")
        }
        var target: String? = "/v1/orders/o-1/timeline?limit=3"
        var types: [String] = []
        var pages = 0
        while let next = target {
            let answer = try rig.get(next)
            #expect(answer.status == 200)
            pages += 1
            for event in try answer.json["events"]?.array ?? [] {
                types.append(event["type"]?.string ?? "?")
            }
            target = answer.headers["Link"].flatMap { link in
                link.split(separator: ">").first.map { String($0.dropFirst()) }
            }
        }
        #expect(pages == 2 && Set(types).count == 4 && types.count == 4)
        for query in ["limit=0", "limit=501", "limit=x", "after=1", "limit=%2B1"] {
            let wrong = try rig.get("/v1/orders/o-1/timeline?\(query)")
            #expect(wrong.status == 400 && wrong.code == "invalid-query")
        }
    }

    @Test func `stock is shown with what is left of it`() throws {
        let rig = try Rig()
        try rig.record("deliveries", "stock-A-1", "stock.received", #"{"sku":"A-1","quantity":9}"#)
        try rig.record(
            "deliveries", "reservation-o-1", "reservation.made",
            #"{"lines":[{"sku":"A-1","quantity":2}]}"#)
        let answer = try rig.get("/v1/stock/A-1")
        let json = try answer.json
        #expect(json["onHand"]?.integer == 9 && json["reserved"]?.integer == 2)
        #expect(json["available"]?.integer == 7)
        let tag = try #require(answer.headers["ETag"])
        #expect(try rig.get("/v1/stock/A-1", headers: ["If-None-Match": tag]).status == 304)
    }

    @Test func `readiness looks at the projection itself`() throws {
        let rig = try Rig()
        #expect(try rig.get("/livez").status == 200)
        #expect(try rig.get("/readyz").status == 200)
        for state in [
            Readiness(heartbeatAge: nil, isCaughtUp: true),
            Readiness(heartbeatAge: .seconds(6), isCaughtUp: true),
            Readiness(heartbeatAge: .zero, isCaughtUp: false),
            Readiness(heartbeatAge: .zero, isCaughtUp: true, staleReason: "poison"),
        ] {
            rig.ready.set(state)
            let answer = try rig.get("/readyz")
            #expect(answer.status == 503 && answer.code == "not-ready")
            #expect(answer.headers["Retry-After"] != nil)
            #expect(try rig.get("/livez").status == 200)
        }
    }

    @Test func `a HEAD request is answered as a GET, without the body`() throws {
        let rig = try Rig()
        try rig.recordOrder("o-1")
        let answer = try rig.send(.head, "/v1/orders/o-1")
        #expect(answer.status == 200 && answer.body.isEmpty && answer.headers["ETag"] != nil)
    }
}

extension Rig {
    /// Stays up until the answer is there.
    fileprivate func take(_ pending: ReadingTests.Pending) throws -> HTTPResponse {
        try pending.get()
    }
}

import Domain
import EventSourcing
import EventStore
import Gateway
import HTTP
import Messaging
import Synchronization
import Testing

/// What operators see and do, over HTTP.
@Suite struct OperatorRouteTests {
    private static let by = #""by":"ann","why":"paid in cash""#

    /// A gateway of a shop with these services.
    private func rig() throws -> Rig {
        let feeds = ["orders", "payments"].map { (LogName($0), NoFeed() as any Feed) }
        return try Rig(feeds: Dictionary(uniqueKeysWithValues: feeds))
    }

    @Test func `parked messages are asked for by service, source, key and place`() throws {
        let rig = try rig()
        rig.services.shown.withLock { $0 = .success(Array(#"{"messages":[]}"#.utf8)) }
        let target =
            "/v1/parked?service=payments&source=orders%2Fto-payments&key=o-1&limit=7"
            + "&cursor=orders%2Fto-payments%4012"
        let answer = try rig.get(target)
        #expect(answer.status == 200 && answer.body == Array(#"{"messages":[]}"#.utf8))
        var query = ParkedQuery()
        (query.source, query.key, query.limit) = ("orders/to-payments", "o-1", 7)
        query.cursor = .init(source: "orders/to-payments", position: Position(12))
        #expect(rig.services.looks.withLock { $0 } == ["parked payments \(query)"])
    }

    @Test(arguments: [
        ("/v1/parked", "service"), ("/v1/parked?service=kitchen", "service"),
        ("/v1/parked?service=orders&limit=0", "limit"),
        ("/v1/parked?service=orders&limit=201", "limit"),
        ("/v1/parked?service=orders&cursor=12", "cursor"),
        ("/v1/parked?service=orders&colour=red", "colour"),
        ("/v1/sagas?stuck=yes", "stuck"), ("/v1/sagas?step=dance", "step"),
        ("/v1/sagas?cursor=a%20b", "cursor"),
    ])
    func `a query that cannot be is refused by name`(target: String, name: String) throws {
        let rig = try rig()
        let answer = try rig.get(target)
        #expect(answer.status == 400 && answer.code == "invalid-query")
        #expect(try answer.json["errors"]?.array?.first?["parameter"]?.string == name)
        #expect(rig.services.looks.withLock { $0.isEmpty })
    }

    @Test func `a checkout is shown with what of it is parked, without the data`() throws {
        let rig = try rig()
        let message = #"{"source":"s","position":3,"key":"o-1","data":{}}"#
        rig.services.shown.withLock {
            $0 = .success(Array(#"{"order":"o-1","messages":[\#(message)]}"#.utf8))
        }
        let answer = try rig.get("/v1/sagas/o-1")
        #expect(answer.status == 200)
        let parked = try #require(try answer.json["parked"]?.array)
        #expect(parked.map { $0["service"]?.string } == ["orders", "payments"])
        #expect(parked.allSatisfy { $0["position"]?.integer == 3 && $0["data"] == nil })
        rig.services.shown.withLock { $0 = .success(nil) }
        #expect(try rig.get("/v1/sagas/o-9").status == 404)
        rig.services.shown.withLock { $0 = .failure(Unexpected()) }
        let away = try rig.get("/v1/sagas/o-1")
        #expect(away.status == 503 && away.code == "service-unavailable")
        #expect(try rig.get("/v1/sagas").status == 503)
    }

    @Test func `an act on parked messages is the operator's, and tells what came of it`() throws {
        let rig = try rig()
        let answer = try rig.post(
            "/v1/parked/payments/acts",
            #"{"act":"retry","source":"s","key":"o-1","dryRun":true,\#(Self.by)}"#)
        #expect(answer.status == 200)
        let json = try answer.json
        #expect(json["applied"]?.integer == 3 && json["left"]?.integer == 1)
        #expect(json["stopped"]?["position"]?.integer == 14)
        #expect(json["dryRun"] == .bool(true))
        _ = try rig.post(
            "/v1/parked/payments/acts",
            #"{"act":"edit","source":"s","key":"o-1","position":4,"data":{"a":1},\#(Self.by)}"#)
        _ = try rig.post(
            "/v1/parked/orders/acts",
            #"{"act":"discard","source":"s","key":"o-1","position":4,\#(Self.by)}"#)
        let kinds: [ParkedAct.Kind] = [
            .retry, .edit(Position(4), data: Array(#"{"a":1}"#.utf8)), .discard(Position(4)),
        ]
        #expect(rig.services.calls.map(\.what) == kinds.map { "parked \($0)" })
        #expect(rig.services.calls.map(\.quantity) == [0, 1, 1])
        #expect(rig.services.calls.allSatisfy { $0.context.metadata.actor == "operator:ann" })
        #expect(rig.services.calls.allSatisfy { $0.text == "paid in cash" })
    }

    @Test(arguments: [
        (#"{"act":"dance","source":"s","key":"k",\#(by)}"#, ["/act"]),
        (#"{"act":"retry","source":"s","key":"k"}"#, ["/by"]),
        (#"{"act":"retry","source":"s","key":"k","by":"","why":"w"}"#, ["/why"]),
        (#"{"act":"discard","source":"s","key":"k",\#(by)}"#, ["/position"]),
        (#"{"act":"edit","source":"s","key":"k","position":1,"data":[],\#(by)}"#, ["/data"]),
        (#"{"act":"retry","dryRun":"no",\#(by)}"#, ["/source", "/key", "/dryRun"]),
    ])
    func `an act that cannot be is refused, and none is tried`(body: String, pointers: [String])
        throws
    {
        let rig = try rig()
        let answer = try rig.post("/v1/parked/payments/acts", body)
        #expect(answer.status == 422 && answer.pointers == pointers)
        #expect(rig.services.calls.isEmpty)
        #expect(try rig.post("/v1/parked/kitchen/acts", body).status == 404)
    }

    @Test func `a checkout is steered, and the answer names what is on record`() throws {
        let rig = try rig()
        for body in [
            #"{"act":"retry",\#(Self.by)}"#, #"{"act":"skip","step":"pack",\#(Self.by)}"#,
            #"{"act":"compensate",\#(Self.by)}"#,
        ] {
            let answer = try rig.post("/v1/sagas/o-1/acts", body)
            #expect(answer.status == 200 && answer.headers["Consistency-Token"] != nil)
            #expect(try answer.json["event"]?.string?.hasPrefix("orders/1/") == true)
        }
        #expect(
            rig.services.calls.map(\.what)
                == [Steering.retry, .skip(step: "pack"), .compensate].map { "\($0)" })
        #expect(rig.services.calls.allSatisfy { $0.context.metadata.actor == "operator:ann" })
        for body in [
            #"{"act":"skip",\#(Self.by)}"#, #"{"act":"retry","step":"pack",\#(Self.by)}"#,
        ] {
            #expect(try rig.post("/v1/sagas/o-1/acts", body).pointers == ["/act"])
        }
        rig.services.answer(.refused(code: "step-not-pending", detail: "that is 'pack'"))
        let refused = try rig.post("/v1/sagas/o-1/acts", #"{"act":"retry",\#(Self.by)}"#)
        #expect(refused.status == 409 && refused.code == "step-not-pending")
        rig.services.answer(.refused(code: RefusalCode.notParked, detail: "none"))
        #expect(
            try rig.post(
                "/v1/parked/orders/acts", #"{"act":"retry","source":"s","key":"k",\#(Self.by)}"#
            ).status == 404)
    }

    @Test func `an order is corrected in what is named`() throws {
        let rig = try rig()
        let answer = try rig.post(
            "/v1/orders/o-1/corrections", #"{"customer":"bob","contact":"b@b.example",\#(Self.by)}"#
        )
        #expect(answer.status == 200)
        #expect(rig.services.calls.map(\.what) == ["correct bob"])
        #expect(rig.services.calls.first?.text == "b@b.example")
        let nothing = try rig.post("/v1/orders/o-1/corrections", "{\(Self.by)}")
        #expect(nothing.status == 422 && nothing.pointers == ["/customer"])
        let long = String(repeating: "a", count: 2901)
        let wrong = try rig.post(
            "/v1/orders/o-1/corrections",
            #"{"customer":"a b","contact":"\#(long)",\#(Self.by)}"#)
        #expect(wrong.pointers == ["/customer", "/contact"])
    }
}

private final class NoFeed: Feed {
    func read(_ channel: String, after position: Position, limit: Int) throws(FeedError)
        -> FeedPage
    { throw .unavailable("there is none") }

    func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict {
        throw .unavailable("there is none")
    }
}

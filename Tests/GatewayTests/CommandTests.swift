import EventSourcing
import Gateway
import HTTP
import Testing

@Suite struct CommandTests {
    @Test func `a cancellation is taken, with or without a reason`() throws {
        let rig = try Rig()
        let answer = try rig.post("/v1/orders/o-1/cancellation", #"{"reason":"changed my mind"}"#)
        #expect(answer.status == 202 && answer.headers["Location"] == "/v1/orders/o-1")
        #expect(answer.headers["Consistency-Token"] == rig.token("orders", 1))
        #expect(try answer.json["status"]?.string == "cancelling")
        let bare = try rig.send(.post, "/v1/orders/o-1/cancellation")
        #expect(bare.status == 202)
        #expect(rig.services.calls.map(\.text) == ["changed my mind", "cancelled by the customer"])
    }

    @Test func `a cancellation that comes too late, or of no order, is refused`() throws {
        let rig = try Rig()
        rig.services.answer(.refused(code: RefusalCode.tooLate, detail: "it was handed over"))
        let late = try rig.post("/v1/orders/o-1/cancellation", "{}")
        #expect(late.status == 409 && late.code == "too-late")
        rig.services.answer(.refused(code: RefusalCode.unknownOrder, detail: "no such order"))
        #expect(try rig.post("/v1/orders/o-1/cancellation", "{}").status == 404)
        #expect(try rig.post("/v1/orders/o%20x/cancellation", "{}").status == 404)
        let wrong = try rig.post("/v1/orders/o-1/cancellation", #"{"why":"?","reason":""}"#)
        #expect(wrong.status == 422 && wrong.pointers == ["/why", "/reason"])
    }

    @Test(arguments: [(IntakeRefusal.diskFull, "disk-full"), (.overloaded, "overloaded")])
    func `where nothing new is taken a cancellation is`(refusal: IntakeRefusal, code: String)
        throws
    {
        let rig = try Rig(intakeRefusal: { refusal })
        for path in ["/v1/orders", "/v1/stock/mug/receipts"] {
            let refused = try rig.post(path, "{}")
            #expect(refused.status == 503 && refused.code == code)
            #expect(refused.headers["Retry-After"] != nil)
        }
        #expect(rig.services.calls.isEmpty)
        #expect(try rig.post("/v1/orders/o-1/cancellation", "{}").status == 202)
    }

    @Test func `goods come in`() throws {
        let rig = try Rig()
        let answer = try rig.post(
            "/v1/stock/A%2F1/receipts", #"{"quantity":5,"reference":"d-9"}"#)
        #expect(answer.status == 201 && answer.headers["Location"] == "/v1/stock/A%2F1")
        #expect(answer.headers["Consistency-Token"] == rig.token("deliveries", 1))
        let call = try #require(rig.services.calls.first)
        #expect(call.id == "A/1" && call.quantity == 5 && call.text == "d-9")
        for body in ["{}", #"{"quantity":0}"#, #"{"quantity":1000000001}"#, #"{"quantity":"5"}"#] {
            let wrong = try rig.post("/v1/stock/A/receipts", body)
            #expect(wrong.status == 422 && wrong.pointers == ["/quantity"])
        }
    }

    @Test func `a receipt's reference brings goods in once`() throws {
        let rig = try Rig()
        let body = #"{"quantity":5,"reference":"d-9"}"#
        let identity = EventIdentity(
            log: LogName("deliveries"), epoch: .first, position: Position(7))
        rig.services.answer(.accepted(identity, Version(3), replayed: true, id: "A"))
        let known = try rig.post("/v1/stock/A/receipts", body)
        #expect(known.status == 201 && known.headers["Idempotent-Replayed"] == "true")
        #expect(known.headers["Consistency-Token"] == rig.token("deliveries", 7))
        rig.services.answer(.refused(code: RefusalCode.referenceTaken, detail: "of 4 pieces"))
        let taken = try rig.post("/v1/stock/A/receipts", body)
        #expect(taken.status == 409 && taken.code == "reference-taken")
        #expect(taken.headers["Idempotent-Replayed"] == nil)
        #expect(try taken.json["detail"]?.string == "of 4 pieces")
    }

    @Test func `unknown paths and methods are problems too`() throws {
        let rig = try Rig()
        let lost = try rig.get("/v2/orders")
        #expect(lost.status == 404 && lost.code == "not-found")
        #expect(lost.headers["Content-Type"] == "application/problem+json")
        let wrong = try rig.send(.delete, "/v1/orders/o-1")
        #expect(wrong.status == 405 && wrong.code == "method-not-allowed")
        #expect(wrong.headers["Allow"] == "GET, HEAD")
    }
}

@Suite struct TracingTests {
    private let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func `trace and correlation go into the metadata and come back`() throws {
        let rig = try Rig()
        let headers: HTTPHeaders = ["traceparent": parent, "X-Correlation-Id": "import 7"]
        let answer = try rig.post("/v1/orders", goodOrder, headers)
        #expect(answer.headers["traceparent"] == parent)
        #expect(answer.headers["X-Correlation-Id"] == "import 7")
        let metadata = try #require(rig.services.calls.first).context.metadata
        #expect(metadata.trace == parent && metadata.correlation == "import 7")
        let problem = try rig.post("/v1/orders", "{}", headers)
        #expect(try problem.json["traceId"]?.string == "4bf92f3577b34da6a3ce929d0e0e4736")
    }

    @Test func `a trace that nobody sent is answered, and not recorded`() throws {
        let rig = try Rig()
        for headers in [[:], ["traceparent": "00-x"]] as [HTTPHeaders] {
            let answer = try rig.post("/v1/orders", goodOrder, headers)
            #expect(answer.headers["traceparent"]?.utf8.count == 55)
        }
        #expect(rig.services.calls.count == 2)
        #expect(rig.services.calls.allSatisfy { $0.context.metadata.trace == nil })
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
    ])
    func `a malformed trace is replaced by a fresh one`(text: String) throws {
        let answer = try Rig().get("/livez", headers: ["traceparent": text])
        let fresh = try #require(answer.headers["traceparent"])
        #expect(fresh != text && fresh.utf8.count == 55)
    }

    @Test func `a trace of a later version is read as far as it is known`() throws {
        let later = "cc" + parent.dropFirst(2) + "-more"
        let answer = try Rig().get("/livez", headers: ["traceparent": later])
        #expect(answer.headers["traceparent"] == parent)
    }

    @Test func `an impossible correlation is replaced by a fresh one`() throws {
        for text in ["", String(repeating: "c", count: 129), "é"] {
            let answer = try Rig().get("/livez", headers: ["X-Correlation-Id": text])
            #expect(answer.headers["X-Correlation-Id"]?.utf8.count == 36)
        }
    }
}

import EventSourcing
import Gateway
import Glibc
import HTTP
import Telemetry
import Testing

/// What a gateway tells of its requests where tracing is on.
@Suite struct SpanTests {
    private let queue = SpanQueue()
    private let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private func rig(share: Double = 1) throws -> Rig {
        try Rig(tracer: Tracer(part: "gateway", sampler: Sampler(share: share), queue: queue))
    }

    /// The next span; a request's is told after its answer.
    private func span() throws -> Span {
        for _ in 0..<5000 {
            if let span = queue.take(1).first?.spans.first { return span }
            usleep(1000)
        }
        throw Unexpected()
    }

    @Test func `a request's trace is its correlation's, in the answer and in its span`() throws {
        let rig = try rig()
        let answer = try rig.post("/v1/orders", goodOrder)
        let span = try span()
        let correlation = try #require(answer.headers["X-Correlation-Id"])
        #expect(span.trace == TraceID(correlation: correlation) && span.parent == nil)
        #expect(answer.headers["traceparent"] == "00-\(span.trace)-\(span.id)-01")
        let call = try #require(rig.services.calls.first)
        // What is recorded has no more in it than without tracing.
        #expect(call.context.metadata.trace == nil)
        #expect(span.id == TraceOrigin(call.context.metadata).request(call.id))
        guard case .request("POST", "/v1/orders", "/v1/orders", 201, let stream) = span.work else {
            Issue.record("\(span.work)")
            return
        }
        #expect(stream == StreamID("order", call.id) && span.failure == nil)
    }

    @Test func `a client's trace goes on, under the client's span`() throws {
        let rig = try rig(share: 0)
        let answer = try rig.post(
            "/v1/stock/A-1/receipts", #"{"quantity":5}"#, ["traceparent": parent])
        #expect(answer.headers["traceparent"] == parent)
        let span = try span()
        #expect(span.trace.description == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(span.parent?.description == "00f067aa0ba902b7")
        let metadata = try #require(rig.services.calls.first).context.metadata
        #expect(span.id == TraceOrigin(metadata).request("A-1"))
    }

    @Test func `what is not sampled is not told, and says so to the client`() throws {
        let rig = try rig(share: 0)
        let answer = try rig.post("/v1/orders", goodOrder)
        #expect(answer.headers["traceparent"]?.hasSuffix("-00") == true)
        _ = try rig.post("/v1/orders", goodOrder, ["traceparent": parent.dropLast() + "0"])
        _ = try rig.get("/v1/orders/o-1", headers: ["traceparent": parent])
        #expect(try span().parent?.description == "00f067aa0ba902b7")
        #expect(queue.count == 0)
    }

    @Test func `a problem names the trace of its request`() throws {
        let rig = try rig()
        let problem = try rig.post("/v1/orders", "{}")
        let span = try span()
        #expect(try problem.json["traceId"]?.string == span.trace.description)
        guard case .request(_, _, _, 422, nil) = span.work else {
            Issue.record("\(span.work)")
            return
        }
        // Whose fault it is, is the client's affair.
        #expect(span.failure == nil)
    }

    @Test func `an answer of the server's fault is a failure`() throws {
        let rig = try rig()
        rig.services.answer(.unavailable("the service is away"))
        #expect(try rig.post("/v1/orders", goodOrder).status == 503)
        #expect(try span().failure == "answered 503")
    }

    @Test func `a path is told without its query, and reads have a span each`() throws {
        let rig = try rig()
        let headers: HTTPHeaders = ["X-Correlation-Id": "same"]
        _ = try rig.get("/v1/orders?status=placed", headers: headers)
        _ = try rig.get("/v1/orders/none?x=1", headers: headers)
        let (first, second) = (try span(), try span())
        #expect(first.trace == second.trace && first.id != second.id)
        guard case .request("GET", "/v1/orders", "/v1/orders", 200, nil) = first.work,
            case .request("GET", "/v1/orders/{id}", "/v1/orders/none", _, nil) = second.work
        else {
            Issue.record("\(first.work) \(second.work)")
            return
        }
    }

    @Test func `probes are not told`() throws {
        let rig = try rig()
        for path in ["/livez", "/readyz", "/metrics"] {
            #expect(try rig.get(path).headers["traceparent"]?.utf8.count == 55)
        }
        _ = try rig.get("/v1/status")
        guard case .request(_, "/v1/status", _, 200, nil) = try span().work else {
            throw Unexpected()
        }
        #expect(queue.count == 0)
    }

    @Test func `what became of spans is among the metrics`() throws {
        let rig = try Rig(readings: {
            var readings = ShopReadings()
            readings.spans = [
                ("orders", SpanCounts(exported: 7, full: 1, refused: 2, unanswered: 3))
            ]
            return readings
        })
        let text = String(decoding: try rig.get("/metrics").body, as: UTF8.self)
        for line in [
            "kassa_trace_spans_exported_total{part=\"orders\"} 7",
            "kassa_trace_spans_dropped_total{part=\"orders\",reason=\"full\"} 1",
            "kassa_trace_spans_dropped_total{part=\"orders\",reason=\"refused\"} 2",
            "kassa_trace_spans_dropped_total{part=\"orders\",reason=\"unanswered\"} 3",
        ] { #expect(text.contains(line + "\n"), "\(text)") }
        let off = try Rig().get("/metrics")
        #expect(!String(decoding: off.body, as: UTF8.self).contains("kassa_trace"))
    }
}

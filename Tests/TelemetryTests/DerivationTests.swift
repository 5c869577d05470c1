import EventSourcing
import Telemetry
import Testing

/// Ids are part of what processes and runs agree on: they must not change.
@Suite struct DerivationTests {
    private static let uuid = "0198c7f2-5a3e-7d41-9b2c-3f4e5d6c7b8a"
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private let origin = TraceOrigin(Metadata(correlation: uuid, actor: "a"))
    private let event = EventIdentity(
        log: LogName("orders"), epoch: .first, position: Position(42))

    @Test func `a correlation that is a UUID is the trace, and any other text is hashed`() {
        #expect(origin.trace.description == "0198c7f25a3e7d419b2c3f4e5d6c7b8a")
        #expect(
            TraceID(correlation: "import 7").description == "76d7fe40d1922745fbef51bfbadb84b8")
        #expect(TraceID(correlation: "").description == "e3b0c44298fc1c149afbf4c8996fb924")
    }

    @Test(arguments: [
        "0198c7f2-5a3e-7d41-9b2c-3f4e5d6c7b8", "0198c7f2-5a3e-7d41-9b2c-3f4e5d6c7b8a0",
        "0198C7F2-5A3E-7D41-9B2C-3F4E5D6C7B8A", "0198c7f25-a3e-7d41-9b2c-3f4e5d6c7b8a",
        "0198c7f2-5a3e-7d41-9b2c-3f4e5d6c7b8g", "00000000-0000-0000-0000-000000000000",
        "0198c7f2-5a3e-7d41-9b2c-3f4e5d6c7b8`", "0198c7f2-5a3e-7d41-9b2c-3f4e5d6c7/8a",
        "0198c7f2-5a3e-7d41-9b2c-3f4e5d6c7:8a", "0198c7f2-5a3e-7d41-9b2c-3f4e5d6c\u{fe}8a",
    ])
    func `what only looks like a UUID is hashed`(text: String) {
        let digits = text.filter { $0 != "-" }
        #expect(TraceID(correlation: text).description != digits.lowercased())
    }

    @Test func `each digit is read and written as what it is`() {
        for digit in "0123456789abcdef" {
            let half = String(repeating: digit, count: 4)
            let text = "\(half)\(half)-\(half)-\(half)-\(half)-\(half)\(half)\(half)"
            guard digit != "0" else { continue }
            #expect(
                TraceID(correlation: text).description == String(repeating: digit, count: 32))
        }
        #expect(SpanID(0x0123_4567_89AB_CDEF).description == "0123456789abcdef")
        #expect(SpanID(0xFEDC_BA98_7654_3210).description == "fedcba9876543210")
    }

    @Test func `spans have the ids that they always had`() {
        let orders = LogName("orders")
        let at = Timestamp(microseconds: 1_700_000_000_000_000)
        #expect(origin.request("o-1").description == "de48a90c9bff84f9")
        #expect(origin.command("o-1").description == "e8a8f93c5af2f0c8")
        #expect(origin.publishing(event).description == "179295e1d03ebe89")
        #expect(origin.handling(of: event, by: "payments").description == "5ceaaf394a61e58b")
        #expect(
            origin.timer(of: orders, StreamID("order", "o-1"), at: at).description
                == "a67281074821e231")
        let call = origin.call(
            by: LogName("payments"), key: "o-1/authorize payment/forward", attempt: 0, due: at)
        #expect(call.description == "0b5787c8db2339c2")
        #expect(
            TraceOrigin.batch(in: origin.trace, under: SpanID(0x00f0_67aa_0ba9_02b7)).description
                == "81201c28c95c3ede")
        let traced = TraceOrigin(
            Metadata(correlation: Self.uuid, actor: "a", trace: Self.parent))
        #expect(traced.request("o-1").description == "64d171df306d5723")
    }

    @Test func `whoever sees an event knows the span that recorded it`() {
        let (log, stream) = (LogName("orders"), StreamID("order", "o-1"))
        let at = Timestamp(microseconds: 5)
        var metadata = Metadata(correlation: Self.uuid, actor: "anonymous")
        #expect(origin.recorder(of: metadata, in: log, stream, at: at) == origin.command("o-1"))
        metadata.actor = Metadata.timer
        #expect(
            origin.recorder(of: metadata, in: log, stream, at: at)
                == origin.timer(of: log, stream, at: at))
        metadata.cause = event
        #expect(
            origin.recorder(of: metadata, in: log, stream, at: at)
                == origin.handling(of: event, by: "orders"))
    }

    @Test func `different things have different ids`() {
        var ids: Set<SpanID> = []
        var count = 0
        for position in 1...2000 as ClosedRange<Int64> {
            for epoch in 1...2 as ClosedRange<Int64> {
                let event = EventIdentity(
                    log: LogName("orders"), epoch: Epoch(epoch), position: Position(position))
                ids.insert(origin.publishing(event))
                for reader in ["orders", "payments", "gateway", "gateway2"] {
                    ids.insert(origin.handling(of: event, by: reader))
                    count += 1
                }
                count += 1
            }
        }
        #expect(ids.count == count)
    }

    @Test func `a client's traceparent is taken, with its span and what it decided`() {
        let metadata = Metadata(correlation: "c", actor: "a", trace: Self.parent)
        let origin = TraceOrigin(metadata)
        #expect(origin.trace.description == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(origin.client?.description == "00f067aa0ba902b7" && origin.isChosen == true)
        let unsampled = TraceOrigin(
            Metadata(correlation: "c", actor: "a", trace: Self.parent.dropLast() + "0"))
        #expect(unsampled.isChosen == false)
        #expect(TraceParent(Self.parent)?.header == Self.parent)
    }

    @Test(arguments: [
        "", "00", "01" + parent.dropFirst(2), parent + "0", String(parent.dropLast()),
        parent.uppercased(), "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-00f067aa0ba902b7-1",
    ])
    func `what is no traceparent counts as none`(text: String) {
        #expect(TraceParent(text) == nil)
        let origin = TraceOrigin(Metadata(correlation: Self.uuid, actor: "a", trace: text))
        #expect(origin.trace == self.origin.trace && origin.client == nil)
        #expect(origin.isChosen == nil)
    }
}

@Suite struct SamplerTests {
    private func origin(_ trace: String?, _ correlation: String = "c") -> TraceOrigin {
        TraceOrigin(Metadata(correlation: correlation, actor: "a", trace: trace))
    }

    @Test(arguments: [0, 0.01, 0.25, 0.5, 0.75, 0.9, 1])
    func `of orders' traces the share is taken that was asked for`(share: Double) {
        let runtime = ManualRandom()
        let sampler = Sampler(share: share)
        let taken = (0..<20_000).count { _ in
            sampler.takes(TraceID(correlation: runtime.newID()))
        }
        #expect(abs(Double(taken) / 20_000 - share) < 0.015)
        if share == 0 { #expect(taken == 0) }
        if share == 1 { #expect(taken == 20_000) }
    }

    /// Ids as the shop makes them.
    private final class ManualRandom: Runtime {
        private let runtime = ManualRuntime()
        func now() -> Timestamp { runtime.now() }
        func random() -> UInt64 {
            var mixed = runtime.random() &* 0x9E37_79B9_7F4A_7C15
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }

    @Test func `whoever takes a share takes all of a smaller one`() {
        let runtime = ManualRandom()
        let samplers = [0.1, 0.3, 0.6].map { Sampler(share: $0) }
        for _ in 0..<2000 {
            let trace = TraceID(correlation: runtime.newID())
            let taken = samplers.map { $0.takes(trace) }
            #expect(taken == taken.sorted { !$0 && $1 })
        }
    }

    @Test func `what the client decided counts, whatever the share`() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"
        #expect(Sampler(share: 0).takes(origin(parent + "1")))
        #expect(!Sampler(share: 1).takes(origin(parent + "0")))
        #expect(Sampler(share: 1).takes(origin(nil)) && !Sampler(share: 0).takes(origin(nil)))
    }

    @Test(arguments: [-1, .nan, -Double.infinity]) func `a share that is none takes nothing`(
        share: Double
    ) { #expect(!Sampler(share: share).takes(origin(nil))) }

    @Test func `where tracing is off nothing has an origin`() {
        let metadata = Metadata(correlation: "c", actor: "a")
        #expect(!Tracer.off.isOn && Tracer.off.origin(of: metadata) == nil)
        let queue = SpanQueue()
        let tracer = Tracer(part: "p", sampler: Sampler(share: 0), queue: queue)
        #expect(tracer.isOn && tracer.origin(of: metadata) == nil)
        Tracer.off.tell([span("a")])
        tracer.tell([])
        #expect(queue.count == 0)
    }
}

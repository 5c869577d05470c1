package import EventSourcing
import Synchronization

/// Where a part of the shop tells of its spans. Where tracing is off all it does is to say so.
package struct Tracer: Sendable {
    /// Takes nothing.
    package static let off = Tracer(part: "", sampler: Sampler(share: 0), queue: nil)

    /// `orders`, `gateway` and so on.
    package let part: String
    private let sampler: Sampler
    private let queue: SpanQueue?

    package init(part: String, sampler: Sampler, queue: SpanQueue?) {
        (self.part, self.sampler, self.queue) = (part, sampler, queue)
    }

    package var isOn: Bool { queue != nil }

    /// What to derive spans from; nil where the trace is not told of.
    @inline(__always)
    package func origin(of metadata: Metadata) -> TraceOrigin? {
        guard queue != nil else { return nil }
        let origin = TraceOrigin(metadata)
        return sampler.takes(origin) ? origin : nil
    }

    /// Whether the trace is told of.
    package func takes(_ origin: TraceOrigin) -> Bool { isOn && sampler.takes(origin) }

    /// Hands spans over; never blocks for longer than a few instructions take, and drops them where
    /// too many wait.
    package func tell(_ spans: [Span]) {
        guard let queue, !spans.isEmpty else { return }
        queue.add(SpanLot(part: part, spans: spans))
    }
}

/// Spans that one part handed over together.
package struct SpanLot: Sendable {
    package let part: String
    package let spans: [Span]

    package init(part: String, spans: [Span]) { (self.part, self.spans) = (part, spans) }
}

/// What became of spans, since the start.
package struct SpanCounts: Hashable, Sendable {
    /// The collector has them.
    package var exported: Int64 = 0
    /// There was no room for them.
    package var full: Int64 = 0
    /// The collector would not have them.
    package var refused: Int64 = 0
    /// The collector gave no answer, however often it was tried.
    package var unanswered: Int64 = 0

    package init(
        exported: Int64 = 0, full: Int64 = 0, refused: Int64 = 0, unanswered: Int64 = 0
    ) {
        (self.exported, self.full) = (exported, full)
        (self.refused, self.unanswered) = (refused, unanswered)
    }

    package var dropped: Int64 { full + refused + unanswered }

    /// Those that were dropped, by reason.
    package var reasons: [(reason: String, count: Int64)] {
        [("full", full), ("refused", refused), ("unanswered", unanswered)]
    }
}

/// The spans that wait to be exported: a bounded number, in the order they came.
package final class SpanQueue: Sendable {
    /// The most that wait unless told otherwise.
    package static let most = 20_000

    private struct State: Sendable {
        var lots: [SpanLot] = []
        /// How many spans `lots` hold.
        var count = 0
        var counts = SpanCounts()
    }

    private let limit: Int
    private let state = Mutex(State())

    package init(limit: Int = SpanQueue.most) { self.limit = limit }

    /// How many wait.
    package var count: Int { state.withLock { $0.count } }
    package var counts: SpanCounts { state.withLock { $0.counts } }

    func add(_ lot: SpanLot) {
        state.withLock { state in
            let room = limit - state.count
            guard lot.spans.count > room else {
                state.lots.append(lot)
                state.count += lot.spans.count
                return
            }
            state.counts.full += Int64(lot.spans.count - room)
            guard room > 0 else { return }
            state.lots.append(SpanLot(part: lot.part, spans: Array(lot.spans[..<room])))
            state.count = limit
        }
    }

    /// Takes out the oldest lots, until they hold `wanted` spans.
    package func take(_ wanted: Int) -> [SpanLot] {
        state.withLock { state in
            var (lots, taken) = (0, 0)
            while lots < state.lots.count, taken < wanted {
                taken += state.lots[lots].spans.count
                lots += 1
            }
            state.count -= taken
            if lots == state.lots.count {
                defer { state.lots = [] }
                return state.lots
            }
            defer { state.lots.removeFirst(lots) }
            return Array(state.lots[..<lots])
        }
    }

    /// Counts what became of spans that were taken out.
    func count(_ change: (inout SpanCounts) -> Void) { state.withLock { change(&$0.counts) } }
}

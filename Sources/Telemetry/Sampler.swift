/// Decides which traces are told of: the client where it sent a `traceparent`, else the trace's id
/// itself, so that all processes decide alike without telling each other.
///
/// A share of the traces is taken by the lowest 56 bits of their ids (W3C Trace Context, level 2;
/// OpenTelemetry's "TraceState: Probability Sampling"). The next higher bits would not do: those of
/// a UUID say which variant it is.
package struct Sampler: Hashable, Sendable {
    private static let bits = UInt64(1) << 56
    /// Ids from here on are taken; `bits`: none.
    private let threshold: UInt64

    /// - Parameter share: 0 for none to 1 for all; what lies outside counts as the nearer end.
    package init(share: Double) {
        let share = min(max(share.isNaN ? 0 : share, 0), 1)
        threshold = Self.bits - UInt64((share * Double(Self.bits)).rounded())
    }

    package func takes(_ trace: TraceID) -> Bool { trace.low & (Self.bits - 1) >= threshold }

    package func takes(_ origin: TraceOrigin) -> Bool { origin.isChosen ?? takes(origin.trace) }
}

/// Who takes parcels to customers. Calls block, may take long, and are made again after a crash
/// or no answer.
///
/// The same key means the same parcel: a carrier that has accepted it answers again what it
/// answered then.
public protocol Carrier: Sendable {
    /// - Parameter attempt: 1 for the first call with that key.
    func handOver(key: String, attempt: Int) -> CarrierResult
}

public enum CarrierResult: Hashable, Sendable {
    case accepted(tracking: String)
    case refused(reason: String)
    /// Whether it was accepted is not known.
    case noAnswer(reason: String)
}

/// A carrier for trying things out: it accepts everything, and the tracking number follows from
/// the key alone.
public struct BuiltInCarrier: Carrier {
    public init() {}

    public func handOver(key: String, attempt: Int) -> CarrierResult {
        .accepted(tracking: "track_\(stableCode(key))")
    }
}

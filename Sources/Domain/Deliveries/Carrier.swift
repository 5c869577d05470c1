public import EventSourcing

/// Who takes parcels to customers. Calls block, may take long, and are made again after a crash
/// or no answer.
///
/// The same key means the same parcel: a carrier that has accepted it answers again what it
/// answered then.
public protocol Carrier: Sendable {
    /// - Parameters:
    ///   - shipping: the way of shipping; nil for the usual one.
    ///   - attempt: 1 for the first call with that key.
    func handOver(key: String, shipping: String?, attempt: Int) -> CarrierResult

    /// Where a parcel is that was accepted under this number.
    ///
    /// - Parameter acceptedAt: when its acceptance was heard of.
    func track(_ tracking: String, shipping: String?, acceptedAt: Timestamp) -> TrackingResult
}

public enum CarrierResult: Hashable, Sendable {
    case accepted(tracking: String)
    case refused(reason: String)
    /// Whether it was accepted is not known.
    case noAnswer(reason: String)
}

/// How far a parcel has come.
public enum ParcelStage: Hashable, Sendable {
    case inTransit
    case outForDelivery
    case delivered
    case lost(reason: String)
}

public enum TrackingResult: Hashable, Sendable {
    /// `askAfter` is how long the parcel will stay there at least; of no meaning at a final stage.
    case at(ParcelStage, askAfter: Duration)
    case noAnswer(reason: String)
}

/// A carrier for trying things out: what it does follows from the way of shipping, the attempt and
/// the time since it accepted.
public struct BuiltInCarrier: Carrier {
    /// How long parcels stay at each stage.
    public struct Times: Hashable, Sendable {
        public var inTransit: Duration
        public var outForDelivery: Duration

        public init(inTransit: Duration = .zero, outForDelivery: Duration = .zero) {
            self.inTransit = inTransit
            self.outForDelivery = outForDelivery
        }
    }

    private let times: Times
    private let runtime: any Runtime

    public init(times: Times = Times(), runtime: any Runtime) {
        self.times = times
        self.runtime = runtime
    }

    public func handOver(key: String, shipping: String?, attempt: Int) -> CarrierResult {
        switch shipping {
        case "ship_refused": .refused(reason: "the carrier does not take this parcel")
        case "ship_flaky" where attempt <= 2: .noAnswer(reason: "the carrier did not answer")
        case nil, "ship_ok", "ship_flaky", "ship_lost":
            .accepted(tracking: "track_\(stableCode(key))")
        default: .refused(reason: "unknown way of shipping")
        }
    }

    public func track(_ tracking: String, shipping: String?, acceptedAt: Timestamp)
        -> TrackingResult
    {
        let passed = runtime.now() - acceptedAt
        let isLost = shipping == "ship_lost"
        if passed < times.inTransit { return .at(.inTransit, askAfter: times.inTransit - passed) }
        if isLost { return .at(.lost(reason: "lost on the way"), askAfter: .zero) }
        let whole = times.inTransit + times.outForDelivery
        if passed < whole { return .at(.outForDelivery, askAfter: whole - passed) }
        return .at(.delivered, askAfter: .zero)
    }
}

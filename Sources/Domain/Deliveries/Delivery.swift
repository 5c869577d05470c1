public import EventSourcing

/// The delivery of one order: `absent -> packed -> handingOver -> handedOver -> outForDelivery ->
/// delivered`, or lost on the way, or undone before it is handed over.
///
/// Once the carrier has accepted, nothing is taken back: a recall is then answered with a
/// refusal, and the saga goes forward. A recall while the carrier is being asked waits for its
/// answer (`recallPending`).
public struct Delivery: Decider, Hashable {
    public enum Phase: String, Hashable, Sendable {
        case absent, packed, unpacked, handingOver
        /// To be recalled, unless the carrier accepts.
        case recallPending
        case handedOver, outForDelivery, delivered, lost, recalled
    }

    /// A call to the carrier that is due. The key stays the same until the call is settled.
    public enum Effect: Hashable, Sendable {
        case handOver(key: String, shipping: String?)
        case track(key: String, tracking: String, shipping: String?)

        public var key: String {
            switch self {
            case .handOver(let key, _), .track(let key, _, _): key
            }
        }
    }

    public private(set) var phase = Phase.absent
    /// The carrier's number for the parcel.
    public private(set) var tracking: String?
    /// The way of shipping; nil for the carrier's usual one.
    public private(set) var shipping: String?

    /// The newest attempts of each step, which the outcomes are addressed to.
    private var handOver: StepReference?
    private var recall: StepReference?
    private var handOverKey = ""

    public init() {}

    /// The call to the carrier that is due in this state.
    public var nextEffect: Effect? {
        switch phase {
        case .handingOver, .recallPending: .handOver(key: handOverKey, shipping: shipping)
        case .handedOver, .outForDelivery:
            tracking.map { .track(key: "\(handOverKey)/track", tracking: $0, shipping: shipping) }
        case .absent, .packed, .unpacked, .delivered, .lost, .recalled: nil
        }
    }

    public func decide(_ command: Command) -> [Event] {
        switch command {
        case .pack(let step, let reservation): pack(step, reservation)
        case .unpack(let step): unpack(step)
        case .handOver(let step, let shipping): handOver(step, shipping)
        case .recall(let step): recall(step)
        case .carrierAccepted(let tracking): accept(tracking)
        case .carrierRefused(let reason): refuse(reason)
        case .carrierReported(let stage): report(stage)
        }
    }

    private func pack(_ step: StepReference, _ reservation: Reservation.Phase) -> [Event] {
        switch phase {
        case .absent:
            switch reservation {
            case .made: [.packed(step)]
            case .expired: [.answered(step, .refused(Reservation.expiry))]
            case .absent, .refused, .released: [.answered(step, .refused("nothing is reserved"))]
            }
        case .packed, .handingOver, .recallPending, .handedOver, .outForDelivery, .delivered,
            .lost:
            [.answered(step, .done)]
        case .unpacked, .recalled: [.answered(step, .refused(phase.rawValue))]
        }
    }

    private func unpack(_ step: StepReference) -> [Event] {
        switch phase {
        // Unpacked before it was packed: what comes later is refused.
        case .absent, .packed, .recalled: [.unpacked(step)]
        case .unpacked: [.answered(step, .done)]
        case .handingOver, .recallPending: [.answered(step, .refused("being handed over"))]
        case .handedOver, .outForDelivery, .delivered, .lost:
            [.answered(step, .refused("already handed over"))]
        }
    }

    private func handOver(_ step: StepReference, _ shipping: String?) -> [Event] {
        switch phase {
        case .packed: [.handOverRequested(step, shipping: shipping)]
        case .handingOver: step == handOver ? [] : [.handOverRepeated(step)]
        case .handedOver, .outForDelivery, .delivered, .lost: [.answered(step, .done)]
        case .recallPending: [.answered(step, .refused("being recalled"))]
        case .absent, .unpacked, .recalled:
            [.answered(step, .refused("not packed: \(phase.rawValue)"))]
        }
    }

    private func recall(_ step: StepReference) -> [Event] {
        switch phase {
        case .absent, .packed: [.recalled(step)]
        case .handingOver: [.recallRequested(step)]
        case .recallPending: step == recall ? [] : [.recallRequested(step)]
        case .handedOver, .outForDelivery, .delivered, .lost:
            [.answered(step, .refused("already handed over"))]
        case .unpacked, .recalled: [.answered(step, .done)]
        }
    }

    private func accept(_ tracking: String) -> [Event] {
        guard let handOver else { return [] }
        switch (phase, recall) {
        case (.handingOver, _): return [.handedOver(handOver, tracking: tracking)]
        case (.recallPending, let recall?):
            return [
                .handedOver(handOver, tracking: tracking),
                .answered(recall, .refused("handed over")),
            ]
        default: return []
        }
    }

    private func refuse(_ reason: String) -> [Event] {
        guard let handOver else { return [] }
        switch (phase, recall) {
        case (.handingOver, _): return [.handOverRefused(handOver, reason: reason)]
        case (.recallPending, let recall?):
            return [.handOverRefused(handOver, reason: reason), .recalled(recall)]
        default: return []
        }
    }

    private func report(_ stage: ParcelStage) -> [Event] {
        guard let tracking, phase == .handedOver || phase == .outForDelivery else { return [] }
        switch stage {
        case .inTransit: return []
        case .outForDelivery:
            return phase == .handedOver ? [.outForDelivery(tracking: tracking)] : []
        case .delivered: return [.delivered(tracking: tracking)]
        case .lost(let reason): return [.lost(tracking: tracking, reason: reason)]
        }
    }

    public mutating func evolve(_ event: Event) {
        switch event {
        case .packed, .handOverRefused: phase = .packed
        case .unpacked: phase = .unpacked
        case .handOverRequested(let step, let shipping):
            phase = .handingOver
            self.shipping = shipping
            handOver = step
            handOverKey = step.effectKey
        case .handOverRepeated(let step): handOver = step
        case .handedOver(_, let tracking):
            phase = .handedOver
            self.tracking = tracking
        case .recallRequested(let step):
            phase = .recallPending
            recall = step
        case .recalled: phase = .recalled
        case .outForDelivery: phase = .outForDelivery
        case .delivered: phase = .delivered
        case .lost: phase = .lost
        case .answered: break
        }
    }
}

public import EventSourcing

/// The delivery of one order: `absent -> packed -> handingOver -> handedOver`, or undone before
/// that.
///
/// Once the carrier has accepted, nothing is taken back: a recall is then answered with a
/// refusal, and the saga goes forward. A recall while the carrier is being asked waits for its
/// answer (`recallPending`).
public struct Delivery: Decider, Hashable {
    public enum Phase: String, Hashable, Sendable {
        case absent, packed, unpacked, handingOver
        /// To be recalled, unless the carrier accepts.
        case recallPending
        case handedOver, recalled
    }

    /// A call to the carrier that is due. The key stays the same until the call is settled.
    public enum Effect: Hashable, Sendable {
        case handOver(key: String)
    }

    public private(set) var phase = Phase.absent
    /// The carrier's number for the parcel.
    public private(set) var tracking: String?

    /// The newest attempts of each step, which the outcomes are addressed to.
    private var handOver: StepReference?
    private var recall: StepReference?
    private var handOverKey = ""

    public init() {}

    /// The call to the carrier that is due in this state.
    public var nextEffect: Effect? {
        switch phase {
        case .handingOver, .recallPending: .handOver(key: handOverKey)
        case .absent, .packed, .unpacked, .handedOver, .recalled: nil
        }
    }

    public func decide(_ command: Command) -> [Event] {
        switch command {
        case .pack(let step): pack(step)
        case .unpack(let step): unpack(step)
        case .handOver(let step): handOver(step)
        case .recall(let step): recall(step)
        case .carrierAccepted(let tracking): accept(tracking)
        case .carrierRefused(let reason): refuse(reason)
        // The call stays due, and is made again.
        case .carrierUnknown: []
        }
    }

    private func pack(_ step: StepReference) -> [Event] {
        switch phase {
        case .absent: [.packed(step)]
        case .packed, .handingOver, .recallPending, .handedOver: [.answered(step, .done)]
        case .unpacked, .recalled: [.answered(step, .refused(phase.rawValue))]
        }
    }

    private func unpack(_ step: StepReference) -> [Event] {
        switch phase {
        // Unpacked before it was packed: what comes later is refused.
        case .absent, .packed, .recalled: [.unpacked(step)]
        case .unpacked: [.answered(step, .done)]
        case .handingOver, .recallPending: [.answered(step, .refused("being handed over"))]
        case .handedOver: [.answered(step, .refused("already handed over"))]
        }
    }

    private func handOver(_ step: StepReference) -> [Event] {
        switch phase {
        case .packed: [.handOverRequested(step)]
        case .handingOver: step == handOver ? [] : [.handOverRepeated(step)]
        case .handedOver: [.answered(step, .done)]
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
        case .handedOver: [.answered(step, .refused("already handed over"))]
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

    public mutating func evolve(_ event: Event) {
        switch event {
        case .packed, .handOverRefused: phase = .packed
        case .unpacked: phase = .unpacked
        case .handOverRequested(let step):
            phase = .handingOver
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
        case .answered: break
        }
    }
}

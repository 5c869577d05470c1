public import EventSourcing

/// What a participant's event says to the saga: which step it settles, and how.
public struct StepReply: Hashable, Sendable {
    public let step: StepReference
    public let outcome: StepOutcome

    public init(_ step: StepReference, _ outcome: StepOutcome) {
        self.step = step
        self.outcome = outcome
    }

    /// Reads a published event; nil for one that settles no step, or of a type unknown here.
    ///
    /// - Throws: `.unknownSchema` and `.malformed`, for the events that may settle a step.
    public static func read(
        _ type: EventType, _ data: JSON
    ) throws(UnreadableEvent) -> StepReply? {
        // What settles nothing is not read at all: its public form may hold less than the stored
        // one.
        switch type.name {
        case "reservation.made", "reservation.refused", "reservation.released",
            "reservation.answered":
            try Reservation.Event.decode(type, data).reply
        case "payment.authorized", "payment.declined", "payment.authorization-unknown",
            "payment.authorization-overdue", "payment.voided", "payment.captured",
            "payment.capture-failed", "payment.answered":
            try Payment.Event.decode(type, data).reply
        case "delivery.packed", "delivery.unpacked", "delivery.handed-over",
            "delivery.hand-over-refused", "delivery.recalled", "delivery.answered":
            try Delivery.Event.decode(type, data).reply
        default: nil
        }
    }
}

extension Reservation.Event {
    /// The step it settles.
    public var reply: StepReply? {
        switch self {
        case .made(let step, _), .released(let step): StepReply(step, .done)
        // The saga hears of it when it asks for the parcel.
        case .expired: nil
        case .refused(let step, let shortages):
            StepReply(step, .refused(Shortage.reason(shortages)))
        case .answered(let step, let outcome): StepReply(step, outcome)
        }
    }
}

extension Payment.Event {
    /// The step it settles; nil while that is in flight.
    public var reply: StepReply? {
        switch self {
        case .authorized(let step, _), .captured(let step, _, _): StepReply(step, .done)
        case .voided(let step): step.map { StepReply($0, .done) }
        case .declined(let step, let reason), .authorizationUnknown(let step, let reason),
            .authorizationOverdue(let step, let reason), .captureFailed(let step, let reason):
            StepReply(step, .refused(reason))
        case .answered(let step, let outcome): StepReply(step, outcome)
        case .authorizationRequested, .authorizationRepeated, .voidRequested,
            .captureRequested, .captureRepeated:
            nil
        }
    }
}

extension Delivery.Event {
    /// The step it settles; nil while that is in flight.
    public var reply: StepReply? {
        switch self {
        case .packed(let step), .unpacked(let step), .handedOver(let step, _),
            .recalled(let step):
            StepReply(step, .done)
        case .handOverRefused(let step, let reason): StepReply(step, .refused(reason))
        case .answered(let step, let outcome): StepReply(step, outcome)
        case .handOverRequested, .handOverRepeated, .recallRequested, .outForDelivery,
            .delivered, .lost:
            nil
        }
    }
}

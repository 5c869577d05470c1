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
    /// - Parameter data: one JSON object. What settles nothing is not read at all: its public form
    ///   may hold less than the stored one.
    /// - Throws: `.unknownSchema` and `.malformed`, for the events that may settle a step.
    public static func read(
        _ type: EventType, _ data: some Collection<UInt8>
    ) throws(UnreadableEvent) -> StepReply? {
        guard let participant = settling[type.name] else { return nil }
        let json: JSON
        do throws(JSONError) { json = try JSON(parsing: data) } catch {
            throw .malformed(type, error)
        }
        return switch participant {
        case .reservation: try Reservation.Event.decode(type, json).reply
        case .payment: try Payment.Event.decode(type, json).reply
        case .delivery: try Delivery.Event.decode(type, json).reply
        }
    }

    private enum Participant { case reservation, payment, delivery }

    /// Whose events may settle a step, by stored name.
    private static let settling: [String: Participant] = [
        "reservation.made": .reservation, "reservation.refused": .reservation,
        "reservation.released": .reservation, "reservation.answered": .reservation,
        "payment.authorized": .payment, "payment.declined": .payment,
        "payment.authorization-unknown": .payment, "payment.authorization-overdue": .payment,
        "payment.voided": .payment, "payment.captured": .payment,
        "payment.capture-failed": .payment, "payment.answered": .payment,
        "delivery.packed": .delivery, "delivery.unpacked": .delivery,
        "delivery.handed-over": .delivery, "delivery.hand-over-refused": .delivery,
        "delivery.recalled": .delivery, "delivery.answered": .delivery,
    ]
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

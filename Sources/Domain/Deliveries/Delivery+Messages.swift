public import EventSourcing

extension Delivery {
    public enum Command: Hashable, Sendable {
        // What the saga asks.
        /// `from`: where the order's reservation stands; only what is reserved is packed.
        case pack(StepReference, from: Reservation.Phase)
        case unpack(StepReference)
        /// `shipping` is the way of shipping as the carrier knows it; nil for its usual one.
        case handOver(StepReference, shipping: String? = nil)
        case recall(StepReference)
        // What the carrier answered. An answer that nobody waits for any more is passed over.
        case carrierAccepted(tracking: String)
        case carrierRefused(reason: String)
        /// Where the parcel is now. What is older than what is known already is passed over.
        case carrierReported(ParcelStage)
    }

    /// What is on record. Each names the step, with the attempt, that it belongs to.
    public enum Event: Hashable, Sendable {
        case packed(StepReference)
        case unpacked(StepReference)
        case handOverRequested(StepReference, shipping: String? = nil)
        /// The step was asked for again while in flight: the outcome goes to this attempt.
        case handOverRepeated(StepReference)
        case handedOver(StepReference, tracking: String)
        case handOverRefused(StepReference, reason: String)
        case recallRequested(StepReference)
        case recalled(StepReference)
        // What becomes of the parcel; no step of the saga waits for these.
        case outForDelivery(tracking: String)
        case delivered(tracking: String)
        case lost(tracking: String, reason: String)
        /// The answer to a command that led to no new fact. Changes no state.
        case answered(StepReference, StepOutcome)
    }

    /// Commands are never rejected: refusals are events, as the saga must hear of them.
    public typealias Rejection = Never
}

public import EventSourcing

extension Delivery {
    public enum Command: Hashable, Sendable {
        // What the saga asks.
        case pack(StepReference)
        case unpack(StepReference)
        case handOver(StepReference)
        case recall(StepReference)
        // What the carrier answered. An answer that nobody waits for any more is passed over.
        case carrierAccepted(tracking: String)
        case carrierRefused(reason: String)
        case carrierUnknown(reason: String)
    }

    /// What is on record. Each names the step, with the attempt, that it belongs to.
    public enum Event: Hashable, Sendable {
        case packed(StepReference)
        case unpacked(StepReference)
        case handOverRequested(StepReference)
        /// The step was asked for again while in flight: the outcome goes to this attempt.
        case handOverRepeated(StepReference)
        case handedOver(StepReference, tracking: String)
        case handOverRefused(StepReference, reason: String)
        case recallRequested(StepReference)
        case recalled(StepReference)
        /// The answer to a command that led to no new fact. Changes no state.
        case answered(StepReference, StepOutcome)
    }

    /// Commands are never rejected: refusals are events, as the saga must hear of them.
    public typealias Rejection = Never
}

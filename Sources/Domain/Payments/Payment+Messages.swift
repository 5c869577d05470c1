public import EventSourcing

extension Payment {
    public enum Command: Hashable, Sendable {
        // What the saga asks.
        /// `within` says how long the customer has to pay; nil for the usual time.
        case authorize(StepReference, Money, token: String, within: Duration? = nil)
        case void(StepReference)
        case capture(StepReference, Money)
        // What the provider answered. An answer that nobody waits for any more is passed over.
        case authorizationSucceeded(code: String)
        case authorizationDeclined(reason: String)
        /// The time to pay is over, and the provider does not answer.
        case authorizationUnknown(reason: String)
        /// The time to pay is over, and the provider still waits for the customer.
        case authorizationOverdue(reason: String)
        case voidSucceeded
        case captureSucceeded(id: String)
        case captureFailed(reason: String)
    }

    /// What is on record. Each names the step, with the attempt, that it belongs to.
    public enum Event: Hashable, Sendable {
        case authorizationRequested(
            StepReference, Money, token: String, within: Duration? = nil)
        /// The step was asked for again while in flight: the outcome goes to this attempt.
        case authorizationRepeated(StepReference)
        case authorized(StepReference, code: String)
        case declined(StepReference, reason: String)
        /// Refused as far as the saga is concerned; the payment voids at the provider by itself.
        case authorizationUnknown(StepReference, reason: String)
        /// Refused as far as the saga is concerned; what still comes of it is voided.
        case authorizationOverdue(StepReference, reason: String)
        case voidRequested(StepReference)
        /// Nil where no step asked for it: the void after an unknown authorization.
        case voided(StepReference?)
        case captureRequested(StepReference, Money)
        case captureRepeated(StepReference)
        case captured(StepReference, id: String, amount: Money)
        case captureFailed(StepReference, reason: String)
        /// The answer to a command that led to no new fact. Changes no state.
        case answered(StepReference, StepOutcome)
    }

    /// Commands are never rejected: refusals are events, as the saga must hear of them.
    public typealias Rejection = Never
}

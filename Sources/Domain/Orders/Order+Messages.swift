extension Order {
    public enum Command: Hashable, Sendable {
        case place(Draft)
        case confirm
        case complete
        case requestCancellation(reason: String)
        /// The saga found that it is too late.
        case refuseCancellation
        case close(CloseReason)
    }

    /// How an order ends that is not completed; the text is what the customer is told.
    public enum CloseReason: Hashable, Sendable {
        case rejected(String)
        case cancelled(String)
        case expired(String)
    }

    public enum Event: Hashable, Sendable {
        case placed(Draft)
        case confirmed
        case completed
        case cancellationRequested(reason: String)
        case cancellationRefused
        case rejected(reason: String)
        case cancelled(reason: String)
        case expired(reason: String)
    }

    public enum Rejection: Error, Hashable, CustomStringConvertible {
        case notPlaced
        /// Another order was placed under this id.
        case alreadyPlaced
        case notConfirmed
        case cancellationPending
        /// The order has come to its end, in this phase.
        case ended(Phase)

        public var description: String {
            switch self {
            case .notPlaced: "the order was not placed"
            case .alreadyPlaced: "another order was placed under this id"
            case .notConfirmed: "the order is not confirmed"
            case .cancellationPending: "the order is being cancelled"
            case .ended(let phase): "the order is \(phase.rawValue)"
            }
        }
    }
}

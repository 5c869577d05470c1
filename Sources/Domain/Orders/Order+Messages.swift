public import EventSourcing

extension Order {
    public enum Command: Hashable, Sendable {
        case place(Draft)
        case confirm
        case complete
        case requestCancellation(reason: String)
        /// The saga found that it is too late.
        case refuseCancellation
        case close(CloseReason)
        /// What a person got wrong is set right.
        case correct(Correction)
    }

    /// What is set right of an order; what is nil stays as it is. What was agreed on with the
    /// customer, as lines and prices, is not corrected: that is another order.
    public struct Correction: Hashable, Sendable {
        public let customer: CustomerID?
        /// An opaque, sealed address for mails.
        public let contact: String?
        public let instruction: Instruction

        public init(customer: CustomerID?, contact: String?, _ instruction: Instruction) {
            (self.customer, self.contact) = (customer, contact)
            self.instruction = instruction
        }
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
        case corrected(Correction)
    }

    public enum Rejection: Error, Hashable, CustomStringConvertible {
        case notPlaced
        /// Another order was placed under this id.
        case alreadyPlaced
        case notConfirmed
        case cancellationPending
        /// It is as the correction would have it.
        case nothingToCorrect
        /// The order has come to its end, in this phase.
        case ended(Phase)

        public var description: String {
            switch self {
            case .notPlaced: "the order was not placed"
            case .alreadyPlaced: "another order was placed under this id"
            case .notConfirmed: "the order is not confirmed"
            case .cancellationPending: "the order is being cancelled"
            case .nothingToCorrect: "the order is so already; there is nothing to correct"
            case .ended(let phase): "the order is \(phase.rawValue)"
            }
        }
    }
}

package import Domain
package import EventSourcing
package import EventStore
import Messaging

/// What the orders service is asked to do.
package enum OrdersCommand: Sendable {
    /// Places an order; the draft's contact is in the clear, and sealed before anything is
    /// recorded.
    case place(OrderID, Order.Draft)
    case cancel(OrderID, reason: String)
    /// Destroys the key of a customer's personal data.
    case erase(CustomerID)
    /// An operator's act on an order's checkout.
    case steer(OrderID, Steering, Instruction)
    /// Sets right whose the order is, or where its mails go; the contact is in the clear.
    case correct(OrderID, customer: CustomerID?, contact: String?, Instruction)
}

/// What the orders service answers.
package enum OrdersAnswer: ServiceAnswer, Hashable {
    /// It is on record: the order's version, and the position a reader must have seen.
    case accepted(OrderID, Version, Position)
    case erased
    /// A rule forbids it; nothing was recorded.
    case refused(Refusal)

    package enum Refusal: Hashable, Sendable {
        case unknownOrder
        /// The reference belongs to that order.
        case referenceTaken(by: OrderID)
        /// The order has gone too far, or has ended.
        case tooLate(String)
        case invalid(String)
        /// It does not fit how the order or its checkout stands; the code says how.
        case conflict(code: String, String)
        /// As many checkouts are open as the service carries.
        case busy
    }

    package var remembered: LedgerEntry? {
        guard case .accepted(let order, let version, let position) = self else { return nil }
        return LedgerEntry(
            body: MerkleTree.emptyRoot, stream: StreamID("order", order.value), version: version,
            position: position)
    }

    package var position: Position? {
        if case .accepted(_, _, let position) = self { position } else { nil }
    }

    package var refusal: String? {
        guard case .refused(let refusal) = self else { return nil }
        return switch refusal {
        case .unknownOrder: "there is no such order"
        case .referenceTaken(let order): "the reference belongs to order \(order)"
        case .tooLate(let why), .invalid(let why), .conflict(_, let why): why
        case .busy: "as many orders are open as the service carries"
        }
    }
}

package import Domain
package import EventSourcing

/// How an order stands, as its customer sees it.
package enum ShownStatus: String, Hashable, Sendable, CaseIterable {
    case placed, confirmed, packed, shipped, completed, cancelling, cancelled, rejected, expired

    /// What follows from how three machines stand, whichever of them was heard of first.
    ///
    /// - Returns: nil for an order that was not heard of from the orders' own log.
    package init?(order: Order.Phase, isCancelling: Bool, delivery: Delivery.Phase) {
        switch order {
        case .absent: return nil
        case .completed: self = .completed
        case .rejected: self = .rejected
        case .cancelled: self = .cancelled
        case .expired: self = .expired
        case .placed, .confirmed, .cancelPending:
            if isCancelling || order == .cancelPending {
                self = .cancelling
                return
            }
            switch delivery {
            case .handedOver, .outForDelivery, .delivered, .lost: self = .shipped
            case .packed, .handingOver, .recallPending: self = .packed
            case .absent, .unpacked, .recalled:
                self = order == .confirmed ? .confirmed : .placed
            }
        }
    }
}

/// The last event of an order in one log; `0/0` before the first.
package struct Mark: Hashable, Sendable, CustomStringConvertible {
    package let epoch: Epoch
    package let position: Position

    package init(epoch: Epoch, position: Position) {
        self.epoch = epoch
        self.position = position
    }

    package static let none = Mark(epoch: Epoch(0), position: .start)
    package var description: String { "\(epoch)/\(position)" }

    init(stored text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "/")).map { Int64(strictDecimal: $0) }
        guard parts.count == 2, let epoch = parts[0], let position = parts[1] else {
            self = .none
            return
        }
        self.init(epoch: Epoch(epoch), position: Position(position))
    }
}

/// An order as readers see it.
package struct OrderDetail: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        package let sku: String
        package let quantity: Int64
        package let unitPrice: Money
        package let description: String?
    }

    package let id: OrderID
    package let customer: String?
    package let reference: String?
    /// What the carrier goes by, as it came with the order.
    package let shipping: String?
    package let status: ShownStatus
    /// Why it was cancelled, rejected or expired.
    package let reason: String?
    package let payment: Payment.Phase
    package let paymentReason: String?
    /// Whether an operator has skipped the capture.
    package let isWrittenOff: Bool
    package let delivery: Delivery.Phase
    package let deliveryReason: String?
    package let reservation: Reservation.Phase
    package let tracking: String?
    package let total: Money
    package let lines: [Line]
    package let mailsSent: Int64
    /// The number of events in the order's own stream.
    package let version: Version
    package let placedAt: Timestamp
    package let updatedAt: Timestamp
    /// The last events that changed anything here: of orders, payments, deliveries, notifications.
    package let marks: [Mark]

    /// The same for the same representation, and another one after each further event (RFC 9110,
    /// 8.8.3).
    package var entityTag: String { Self.entityTag(marks) }

    package static func entityTag(_ marks: [Mark]) -> String {
        "\"" + marks.map { "\($0.epoch).\($0.position)" }.joined(separator: "-") + "\""
    }

    /// The tag of an order of which nothing is known but its event at `identity`.
    package static func entityTag(placedAt identity: EventIdentity) -> String {
        let mark = Mark(epoch: identity.epoch, position: identity.position)
        return entityTag([mark, .none, .none, .none])
    }
}

/// An event in an order's history.
package struct TimelineEntry: Hashable, Sendable {
    package let identity: EventIdentity
    package let type: EventType
    package let recordedAt: Timestamp
    package let occurredAt: Timestamp?
    package let actor: String
    package let correlation: String
    package let causation: String?
    /// One JSON object.
    package let data: [UInt8]
}

/// Where a page of a timeline ends: entries are in the order they were recorded.
package struct TimelineCursor: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let recordedAt: Timestamp
    package let identity: EventIdentity

    package init(_ entry: TimelineEntry) {
        recordedAt = entry.recordedAt
        identity = entry.identity
    }

    package static func < (a: TimelineCursor, b: TimelineCursor) -> Bool {
        a.recordedAt == b.recordedAt ? a.identity < b.identity : a.recordedAt < b.recordedAt
    }

    /// `1769851800000000.orders/1/42`.
    package var description: String { "\(recordedAt.microseconds).\(identity)" }

    /// Reads what `description` writes; nil for anything else.
    package init?(_ text: String) {
        let bytes = text.utf8
        guard bytes.count <= 100, let dot = bytes.firstIndex(of: UInt8(ascii: ".")),
            let time = Int64(strictDecimal: bytes[..<dot]),
            let identity = EventIdentity(String(text[bytes.index(after: dot)...]))
        else { return nil }
        recordedAt = Timestamp(microseconds: time)
        self.identity = identity
    }
}

/// What there is of one SKU.
package struct StockLevel: Hashable, Sendable {
    package let sku: SKU
    /// The pieces in the warehouse, reserved or not.
    package let onHand: Int64
    package let reserved: Int64
    /// The last event that changed it.
    package let mark: Mark

    package var available: Int64 { max(0, onHand - reserved) }
}

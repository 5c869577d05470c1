package import Domain
package import EventSourcing
import SQLite

/// An order's payment.
package struct PaymentDetail: Hashable, Sendable {
    package let status: Payment.Phase
    /// Why it was declined, is unknown, or could not be captured.
    package let reason: String?
    /// What was asked to be authorized.
    package let amount: Money?
    package let authorizationCode: String?
    package let captured: Money?
    package let captureID: String?
    /// Whether an operator has skipped the capture.
    package let isWrittenOff: Bool
    /// Its events, oldest first: the newest `ReadStore.maximumHistory`.
    package let history: [TimelineEntry]
    /// The last event that changed anything here.
    package let mark: Mark
}

/// An order's parcel, and the stock that is held for it.
package struct DeliveryDetail: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        package let sku: String
        package let quantity: Int64
    }

    package let status: Delivery.Phase
    package let reservation: Reservation.Phase
    package let reason: String?
    /// What the carrier goes by, as it came with the order.
    package let shipping: String?
    package let tracking: String?
    /// A line for each SKU, sorted.
    package let lines: [Line]
    /// Its events, oldest first: the newest `ReadStore.maximumHistory`.
    package let history: [TimelineEntry]
    /// The last event of deliveries that changed anything here.
    package let mark: Mark
}

/// What became of the mails about one order.
package struct NotificationList: Hashable, Sendable {
    package enum Status: String, Hashable, Sendable { case sent, failed, skipped }

    package struct Item: Hashable, Sendable {
        package let kind: String
        package let status: Status
        package let at: Timestamp
        package let reason: String?
    }

    /// In the order they were recorded.
    package let items: [Item]
    /// The last event that changed anything here.
    package let mark: Mark
}

extension ReadStore {
    /// The most events that a history shows.
    package static let maximumHistory = 1000

    /// The order's payment; nil where there is none yet.
    package func payment(_ order: OrderID) throws(ReadError) -> PaymentDetail? {
        try read { (connection) throws(SQLiteError) in
            guard let row = try OrderRow.load(order.value, from: connection),
                row.payment != .absent
            else { return nil }
            let currency = row.paymentCurrency.flatMap { Currency($0) }
            func money(_ minor: Int64?) -> Money? {
                guard let minor, let currency else { return nil }
                return Money(minor: minor, currency: currency)
            }
            return PaymentDetail(
                status: row.payment, reason: row.paymentReason, amount: money(row.amount),
                authorizationCode: row.authorizationCode, captured: money(row.captured),
                captureID: row.captureID, isWrittenOff: row.isWrittenOff,
                history: try Self.history(order, "payments", connection), mark: row.paymentsAt)
        }
    }

    /// The order's delivery; nil where the orders' own log has not told of the order yet.
    package func delivery(_ order: OrderID) throws(ReadError) -> DeliveryDetail? {
        try read { (connection) throws(SQLiteError) in
            guard let row = try OrderRow.load(order.value, from: connection), row.shown != nil
            else { return nil }
            return DeliveryDetail(
                status: row.delivery, reservation: row.reservation, reason: row.deliveryReason,
                shipping: row.shipping, tracking: row.tracking,
                lines: try Self.parcel(order, connection),
                history: try Self.history(order, "deliveries", connection),
                mark: row.deliveriesAt)
        }
    }

    /// The order's mails; nil where the orders' own log has not told of the order yet.
    package func notifications(_ order: OrderID) throws(ReadError) -> NotificationList? {
        try read { (connection) throws(SQLiteError) in
            guard let row = try OrderRow.load(order.value, from: connection), row.shown != nil
            else { return nil }
            let history = try Self.history(order, "notifications", connection)
            return NotificationList(
                items: history.compactMap { NotificationList.Item($0) },
                mark: row.notificationsAt)
        }
    }

    private static func parcel(_ order: OrderID, _ connection: Connection) throws(SQLiteError)
        -> [DeliveryDetail.Line]
    {
        let rows = try connection.statement(
            """
            SELECT sku, sum(quantity) FROM order_lines WHERE order_id = ?1
            GROUP BY sku ORDER BY sku
            """)
        defer { rows.reset() }
        try rows.bind(1, order.value)
        var lines: [DeliveryDetail.Line] = []
        while try rows.step() {
            lines.append(.init(sku: rows.text(0), quantity: rows.integer(1)))
        }
        return lines
    }

    /// An order's events in one log, oldest first.
    private static func history(
        _ order: OrderID, _ log: String, _ connection: Connection
    ) throws(SQLiteError) -> [TimelineEntry] {
        let entries = try TimelinePage.entries(of: order.value, in: connection)
            .filter { $0.identity.log.value == log }
            .sorted { $0.identity < $1.identity }
        return entries.suffix(maximumHistory)
    }
}

extension NotificationList.Item {
    /// Nil for an event that ends no mail.
    fileprivate init?(_ entry: TimelineEntry) {
        switch entry.type.name {
        case "notification.sent": status = .sent
        case "notification.failed": status = .failed
        case "notification.skipped": status = .skipped
        default: return nil
        }
        guard let json = try? JSON(parsing: entry.data), let kind = json["kind"]?.string else {
            return nil
        }
        self.kind = kind
        at = entry.recordedAt
        reason = json["reason"]?.string
    }
}

package import Domain
import EventSourcing
import SQLite

extension ReadStore {
    /// The order; nil where the orders' own log has not told of it yet.
    package func order(_ id: OrderID) throws(ReadError) -> OrderDetail? {
        try read { (connection) throws(SQLiteError) in
            guard let row = try OrderRow.load(id.value, from: connection) else { return nil }
            return OrderDetail(id, row, lines: try Self.lines(id, connection))
        }
    }

    private static func lines(_ id: OrderID, _ connection: Connection) throws(SQLiteError)
        -> [LineRow]
    {
        let statement = try connection.statement(
            """
            SELECT sku, quantity, unit_price, description FROM order_lines
            WHERE order_id = ?1 ORDER BY line
            """)
        defer { statement.reset() }
        try statement.bind(1, id.value)
        var lines: [LineRow] = []
        while try statement.step() {
            lines.append(
                LineRow(
                    sku: statement.text(0), quantity: statement.integer(1),
                    unitPrice: statement.integer(2), description: statement.optionalText(3)))
        }
        return lines
    }

    /// The order's history over all logs, in the order it was recorded, at most `limit` entries
    /// after `cursor`.
    package func timeline(_ id: OrderID, limit: Int, after cursor: TimelineCursor? = nil)
        throws(ReadError) -> [TimelineEntry]
    {
        try read { (connection) throws(SQLiteError) in
            let entries = try TimelinePage.entries(of: id.value, in: connection)
                .map { (TimelineCursor($0), $0) }
                .filter { place, _ in cursor.map { $0 < place } ?? true }
                .sorted { $0.0 < $1.0 }
            return entries.prefix(max(0, limit)).map(\.1)
        }
    }

    /// What there is of a SKU; nil for one that was never received or reserved.
    package func stock(_ sku: SKU) throws(ReadError) -> StockLevel? {
        try read { (connection) throws(SQLiteError) in
            guard let row = try StockRow.load(sku.value, from: connection) else { return nil }
            return StockLevel(
                sku: sku, onHand: row.onHand, reserved: row.reserved, mark: row.mark)
        }
    }
}

extension OrderDetail {
    /// Nil for a row whose order has not been placed as far as is known.
    fileprivate init?(_ id: OrderID, _ row: OrderRow, lines: [LineRow]) {
        guard
            let status = row.shown, let currency = row.currency.flatMap({ Currency($0) }),
            let total = row.total, let placedAt = row.placedAt
        else { return nil }
        self.init(
            id: id, customer: row.customer, reference: row.reference, shipping: row.shipping,
            status: status, reason: row.reason, payment: row.payment,
            paymentReason: row.paymentReason, isWrittenOff: row.isWrittenOff,
            delivery: row.delivery,
            deliveryReason: row.deliveryReason, reservation: row.reservation,
            tracking: row.tracking,
            total: Money(minor: total, currency: currency),
            lines: lines.map { line in
                Line(
                    sku: line.sku, quantity: line.quantity,
                    unitPrice: Money(minor: line.unitPrice, currency: currency),
                    description: line.description)
            },
            mailsSent: row.mailsSent, version: Version(row.version), placedAt: placedAt,
            updatedAt: row.updatedAt,
            marks: [row.ordersAt, row.paymentsAt, row.deliveriesAt, row.notificationsAt])
    }
}

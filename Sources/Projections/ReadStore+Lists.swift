package import Domain
package import EventSourcing
import SQLite

/// Which orders a list has; a member that is nil leaves all.
package struct OrderFilter: Hashable, Sendable {
    package var customer: CustomerID?
    package var status: ShownStatus?
    /// By business time.
    package var period = Period()

    package init() {}
}

/// From one moment, inclusive, to another, exclusive; open where they are nil.
package struct Period: Hashable, Sendable {
    package var from: Timestamp?
    package var to: Timestamp?

    package init(from: Timestamp? = nil, to: Timestamp? = nil) {
        self.from = from
        self.to = to
    }
}

/// Where a page of orders ends: newest first, by business time and then id.
package struct OrderCursor: Hashable, Sendable {
    package let placedAt: Timestamp
    package let id: String

    package init(_ order: OrderSummary) {
        placedAt = order.placedAt
        id = order.id
    }

    /// The moment in microseconds, and the id.
    package var fields: [String] { ["\(placedAt.microseconds)", id] }

    /// Reads what `fields` gives; nil for anything else.
    package init?(_ fields: [String]) {
        guard fields.count == 2, let time = Int64(fields[0]) else { return nil }
        placedAt = Timestamp(microseconds: time)
        id = fields[1]
    }
}

/// An order in a list.
package struct OrderSummary: Hashable, Sendable {
    package let id: String
    package let status: ShownStatus
    /// Why it was cancelled, rejected or expired.
    package let reason: String?
    package let customer: String?
    package let reference: String?
    package let total: Money
    package let lineCount: Int64
    /// The pieces of all lines.
    package let units: Int64
    package let placedAt: Timestamp
    package let updatedAt: Timestamp
}

extension ReadStore {
    /// At most `limit` orders after `cursor`, newest first. An order that comes in meanwhile moves
    /// none of the others to another page.
    package func orders(
        _ filter: OrderFilter, limit: Int, after cursor: OrderCursor? = nil
    ) throws(ReadError) -> [OrderSummary] {
        try read { (connection) throws(SQLiteError) in
            let rows = try connection.statement(Self.listing(filter))
            defer { rows.reset() }
            if let customer = filter.customer { try rows.bind(1, customer.value) }
            if let status = filter.status { try rows.bind(2, status.rawValue) }
            try rows.bind(3, filter.period.from?.microseconds ?? .min)
            // No id comes before the empty one: the end itself is left out.
            let end = filter.period.to?.microseconds ?? .max
            try rows.bind(4, cursor?.placedAt.microseconds ?? end)
            try rows.bind(5, cursor?.id ?? "")
            try rows.bind(6, Int64(max(0, limit)))
            var orders: [OrderSummary] = []
            while try rows.step() {
                if let order = OrderSummary(rows) { orders.append(order) }
            }
            return orders
        }
    }

    /// The index is named, as without statistics SQLite may take one that has to sort.
    private static func listing(_ filter: OrderFilter) -> String {
        let index: String
        var conditions = ["placed_at >= ?3", "(placed_at, id) < (?4, ?5)", "shown NOT NULL"]
        switch (filter.customer, filter.status) {
        case (nil, nil): index = "orders_by_time"
        case (nil, _?): index = "orders_by_status"
        case (_?, _): index = "orders_by_customer"
        }
        if filter.customer != nil { conditions.append("customer = ?1") }
        if filter.status != nil { conditions.append("shown = ?2") }
        return """
            SELECT id, shown, reason, customer, reference, total, currency, line_count, units,
                placed_at, updated_at FROM orders INDEXED BY \(index)
            WHERE \(conditions.joined(separator: " AND "))
            ORDER BY placed_at DESC, id DESC LIMIT ?6
            """
    }
}

extension OrderSummary {
    fileprivate init?(_ row: Statement) {
        guard let status = ShownStatus(rawValue: row.text(1)), let currency = Currency(row.text(6))
        else { return nil }
        self.init(
            id: row.text(0), status: status, reason: row.optionalText(2),
            customer: row.optionalText(3), reference: row.optionalText(4),
            total: Money(minor: row.integer(5), currency: currency), lineCount: row.integer(7),
            units: row.integer(8), placedAt: Timestamp(microseconds: row.integer(9)),
            updatedAt: Timestamp(microseconds: row.integer(10)))
    }
}

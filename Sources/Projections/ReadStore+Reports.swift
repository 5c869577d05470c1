import Domain
import EventSourcing
import SQLite

extension ReadStore {
    /// What completed orders of a period brought in: at most `limit` rows after `key`, and the
    /// totals of all.
    ///
    /// All of the period's orders are read each time; sums are made here, where they cannot
    /// overflow unseen.
    package func revenue(
        by group: RevenueReport.Group, in period: Period, limit: Int,
        after key: RevenueReport.Key? = nil
    ) throws(ReportError) -> RevenueReport {
        try reported { (connection) throws(SQLiteError) in
            let orders = try connection.statement(
                """
                SELECT id, currency, placed_at, line_count, units, total
                FROM orders INDEXED BY orders_by_status
                WHERE shown = 'completed' AND placed_at >= ?1 AND placed_at < ?2
                """)
            defer { orders.reset() }
            try orders.bind(1, period.from?.microseconds ?? .min)
            try orders.bind(2, period.to?.microseconds ?? .max)
            var fold = RevenueFold(group: group)
            while try orders.step() {
                guard let currency = Currency(orders.text(1)) else { continue }
                do throws(ReportError) {
                    try fold.add(orders, currency)
                } catch { return .failure(error) }
                guard group == .sku else { continue }
                let error = try Self.addLines(
                    of: orders.text(0), currency, to: &fold, connection)
                if let error { return .failure(error) }
            }
            return .success(
                RevenueReport(fold.groups, fold.totals, limit: limit, after: key))
        }
    }

    private static func addLines(
        of order: String, _ currency: Currency, to fold: inout RevenueFold,
        _ connection: Connection
    ) throws(SQLiteError) -> ReportError? {
        let lines = try connection.statement(
            "SELECT sku, quantity, unit_price FROM order_lines WHERE order_id = ?1")
        defer { lines.reset() }
        try lines.bind(1, order)
        while try lines.step() {
            do throws(ReportError) {
                try fold.addLine(
                    lines.text(0), quantity: lines.integer(1), unitPrice: lines.integer(2),
                    currency)
            } catch { return error }
        }
        return nil
    }

    /// How many orders stand how, by currency.
    package func ordersByStatus() throws(ReportError) -> StatusReport {
        try reported { (connection) throws(SQLiteError) in
            let orders = try connection.statement(
                "SELECT shown, currency, total FROM orders WHERE shown NOT NULL")
            defer { orders.reset() }
            var sums: [ShownStatus: [Currency: Sums]] = [:]
            while try orders.step() {
                guard let status = ShownStatus(rawValue: orders.text(0)),
                    let currency = Currency(orders.text(1))
                else { continue }
                do throws(ReportError) {
                    try sums[status, default: [:]][currency, default: Sums(in: currency)]
                        .add(orders: 1, lines: 0, units: 0, minor: orders.integer(2))
                } catch { return .failure(error) }
            }
            return .success(
                StatusReport(
                    rows: ShownStatus.allCases.flatMap { status in
                        (sums[status] ?? [:]).values
                            .sorted { $0.revenue.currency.code < $1.revenue.currency.code }
                            .map { .init(status: status, orders: $0.orders, total: $0.revenue) }
                    }))
        }
    }

    private func reported<Report: Sendable>(
        _ body: @Sendable (Connection) throws(SQLiteError) -> Result<Report, ReportError>
    ) throws(ReportError) -> Report {
        let result: Result<Report, ReportError>
        do throws(ReadError) {
            result = try read(body)
        } catch { throw .unreadable(error) }
        return try result.get()
    }
}

/// Sums orders, one by one.
private struct RevenueFold {
    private struct Group {
        var sums: Sums
        /// The number of the order that was counted last, as an order's lines come together.
        private var order: Int64 = 0

        init(in currency: Currency) { sums = Sums(in: currency) }

        mutating func add(_ order: Int64, units: Int64, minor: Int64) throws(ReportError) {
            let isNew = self.order != order
            self.order = order
            try sums.add(orders: isNew ? 1 : 0, lines: 1, units: units, minor: minor)
        }
    }

    let group: RevenueReport.Group
    private var byKey: [RevenueReport.Key: Group] = [:]
    private(set) var totals: [Currency: Sums] = [:]
    private var order: Int64 = 0

    init(group: RevenueReport.Group) { self.group = group }

    var groups: [RevenueReport.Key: Sums] { byKey.mapValues(\.sums) }

    /// A row of id, currency, time, lines, units and total. Its lines follow, where they tell the
    /// groups.
    mutating func add(_ row: Statement, _ currency: Currency) throws(ReportError) {
        order += 1
        let (lines, units, minor) = (row.integer(3), row.integer(4), row.integer(5))
        try totals[currency, default: Sums(in: currency)]
            .add(orders: 1, lines: lines, units: units, minor: minor)
        let letters: Int
        switch group {
        case .day: letters = 10
        case .month: letters = 7
        case .sku: return
        }
        let time = Timestamp(microseconds: row.integer(2)).description
        let name = String(decoding: time.utf8.prefix(letters), as: UTF8.self)
        let key = RevenueReport.Key(group: name, currency: currency)
        try byKey[key, default: Group(in: currency)].sums
            .add(orders: 1, lines: lines, units: units, minor: minor)
    }

    /// A line of the order that was added last.
    mutating func addLine(
        _ sku: String, quantity: Int64, unitPrice: Int64, _ currency: Currency
    ) throws(ReportError) {
        let price = quantity.multipliedReportingOverflow(by: unitPrice)
        guard !price.overflow else { throw .overflow(currency) }
        let key = RevenueReport.Key(group: sku, currency: currency)
        try byKey[key, default: Group(in: currency)]
            .add(order, units: quantity, minor: price.partialValue)
    }
}

package import Domain

/// What a sum of orders holds, in one currency.
package struct Sums: Hashable, Sendable {
    package fileprivate(set) var orders: Int64 = 0
    package fileprivate(set) var lines: Int64 = 0
    package fileprivate(set) var units: Int64 = 0
    package fileprivate(set) var revenue: Money

    init(in currency: Currency) { revenue = Money(minor: 0, currency: currency) }

    /// - Throws: where a sum is beyond 64 bits.
    mutating func add(
        orders: Int64, lines: Int64, units: Int64, minor: Int64
    ) throws(ReportError) {
        do throws(MoneyError) {
            revenue = try revenue + Money(minor: minor, currency: revenue.currency)
        } catch { throw .overflow(revenue.currency) }
        let units = self.units.addingReportingOverflow(units)
        guard !units.overflow else { throw .overflow(revenue.currency) }
        self.units = units.partialValue
        // Each was counted one by one.
        self.orders += orders
        self.lines += lines
    }
}

/// Why there is no report.
package enum ReportError: Error, Hashable, CustomStringConvertible {
    case overflow(Currency)
    case unreadable(ReadError)

    package var description: String {
        switch self {
        case .overflow(let currency):
            "a sum in \(currency) is beyond 64 bits; ask for less time with from and to"
        case .unreadable(let error): error.description
        }
    }
}

/// What completed orders brought in, by day, month or SKU.
package struct RevenueReport: Hashable, Sendable {
    package enum Group: String, Hashable, Sendable, CaseIterable {
        /// Of business time in UTC.
        case day, month
        case sku
    }

    /// What tells rows apart, and the order they come in: by group, then by currency, as bytes.
    package struct Key: Hashable, Sendable, Comparable {
        /// `2010-12-01`, `2010-12` or a SKU.
        package let group: String
        package let currency: Currency

        init(group: String, currency: Currency) {
            self.group = group
            self.currency = currency
        }

        /// What a cursor holds of it.
        package var fields: [String] { [group, currency.code] }

        /// Reads what `fields` gives; nil for anything else.
        package init?(_ fields: [String]) {
            guard fields.count == 2, let currency = Currency(fields[1]) else { return nil }
            self.init(group: fields[0], currency: currency)
        }

        package static func < (a: Key, b: Key) -> Bool {
            if a.group.utf8.elementsEqual(b.group.utf8) { return a.currency.code < b.currency.code }
            return a.group.utf8.lexicographicallyPrecedes(b.group.utf8)
        }
    }

    package struct Row: Hashable, Sendable {
        package let key: Key
        package let sums: Sums
    }

    /// The rows of this page, sorted by key.
    package let rows: [Row]
    /// A currency each, over all pages, sorted by its code.
    package let totals: [Sums]

    init(_ groups: [Key: Sums], _ totals: [Currency: Sums], limit: Int, after key: Key?) {
        let keys = groups.keys.filter { candidate in key.map { $0 < candidate } ?? true }
        rows = keys.sorted().prefix(max(0, limit)).compactMap { key in
            groups[key].map { Row(key: key, sums: $0) }
        }
        self.totals = totals.values.sorted { $0.revenue.currency.code < $1.revenue.currency.code }
    }
}

/// How many orders stand how, and what they are worth.
package struct StatusReport: Hashable, Sendable {
    package struct Row: Hashable, Sendable {
        package let status: ShownStatus
        package let orders: Int64
        package let total: Money
    }

    /// Sorted by status as an order goes through them, then by currency.
    package let rows: [Row]
}

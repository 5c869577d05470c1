import Domain
import SQLite

/// Where an order's row stands in the books of money. What a fact posts is the difference between
/// the standing before and after it.
///
/// The first half follows from columns that the orders' log alone writes, the other from those of
/// the payments' log: so the postings are the same for every mixture of the logs.
struct Standing {
    var currency: String?
    /// The total of an order that has not ended.
    var open: Int64 = 0
    /// The total of one that is completed.
    var sold: Int64 = 0
    /// The total of one whose capture was skipped.
    var writtenOff: Int64 = 0

    var paymentCurrency: String?
    /// What the provider holds.
    var held: Int64 = 0
    var captured: Int64 = 0

    init() {}

    init(_ row: OrderRow) {
        currency = row.currency
        if let total = row.total {
            switch row.phase {
            case .placed, .confirmed: open = total
            case .completed: sold = total
            case .absent, .cancelPending, .rejected, .cancelled, .expired: break
            }
            if row.isWrittenOff { writtenOff = total }
        }
        paymentCurrency = row.paymentCurrency
        if row.hasAuthorization { held = row.amount ?? 0 }
        captured = row.captured ?? 0
    }
}

extension OrderRow {
    /// Whether the provider holds money for the order; one that is being voided has been authorized
    /// where there is a code.
    var hasAuthorization: Bool {
        switch payment {
        case .authorized, .capturing: true
        case .voiding: authorizationCode != nil
        case .absent, .authorizing, .voidPending, .voided, .declined, .captured, .unknown: false
        }
    }
}

extension RowBatch {
    /// Books what a fact has changed in an order's standing.
    func post(from old: Standing, to new: Standing) throws(SQLiteError) {
        let (was, now) = (old.currency, new.currency)
        try move((old.open, was), (new.open, now), debit: .openOrders, credit: .ordered)
        try move((old.sold, was), (new.sold, now), debit: .customers, credit: .revenue)
        try move(
            (old.writtenOff, was), (new.writtenOff, now), debit: .writtenOff, credit: .customers)
        let (paidIn, paysIn) = (old.paymentCurrency, new.paymentCurrency)
        try move((old.held, paidIn), (new.held, paysIn), debit: .authorized, credit: .provider)
        try move(
            (old.captured, paidIn), (new.captured, paysIn), debit: .captured, credit: .customers)
    }

    /// Takes back what was booked, and books what is.
    private func move(
        _ old: (amount: Int64, unit: String?), _ new: (amount: Int64, unit: String?),
        debit: Account, credit: Account
    ) throws(SQLiteError) {
        guard old != new else { return }
        if let unit = old.unit { try post(old.amount, debit: credit, credit: debit, in: unit) }
        if let unit = new.unit { try post(new.amount, debit: debit, credit: credit, in: unit) }
    }
}

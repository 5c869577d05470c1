import SQLite

/// An account of the books. Money is booked by currency, goods in units; each posting goes from one
/// account's credit to another's debit.
enum Account: Int, CaseIterable {
    /// Totals of orders that have not ended, and what stands against them.
    case openOrders, ordered
    /// What customers owe: a completed order's total, less what was captured or written off. On the
    /// other side stands what was captured before the order is completed.
    case customers, revenue, captured
    /// Totals whose capture an operator has skipped.
    case writtenOff
    /// What the provider holds for the shop, and what stands against it.
    case authorized, provider
    /// Goods: in the warehouse, where they came from and went to.
    case onHand, suppliers, shipped
    /// What of them is held for orders, and what stands against it.
    case reserved, promised

    /// As the file has it.
    var name: String {
        switch self {
        case .openOrders: "open-orders"
        case .writtenOff: "written-off"
        case .onHand: "on-hand"
        case .ordered, .customers, .revenue, .captured, .authorized, .provider, .suppliers,
            .shipped, .reserved, .promised:
            "\(self)"
        }
    }

    init?(named name: String) {
        guard let account = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = account
    }
}

/// The books' sums in memory: what a batch posts is written once.
///
/// Sums go modulo 2^64: what was recorded must not end the process, and any order of postings must
/// lead to the same sums.
struct Books {
    /// What goods are counted in; no currency's code.
    static let units = "units"

    private struct Ledger {
        let unit: String
        var debits = [Int64](repeating: 0, count: Account.allCases.count)
        var credits = [Int64](repeating: 0, count: Account.allCases.count)
        /// The accounts that differ from the file, a bit each.
        var changed: UInt32 = 0
    }

    private var ledgers: [Ledger] = []
    /// Most postings are in the currency of the last one.
    private var last = 0
    private var isLoaded = false
    private(set) var isChanged = false

    mutating func post(
        _ amount: Int64, debit: Account, credit: Account, in unit: String,
        from connection: Connection
    ) throws(SQLiteError) {
        guard amount != 0 else { return }
        if !isLoaded { try load(from: connection) }
        if last >= ledgers.count || ledgers[last].unit != unit { last = place(of: unit) }
        ledgers[last].debits[debit.rawValue] &+= amount
        ledgers[last].credits[credit.rawValue] &+= amount
        ledgers[last].changed |= 1 << debit.rawValue | 1 << credit.rawValue
        isChanged = true
    }

    private mutating func place(of unit: String) -> Int {
        if let known = ledgers.firstIndex(where: { $0.unit == unit }) { return known }
        ledgers.append(Ledger(unit: unit))
        return ledgers.count - 1
    }

    private mutating func load(from connection: Connection) throws(SQLiteError) {
        let row = try connection.statement("SELECT account, unit, debit, credit FROM books")
        defer { row.reset() }
        while try row.step() {
            guard let account = Account(named: row.text(0)) else { continue }
            let place = place(of: row.text(1))
            ledgers[place].debits[account.rawValue] = row.integer(2)
            ledgers[place].credits[account.rawValue] = row.integer(3)
        }
        isLoaded = true
    }

    /// Writes what changed, within the caller's transaction.
    func write(to connection: Connection) throws(SQLiteError) {
        for ledger in ledgers where ledger.changed != 0 {
            for account in Account.allCases where ledger.changed & 1 << account.rawValue != 0 {
                let statement = try connection.statement(
                    "INSERT OR REPLACE INTO books VALUES (?1, ?2, ?3, ?4)")
                try statement.bind(1, account.name)
                try statement.bind(2, ledger.unit)
                try statement.bind(3, ledger.debits[account.rawValue])
                try statement.bind(4, ledger.credits[account.rawValue])
                try statement.run()
            }
        }
    }

    /// The caller's transaction is committed.
    mutating func settle() {
        guard isChanged else { return }
        for place in ledgers.indices { ledgers[place].changed = 0 }
        isChanged = false
    }
}

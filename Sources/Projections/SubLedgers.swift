import SQLite

/// What the accounts' balances must be by the rows of orders, stock and reservations: all rows are
/// summed up, by a reckoning of its own.
struct SubLedgers {
    private struct Place: Hashable {
        let unit: String
        let account: Account
    }

    private var balances: [Place: Int64] = [:]
    /// By SKU, where the row and the reservations differ.
    private var reservations: [BookAlarm] = []

    /// - Parameter connection: to a read store, in a transaction.
    init(_ connection: Connection) throws(SQLiteError) {
        try sumOrders(connection)
        try sumPayments(connection)
        try sumStock(connection)
    }

    private mutating func add(_ amount: Int64, _ account: Account, _ unit: String) {
        balances[Place(unit: unit, account: account), default: 0] &+= amount
    }

    private mutating func sumOrders(_ connection: Connection) throws(SQLiteError) {
        let row = try connection.statement(
            """
            SELECT currency, total, status, written_off FROM orders
            WHERE currency NOT NULL AND total NOT NULL
            """)
        defer { row.reset() }
        while try row.step() {
            let (unit, total) = (row.text(0), row.integer(1))
            switch row.text(2) {
            case "placed", "confirmed":
                add(total, .openOrders, unit)
                add(0 &- total, .ordered, unit)
            case "completed":
                add(total, .customers, unit)
                add(0 &- total, .revenue, unit)
            default: break
            }
            guard row.integer(3) != 0 else { continue }
            add(total, .writtenOff, unit)
            add(0 &- total, .customers, unit)
        }
    }

    private mutating func sumPayments(_ connection: Connection) throws(SQLiteError) {
        let row = try connection.statement(
            """
            SELECT payment_currency, amount, captured, payment, authorization_code NOT NULL
            FROM orders WHERE payment_currency NOT NULL
            """)
        defer { row.reset() }
        while try row.step() {
            let (unit, captured) = (row.text(0), row.integer(2))
            add(captured, .captured, unit)
            add(0 &- captured, .customers, unit)
            let phase = row.text(3)
            guard
                phase == "authorized" || phase == "capturing"
                    || phase == "voiding" && row.integer(4) != 0
            else { continue }
            add(row.integer(1), .authorized, unit)
            add(0 &- row.integer(1), .provider, unit)
        }
    }

    private mutating func sumStock(_ connection: Connection) throws(SQLiteError) {
        var held: [String: Int64] = [:]
        let lines = try connection.statement("SELECT sku, quantity FROM reservations")
        defer { lines.reset() }
        while try lines.step() { held[lines.text(0), default: 0] &+= lines.integer(1) }
        let row = try connection.statement(
            "SELECT sku, on_hand, shipped, received, reserved FROM stock")
        defer { row.reset() }
        while try row.step() {
            add(row.integer(1), .onHand, Books.units)
            add(row.integer(2), .shipped, Books.units)
            add(0 &- row.integer(3), .suppliers, Books.units)
            add(row.integer(4), .reserved, Books.units)
            add(0 &- row.integer(4), .promised, Books.units)
            note(row.text(0), reserved: row.integer(4), held.removeValue(forKey: row.text(0)) ?? 0)
        }
        for (sku, quantity) in held.sorted(by: { $0.key < $1.key }) {
            note(sku, reserved: 0, quantity)
        }
    }

    private mutating func note(_ sku: String, reserved: Int64, _ sum: Int64) {
        guard reserved != sum else { return }
        reservations.append(
            BookAlarm(
                book: .stock, code: "reserved-differs",
                detail: "\(sku): \(reserved) are reserved, its reservations sum up to \(sum)",
                sku: sku, unit: Books.units))
    }

    /// What differs, at most so many accounts and as many SKUs.
    func differences(from ledgers: [Accounts.Ledger], most: Int) -> [BookAlarm] {
        var places = Set(balances.keys)
        for ledger in ledgers {
            for line in ledger.lines {
                guard let account = Account(named: line.account) else { continue }
                places.insert(Place(unit: ledger.unit, account: account))
            }
        }
        let alarms = places.sorted {
            ($0.unit, $0.account.rawValue) < ($1.unit, $1.account.rawValue)
        }.compactMap { place -> BookAlarm? in
            let (unit, name) = (place.unit, place.account.name)
            let booked = ledgers.first { $0.unit == unit }?.balance(name) ?? 0
            let summed = balances[place] ?? 0
            guard booked != summed else { return nil }
            return BookAlarm(
                book: unit == Books.units ? .stock : .money, code: "ledger-differs",
                detail: "\(unit): \(name) stands at \(Accounts.text(booked, unit)), "
                    + "its rows sum up to \(Accounts.text(summed, unit))", unit: unit)
        }
        return Array(alarms.prefix(most) + reservations.prefix(most))
    }
}

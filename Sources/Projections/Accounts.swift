import Domain
package import EventSourcing
import EventStore
package import SQLite

/// Something that does not balance.
package struct BookAlarm: Hashable, Sendable {
    package enum Book: String, CaseIterable, Sendable {
        /// What is recorded, published and applied, log by log.
        case hops
        case money, stock
    }

    package let book: Book
    /// What is wrong, `captured-differs`.
    package let code: String
    /// The same for a person, with the numbers.
    package let detail: String
    package var order: String?
    package var sku: String?
    /// A log, for an alarm of the hops.
    package var log: String?
    /// A currency, or `units` for goods.
    package var unit: String?

    package init(
        book: Book, code: String, detail: String, order: String? = nil, sku: String? = nil,
        log: String? = nil, unit: String? = nil
    ) {
        (self.book, self.code, self.detail) = (book, code, detail)
        (self.order, self.sku, self.log, self.unit) = (order, sku, log, unit)
    }
}

/// The books of money and goods as of one moment, and what does not balance in them.
package struct Accounts: Sendable {
    package struct Line: Hashable, Sendable {
        package let account: String
        /// Minor units of the currency, or pieces; modulo 2^64.
        package let debit: Int64
        package let credit: Int64
        package var balance: Int64 { debit &- credit }
    }

    /// The accounts of one currency, or of goods.
    package struct Ledger: Hashable, Sendable {
        package let unit: String
        package fileprivate(set) var lines: [Line] = []

        package func balance(_ account: String) -> Int64 {
            lines.first { $0.account == account }?.balance ?? 0
        }
    }

    /// What is asked of the books.
    package struct Question: Sendable {
        /// Whether all rows are summed up and compared with the books: reads every order.
        package var isVerifying = false
        /// Whether nothing is on its way: an order that does not balance now never will.
        package var isQuiet = false
        /// The most alarms of one kind that are told.
        package var most = 20

        package init(isVerifying: Bool = false, isQuiet: Bool = false, most: Int = 20) {
            (self.isVerifying, self.isQuiet, self.most) = (isVerifying, isQuiet, most)
        }
    }

    /// The most orders out of balance that are counted.
    package static let mostCounted = 10_000

    /// A currency each, sorted by its code.
    package private(set) var money: [Ledger] = []
    package private(set) var stock = Ledger(unit: Books.units)
    /// At most `mostCounted`.
    package private(set) var ordersOutOfBalance = 0
    package private(set) var alarms: [BookAlarm] = []
    /// What the rows' sums have shown; nil where they were not asked for.
    package private(set) var verification: [BookAlarm]?
    /// All logs were read through this moment; nil where one was not heard of.
    package private(set) var readThrough: Timestamp?

    /// - Parameter connection: to a read store, in a transaction.
    init(_ connection: Connection, _ question: Question) throws(SQLiteError) {
        try readBooks(connection)
        readThrough = try Self.readThrough(connection)
        let wrong = try wrongOrders(connection, question)
        let short = try wrongStock(connection, question)
        alarms += wrong + short
        if question.isVerifying {
            verification = try SubLedgers(connection).differences(
                from: money + [stock], most: question.most)
            alarms += verification ?? []
        }
    }

    /// Looks at a read store's file, and changes nothing of it.
    ///
    /// - Parameter isInUse: whether somebody may be writing it.
    package static func look(path: String, isInUse: Bool, _ question: Question)
        throws(SQLiteError) -> Accounts
    {
        let connection = try FileInspection.open(path, isInUse: isInUse)
        try connection.execute("BEGIN")
        let accounts = try Accounts(connection, question)
        try connection.execute("COMMIT")
        return accounts
    }

    private mutating func readBooks(_ connection: Connection) throws(SQLiteError) {
        let row = try connection.statement(
            "SELECT unit, account, debit, credit FROM books ORDER BY unit, account")
        defer { row.reset() }
        var ledgers: [Ledger] = []
        while try row.step() {
            if ledgers.last?.unit != row.text(0) { ledgers.append(Ledger(unit: row.text(0))) }
            ledgers[ledgers.count - 1].lines.append(
                Line(account: row.text(1), debit: row.integer(2), credit: row.integer(3)))
        }
        for place in ledgers.indices {
            ledgers[place].lines.sort { Self.rank($0) < Self.rank($1) }
            let unit = ledgers[place].unit
            let (debits, credits) = ledgers[place].lines.reduce(into: (Int64(0), Int64(0))) {
                $0 = ($0.0 &+ $1.debit, $0.1 &+ $1.credit)
            }
            guard debits != credits else { continue }
            alarms.append(
                BookAlarm(
                    book: unit == Books.units ? .stock : .money, code: "debit-differs",
                    detail: "\(unit): debits are \(Self.text(debits, unit)), "
                        + "credits \(Self.text(credits, unit))", unit: unit))
        }
        if let goods = ledgers.first(where: { $0.unit == Books.units }) { stock = goods }
        money = ledgers.filter { $0.unit != Books.units }
    }

    private static func rank(_ line: Line) -> Int {
        Account(named: line.account)?.rawValue ?? Account.allCases.count
    }

    /// An amount of a currency, or of pieces, for a person.
    package static func text(_ amount: Int64, _ unit: String) -> String {
        Currency(unit).map { "\(Money(minor: amount, currency: $0))" } ?? "\(amount)"
    }

    /// The moment up to which all four logs were read, by what each has said of itself.
    private static func readThrough(_ connection: Connection) throws(SQLiteError) -> Timestamp? {
        let sources = try CheckpointTable(connection).all()
        guard sources.count == logs else { return nil }
        return sources.values.map(\.asOf).min()
    }

    /// How many logs there are.
    private static let logs = 4

    private mutating func wrongOrders(_ connection: Connection, _ question: Question)
        throws(SQLiteError) -> [BookAlarm]
    {
        var (named, count): ([BookAlarm], Int) = ([], 0)
        var currencies: Set<String> = []
        try OrderBalance.forEachWrong(
            in: connection, before: question.isQuiet ? nil : readThrough ?? .epoch,
            limit: Self.mostCounted
        ) { alarm in
            count += 1
            // One of each currency at least.
            guard named.count < question.most || currencies.insert(alarm.unit ?? "").inserted
            else { return }
            currencies.insert(alarm.unit ?? "")
            named.append(alarm)
        }
        ordersOutOfBalance = count
        return named
    }

    private func wrongStock(_ connection: Connection, _ question: Question)
        throws(SQLiteError) -> [BookAlarm]
    {
        var named: [BookAlarm] = []
        try StockBalance.forEachWrong(in: connection, limit: question.most) { named.append($0) }
        return named
    }
}

extension ReadStore {
    /// The books, and what does not balance in them.
    ///
    /// Without verifying it reads what looks wrong, and the books, alone: however many orders there
    /// are, it is quick.
    package func accounts(_ question: Accounts.Question = Accounts.Question()) throws(ReadError)
        -> Accounts
    {
        try read { (connection) throws(SQLiteError) in try Accounts(connection, question) }
    }
}

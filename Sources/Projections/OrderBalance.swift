import Domain
import EventSourcing
import SQLite

/// Which orders' rows do not balance by their own columns. The expression makes a partial index, so
/// that the few there are found among millions, whoever has changed a row. It has the key alone, so
/// that a row that changes in other columns than the expression's costs no look at it.
enum OrderBalance {
    static let index = "orders_out_of_balance"
    /// A void takes a while at the provider.
    static let timeToVoid = Duration.seconds(60)

    /// The name of what is wrong; NULL where nothing is.
    private static let code = """
        CASE WHEN payment_currency <> currency THEN 'currency-differs' \
        WHEN status = 'completed' AND captured IS NOT total \
        AND NOT (written_off <> 0 AND captured IS NULL) THEN 'captured-differs' \
        WHEN captured <> 0 AND \(isOver) \
        THEN 'captured-though-ended' \
        WHEN captured > amount THEN 'captured-beyond-authorized' \
        WHEN amount > total THEN 'authorized-beyond-total' \
        WHEN status = 'absent' AND (captured <> 0 OR \(isHeld)) THEN 'order-missing' \
        WHEN \(isHeld) AND \(isOver) \
        THEN 'authorization-left' END
        """

    /// Without IN: of a list of three SQLite makes a table whenever a row is written.
    private static let isOver =
        "(status = 'rejected' OR status = 'cancelled' OR status = 'expired')"

    /// As `OrderRow.hasAuthorization` has it.
    private static let isHeld = """
        (payment IN ('authorized', 'capturing') \
        OR payment = 'voiding' AND authorization_code NOT NULL)
        """
    static let isWrong = "(\(code)) NOT NULL"

    /// Goes through the orders that have not balanced since before all logs were read through a
    /// moment: as logs are read at different speeds, a newer one may be about to.
    ///
    /// - Parameter moment: nil where nothing is on its way any more.
    static func forEachWrong(
        in connection: Connection, before moment: Timestamp?, limit: Int,
        _ body: (BookAlarm) -> Void
    ) throws(SQLiteError) {
        let row = try connection.statement(
            """
            SELECT id, \(code), status, currency, total, payment, payment_currency, amount, captured
            FROM orders INDEXED BY \(index)
            WHERE \(isWrong) AND updated_at < ?1
            AND NOT (payment = 'voiding' AND updated_at >= ?2 AND captured IS NULL)
            ORDER BY updated_at LIMIT ?3
            """)
        defer { row.reset() }
        try row.bind(1, moment?.microseconds ?? .max)
        try row.bind(2, moment.map { ($0 + (.zero - timeToVoid)).microseconds } ?? .max)
        try row.bind(3, Int64(limit))
        while try row.step() { body(alarm(row)) }
    }

    private static func alarm(_ row: Statement) -> BookAlarm {
        func money(_ minor: Int32, _ currency: Int32) -> String {
            guard let amount = row.optionalInteger(minor) else { return "nothing" }
            guard let currency = Currency(row.text(currency)) else { return "\(amount)" }
            return "\(Money(minor: amount, currency: currency))"
        }
        let (total, asked, captured) = (money(4, 3), money(7, 6), money(8, 6))
        let (order, status, code) = (row.text(0), row.text(2), row.text(1))
        let what =
            switch code {
            case "currency-differs": "its total is \(total), and \(asked) were to be authorized"
            case "captured-differs": "it is completed, its total is \(total), captured \(captured)"
            case "captured-though-ended": "it is \(status), and \(captured) are captured"
            case "captured-beyond-authorized":
                "\(captured) are captured, \(asked) were to be authorized"
            case "authorized-beyond-total": "its total is \(total), \(asked) were to be authorized"
            case "order-missing":
                "its payment is \(row.text(5)) over \(asked), and no such order is on record"
            default: "it is \(status), and its authorization over \(asked) is \(row.text(5)) still"
            }
        return BookAlarm(
            book: .money, code: code, detail: "order \(order): \(what)", order: order,
            unit: row.optionalText(3) ?? row.optionalText(6))
    }
}

/// Which rows of the stock do not balance by their own columns; see `OrderBalance`. They are of one
/// log, so that each shows at once.
enum StockBalance {
    static let index = "stock_out_of_balance"
    private static let code = """
        CASE WHEN on_hand < 0 OR reserved < 0 OR reserved > on_hand THEN 'below-zero' \
        WHEN received <> on_hand + shipped THEN 'received-differs' END
        """
    static let isWrong = "(\(code)) NOT NULL"

    static func forEachWrong(
        in connection: Connection, limit: Int, _ body: (BookAlarm) -> Void
    ) throws(SQLiteError) {
        let row = try connection.statement(
            """
            SELECT sku, \(code), received, on_hand, shipped, reserved
            FROM stock INDEXED BY \(index) WHERE \(isWrong) ORDER BY sku LIMIT ?1
            """)
        defer { row.reset() }
        try row.bind(1, Int64(limit))
        while try row.step() {
            let sku = row.text(0)
            body(
                BookAlarm(
                    book: .stock, code: row.text(1),
                    detail: "\(sku): received \(row.integer(2)), on hand \(row.integer(3)), "
                        + "shipped \(row.integer(4)), reserved \(row.integer(5))",
                    sku: sku, unit: Books.units))
        }
    }
}

import Domain
import EventSourcing
import SQLite

/// A row of `orders`. Each column is written by the events of one log only, but for `updatedAt`,
/// the greatest of all.
struct OrderRow: Hashable {
    var customer: String?
    var currency: String?
    var total: Int64?
    var reference: String?
    /// Never `cancelPending`: that is `isCancelling`, so that a refused cancellation leads back.
    var phase = Order.Phase.absent
    var isCancelling = false
    var reason: String?
    var version: Int64 = 0
    var placedAt: Timestamp?
    var payment = Payment.Phase.absent
    var paymentReason: String?
    var delivery = Delivery.Phase.absent
    var deliveryReason: String?
    var tracking: String?
    var reservation = Reservation.Phase.absent
    var mailsSent: Int64 = 0
    var updatedAt = Timestamp(microseconds: .min)
    var ordersAt = Mark.none
    var paymentsAt = Mark.none
    var deliveriesAt = Mark.none
    var notificationsAt = Mark.none

    static func load(_ id: String, from connection: Connection) throws(SQLiteError) -> OrderRow? {
        let row = try connection.statement("SELECT * FROM orders WHERE id = ?1")
        defer { row.reset() }
        try row.bind(1, id)
        guard try row.step() else { return nil }
        return OrderRow(row)
    }

    init() {}

    private init(_ row: Statement) {
        customer = row.optionalText(1)
        currency = row.optionalText(2)
        total = row.optionalInteger(3)
        reference = row.optionalText(4)
        phase = Order.Phase(rawValue: row.text(5)) ?? .absent
        isCancelling = row.integer(6) != 0
        reason = row.optionalText(7)
        version = row.integer(8)
        placedAt = row.optionalInteger(9).map(Timestamp.init(microseconds:))
        payment = Payment.Phase(rawValue: row.text(10)) ?? .absent
        paymentReason = row.optionalText(11)
        delivery = Delivery.Phase(rawValue: row.text(12)) ?? .absent
        deliveryReason = row.optionalText(13)
        tracking = row.optionalText(14)
        reservation = Reservation.Phase(rawValue: row.text(15)) ?? .absent
        mailsSent = row.integer(16)
        updatedAt = Timestamp(microseconds: row.integer(17))
        ordersAt = Mark(stored: row.text(18))
        paymentsAt = Mark(stored: row.text(19))
        deliveriesAt = Mark(stored: row.text(20))
        notificationsAt = Mark(stored: row.text(21))
    }

    func save(_ id: String, to connection: Connection) throws(SQLiteError) {
        let row = try connection.statement(
            """
            INSERT OR REPLACE INTO orders VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
                ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)
            """)
        try row.bind(1, id)
        try row.bind(2, customer)
        try row.bind(3, currency)
        try row.bind(4, total)
        try row.bind(5, reference)
        try row.bind(6, phase.rawValue)
        try row.bind(7, Int64(isCancelling ? 1 : 0))
        try row.bind(8, reason)
        try row.bind(9, version)
        try row.bind(10, placedAt?.microseconds)
        try row.bind(11, payment.rawValue)
        try row.bind(12, paymentReason)
        try row.bind(13, delivery.rawValue)
        try row.bind(14, deliveryReason)
        try row.bind(15, tracking)
        try row.bind(16, reservation.rawValue)
        try row.bind(17, mailsSent)
        try row.bind(18, updatedAt.microseconds)
        try row.bind(19, ordersAt.description)
        try row.bind(20, paymentsAt.description)
        try row.bind(21, deliveriesAt.description)
        try row.bind(22, notificationsAt.description)
        try row.run()
    }
}

/// A row of `order_lines`; its order's currency is that of the price.
struct LineRow: Hashable, Sendable {
    let sku: String
    let quantity: Int64
    let unitPrice: Int64
    let description: String?
}

/// A row of `stock`, written by the deliveries' events only.
struct StockRow: Hashable {
    var onHand: Int64 = 0
    var reserved: Int64 = 0
    var mark = Mark.none

    static func load(_ sku: String, from connection: Connection) throws(SQLiteError) -> StockRow? {
        let row = try connection.statement(
            "SELECT on_hand, reserved, deliveries_at FROM stock WHERE sku = ?1")
        defer { row.reset() }
        try row.bind(1, sku)
        guard try row.step() else { return nil }
        return StockRow(
            onHand: row.integer(0), reserved: row.integer(1), mark: Mark(stored: row.text(2)))
    }
}

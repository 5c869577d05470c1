import Domain
import EventSourcing
import SQLite

/// A row of `orders`. Each column is written by the events of one log only, but for `updatedAt`,
/// the greatest of all, and `shown`, which follows from columns of several.
struct OrderRow: Hashable {
    var customer: String?
    var currency: String?
    var total: Int64?
    var lineCount: Int64 = 0
    var units: Int64 = 0
    var reference: String?
    var shipping: String?
    /// Never `cancelPending`: that is `isCancelling`, so that a refused cancellation leads back.
    var phase = Order.Phase.absent
    var isCancelling = false
    var reason: String?
    var version: Int64 = 0
    var placedAt: Timestamp?
    var payment = Payment.Phase.absent
    var paymentReason: String?
    var paymentCurrency: String?
    /// What was asked to be authorized.
    var amount: Int64?
    var authorizationCode: String?
    var captured: Int64?
    var captureID: String?
    /// Whether an operator has skipped the capture.
    var isWrittenOff = false
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
    /// What the file has of the columns that are indexed; nil for a row that is not in it.
    private var saved: Indexed?

    /// The indexed columns besides the key: one that did not change costs no write of its index.
    private struct Indexed: Hashable {
        let customer: String?
        let placedAt: Timestamp?
        let shown: ShownStatus?
    }

    /// Nil until the orders' own log has told of the order.
    var shown: ShownStatus? {
        ShownStatus(order: phase, isCancelling: isCancelling, delivery: delivery)
    }

    private var indexed: Indexed { Indexed(customer: customer, placedAt: placedAt, shown: shown) }

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
        lineCount = row.integer(4)
        units = row.integer(5)
        reference = row.optionalText(6)
        shipping = row.optionalText(7)
        phase = Order.Phase(rawValue: row.text(8)) ?? .absent
        isCancelling = row.integer(9) != 0
        reason = row.optionalText(10)
        version = row.integer(11)
        placedAt = row.optionalInteger(12).map(Timestamp.init(microseconds:))
        payment = Payment.Phase(rawValue: row.text(13)) ?? .absent
        paymentReason = row.optionalText(14)
        paymentCurrency = row.optionalText(15)
        amount = row.optionalInteger(16)
        authorizationCode = row.optionalText(17)
        captured = row.optionalInteger(18)
        captureID = row.optionalText(19)
        delivery = Delivery.Phase(rawValue: row.text(20)) ?? .absent
        deliveryReason = row.optionalText(21)
        tracking = row.optionalText(22)
        reservation = Reservation.Phase(rawValue: row.text(23)) ?? .absent
        mailsSent = row.integer(24)
        updatedAt = Timestamp(microseconds: row.integer(25))
        saved = Indexed(
            customer: customer, placedAt: placedAt,
            shown: row.optionalText(26).flatMap(ShownStatus.init(rawValue:)))
        ordersAt = Mark(stored: row.text(27))
        paymentsAt = Mark(stored: row.text(28))
        deliveriesAt = Mark(stored: row.text(29))
        notificationsAt = Mark(stored: row.text(30))
        isWrittenOff = row.integer(31) != 0
    }

    // Each column has the same number in all three, the last of them in each: all can be bound.
    private static let replacing =
        "INSERT OR REPLACE INTO orders VALUES ("
        + ReadSchema.orders.columns.indices.map { "?\($0 + 1)" }.joined(separator: ", ") + ")"
    private static let updating = update(leavingOut: ["id", "customer", "placed_at", "shown"])
    private static let updatingShown = update(leavingOut: ["id", "customer", "placed_at"])

    private static func update(leavingOut names: Set<String>) -> String {
        let changes = ReadSchema.orders.columns.enumerated().compactMap { index, column in
            names.contains(column.name) ? nil : "\(column.name) = ?\(index + 1)"
        }
        return "UPDATE orders SET \(changes.joined(separator: ", ")) WHERE id = ?1"
    }

    /// Which statement writes the row with the fewest indexes.
    private var writing: String {
        guard let saved, saved.customer == customer, saved.placedAt == placedAt else {
            return Self.replacing
        }
        return saved.shown == shown ? Self.updating : Self.updatingShown
    }

    mutating func save(_ id: String, to connection: Connection) throws(SQLiteError) {
        let row = try connection.statement(writing)
        try row.bind(1, id)
        try row.bind(2, customer)
        try row.bind(3, currency)
        try row.bind(4, total)
        try row.bind(5, lineCount)
        try row.bind(6, units)
        try row.bind(7, reference)
        try row.bind(8, shipping)
        try row.bind(9, phase.rawValue)
        try row.bind(10, Int64(isCancelling ? 1 : 0))
        try row.bind(11, reason)
        try row.bind(12, version)
        try row.bind(13, placedAt?.microseconds)
        try row.bind(14, payment.rawValue)
        try row.bind(15, paymentReason)
        try row.bind(16, paymentCurrency)
        try row.bind(17, amount)
        try row.bind(18, authorizationCode)
        try row.bind(19, captured)
        try row.bind(20, captureID)
        try row.bind(21, delivery.rawValue)
        try row.bind(22, deliveryReason)
        try row.bind(23, tracking)
        try row.bind(24, reservation.rawValue)
        try row.bind(25, mailsSent)
        try row.bind(26, updatedAt.microseconds)
        try row.bind(27, shown?.rawValue)
        try row.bind(28, ordersAt.description)
        try row.bind(29, paymentsAt.description)
        try row.bind(30, deliveriesAt.description)
        try row.bind(31, notificationsAt.description)
        try row.bind(32, Int64(isWrittenOff ? 1 : 0))
        try row.run()
        saved = indexed
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
    /// All that ever came in, and went out.
    var received: Int64 = 0
    var shipped: Int64 = 0
    var mark = Mark.none

    static func load(_ sku: String, from connection: Connection) throws(SQLiteError) -> StockRow? {
        let row = try connection.statement(
            "SELECT on_hand, reserved, deliveries_at, received, shipped FROM stock WHERE sku = ?1")
        defer { row.reset() }
        try row.bind(1, sku)
        guard try row.step() else { return nil }
        return StockRow(
            onHand: row.integer(0), reserved: row.integer(1), received: row.integer(3),
            shipped: row.integer(4), mark: Mark(stored: row.text(2)))
    }
}

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
    /// What the file has under `shown`; nil for a row that is not in it. An index has that column,
    /// so that it is written only where it changed.
    private var savedShown: ShownStatus??
    /// Which columns may differ from the file's.
    private var unsaved: Parts = []

    /// Columns that change together.
    struct Parts: OptionSet, Hashable {
        let rawValue: Int

        static let order = Parts(rawValue: 1)
        static let payment = Parts(rawValue: 2)
        static let delivery = Parts(rawValue: 4)
        static let mails = Parts(rawValue: 8)
        /// What the order was placed with, and its customer's correction.
        static let contents = Parts(rawValue: 16)
        static let all = Parts(rawValue: 31)

        /// What the log's events may change.
        init(of log: LogName) {
            switch log.value {
            case "orders": self = .order
            case "payments": self = .payment
            case "deliveries": self = .delivery
            case "notifications": self = .mails
            default: self = .all
            }
        }

        init(rawValue: Int) { self.rawValue = rawValue }
    }

    /// Nil until the orders' own log has told of the order.
    var shown: ShownStatus? {
        ShownStatus(order: phase, isCancelling: isCancelling, delivery: delivery)
    }

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
        savedShown = .some(row.optionalText(26).flatMap(ShownStatus.init(rawValue:)))
        ordersAt = Mark(stored: row.text(27))
        paymentsAt = Mark(stored: row.text(28))
        deliveriesAt = Mark(stored: row.text(29))
        notificationsAt = Mark(stored: row.text(30))
        isWrittenOff = row.integer(31) != 0
    }

    /// What is to be written before the file has the row.
    var change: Change {
        guard let savedShown, !unsaved.contains(.contents) else { return .whole }
        return .parts(unsaved, andShown: savedShown != shown)
    }

    enum Change { case whole, parts(Parts, andShown: Bool) }

    /// These columns are to be written again.
    mutating func touch(_ parts: Parts) { unsaved.formUnion(parts) }

    /// The file has it.
    mutating func settle() {
        savedShown = .some(shown)
        unsaved = []
    }

    /// Binds what `parts` have to the parameters with the numbers of the columns, from 1.
    func bind(_ parts: Parts, to row: Statement) throws(SQLiteError) {
        if parts.contains(.contents) {
            try row.bind(2, customer)
            try row.bind(3, currency)
            try row.bind(4, total)
            try row.bind(5, lineCount)
            try row.bind(6, units)
            try row.bind(7, reference)
            try row.bind(8, shipping)
            try row.bind(13, placedAt?.microseconds)
        }
        if parts.contains(.order) {
            try row.bind(9, phase.rawValue)
            try row.bind(10, Int64(isCancelling ? 1 : 0))
            try row.bind(11, reason)
            try row.bind(12, version)
            try row.bind(28, ordersAt.description)
            try row.bind(32, Int64(isWrittenOff ? 1 : 0))
        }
        if parts.contains(.payment) {
            try row.bind(14, payment.rawValue)
            try row.bind(15, paymentReason)
            try row.bind(16, paymentCurrency)
            try row.bind(17, amount)
            try row.bind(18, authorizationCode)
            try row.bind(19, captured)
            try row.bind(20, captureID)
            try row.bind(29, paymentsAt.description)
        }
        if parts.contains(.delivery) {
            try row.bind(21, delivery.rawValue)
            try row.bind(22, deliveryReason)
            try row.bind(23, tracking)
            try row.bind(24, reservation.rawValue)
            try row.bind(30, deliveriesAt.description)
        }
        if parts.contains(.mails) {
            try row.bind(25, mailsSent)
            try row.bind(31, notificationsAt.description)
        }
    }
}

extension OrderRow.Parts {
    /// The columns whose numbers `OrderRow.bind(_:to:)` has.
    static func of(_ column: String) -> OrderRow.Parts {
        switch column {
        case "status", "cancelling", "reason", "version", "orders_at", "written_off": .order
        case "payment", "payment_reason", "payment_currency", "amount", "authorization_code",
            "captured", "capture_id", "payments_at":
            .payment
        case "delivery", "delivery_reason", "tracking", "reservation", "deliveries_at": .delivery
        case "mails_sent", "notifications_at": .mails
        default: .contents
        }
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

import Domain
import EventSourcing
import EventStore
package import Messaging
import SQLite

/// Folds the public facts of all services into one row an order, its timeline, and the stock.
package struct OrderProjection: Projection {
    package static let name = "orders"
    /// Changes whenever the rows that the same events lead to change.
    package static let version = 8
    /// The categories of streams whose id is an order's.
    private static let categories: Set<String> = [
        "order", "checkout", "payment", "reservation", "delivery", "notification", "parked",
    ]

    package init() {}

    /// Reads the message in full before it changes anything: what cannot be read changes nothing.
    ///
    /// - Throws: `.newer`, `.poison`, and `.store` where a row could not be read.
    package func apply(_ message: Message, to rows: RowBatch) throws(ReactionError) {
        try apply(message, meaning: nil, to: rows)
    }

    /// - Parameter meaning: what the message means, where it was read already.
    func apply(
        _ message: Message, meaning: Result<OrderFact, UnreadableEvent>?, to rows: RowBatch
    ) throws(ReactionError) {
        let fact: OrderFact
        do throws(UnreadableEvent) {
            if let meaning { fact = try meaning.get() } else { fact = try OrderFact(message) }
        } catch { throw ReactionError(reading: error) }
        do throws(SQLiteError) {
            if case .stockReceived(let line) = fact {
                return try receive(line, message, in: rows)
            }
            guard Self.categories.contains(message.stream.category),
                OrderID(message.stream.id) != nil
            else { return }
            try fold(fact, message, into: rows)
        } catch { throw .store(.notWritten(error)) }
    }

    private func fold(_ fact: OrderFact, _ message: Message, into rows: RowBatch)
        throws(SQLiteError)
    {
        let id = message.stream.id
        switch fact {
        case .reserved(let lines): try hold(lines, for: id, message, in: rows)
        case .released: _ = try free(id, message, in: rows)
        case .handedOver: try ship(id, message, in: rows)
        case .placed(let order): rows.setLines(order.lines, of: id)
        default: break
        }
        if fact.movesMoney {
            var (old, new) = (Standing(), Standing())
            try rows.changeOrder(id, by: message) { row in
                old = Standing(row)
                row.apply(fact, of: message)
                new = Standing(row)
            }
            try rows.post(from: old, to: new)
        } else {
            try rows.changeOrder(id, by: message) { $0.apply(fact, of: message) }
        }
    }

    private func receive(_ line: StockLine, _ message: Message, in rows: RowBatch)
        throws(SQLiteError)
    {
        let quantity = Int64(line.quantity)
        try change(line.sku.value, message, in: rows) {
            $0.onHand = min($0.onHand.addingSaturating(quantity), Int64(Stock.maximum))
            $0.received = $0.received.addingSaturating(quantity)
        }
        try rows.post(quantity, debit: .onHand, credit: .suppliers, in: Books.units)
    }

    private func hold(
        _ lines: [StockLine], for order: String, _ message: Message, in rows: RowBatch
    ) throws(SQLiteError) {
        _ = try free(order, message, in: rows)
        for line in lines {
            let quantity = Int64(line.quantity)
            try change(line.sku.value, message, in: rows) {
                $0.reserved = $0.reserved.addingSaturating(quantity)
            }
            try rows.post(quantity, debit: .reserved, credit: .promised, in: Books.units)
        }
        rows.setReservation(
            lines.map { HeldLine(sku: $0.sku.value, quantity: Int64($0.quantity)) }, of: order)
    }

    /// What was held for the order leaves the warehouse. The books have all of it, also where the
    /// row would go below zero.
    private func ship(_ order: String, _ message: Message, in rows: RowBatch)
        throws(SQLiteError)
    {
        for line in try free(order, message, in: rows) {
            try change(line.sku, message, in: rows) {
                $0.onHand = max(0, $0.onHand - line.quantity)
                $0.shipped = $0.shipped.addingSaturating(line.quantity)
            }
            try rows.post(line.quantity, debit: .shipped, credit: .onHand, in: Books.units)
        }
    }

    /// - Returns: what was held for the order.
    private func free(_ order: String, _ message: Message, in rows: RowBatch)
        throws(SQLiteError) -> [HeldLine]
    {
        let held = try rows.reservation(of: order)
        guard !held.isEmpty else { return [] }
        for line in held {
            try change(line.sku, message, in: rows) {
                $0.reserved = max(0, $0.reserved - line.quantity)
            }
            try rows.post(line.quantity, debit: .promised, credit: .reserved, in: Books.units)
        }
        rows.setReservation([], of: order)
        return held
    }

    private func change(
        _ sku: String, _ message: Message, in rows: RowBatch, _ body: (inout StockRow) -> Void
    ) throws(SQLiteError) {
        try rows.changeStock(sku) { row in
            body(&row)
            row.mark = Mark(epoch: message.identity.epoch, position: message.identity.position)
        }
    }
}

extension OrderFact {
    /// The columns that `OrderRow.apply` changes, besides those that each event of a log does.
    fileprivate var parts: OrderRow.Parts {
        switch self {
        case .placed: [.contents, .order]
        case .corrected: .contents
        case .confirmed, .completed, .captureSkipped, .cancellationRequested, .cancellationRefused,
            .closed:
            .order
        case .payment: .payment
        case .reserved, .reservationRefused, .released, .delivery, .handedOver: .delivery
        case .mailSent: .mails
        case .stockReceived, .other: []
        }
    }

    /// Whether it may change an order's standing in the books.
    fileprivate var movesMoney: Bool {
        switch self {
        case .placed, .completed, .closed, .captureSkipped, .payment: true
        case .confirmed, .cancellationRequested, .cancellationRefused, .corrected, .reserved,
            .reservationRefused, .released, .delivery, .handedOver, .mailSent, .stockReceived,
            .other:
            false
        }
    }
}

extension OrderRow {
    /// Folds one fact; each log's facts change their own columns only.
    fileprivate mutating func apply(_ fact: OrderFact, of message: Message) {
        updatedAt = max(updatedAt, message.recordedAt)
        touch(fact.parts.union(Parts(of: message.identity.log)))
        let mark = Mark(epoch: message.identity.epoch, position: message.identity.position)
        switch message.identity.log.value {
        case "orders": ordersAt = mark
        case "payments": paymentsAt = mark
        case "deliveries": deliveriesAt = mark
        case "notifications": notificationsAt = mark
        default: break
        }
        if message.stream.category == "order" {
            version = message.version.value
            touch(.order)
        }
        switch fact {
        case .placed(let order):
            phase = .placed
            customer = order.customer
            currency = order.currency.code
            total = order.total
            lineCount = Int64(order.lines.count)
            units = order.units
            reference = order.reference
            shipping = order.shipping
            placedAt = message.occurredAt
        case .confirmed: phase = .confirmed
        case .completed: phase = .completed
        case .captureSkipped: isWrittenOff = true
        case .cancellationRequested: isCancelling = true
        case .cancellationRefused: isCancelling = false
        case .closed(let phase, let reason):
            self.phase = phase
            self.reason = reason
            isCancelling = false
        case .payment(let phase, let fact): settle(phase, fact)
        case .reserved: reservation = .made
        case .reservationRefused(let reason):
            reservation = .refused
            deliveryReason = reason
        case .released(let phase): reservation = phase
        case .delivery(let phase, let reason):
            delivery = phase
            if let reason { deliveryReason = reason }
        case .handedOver(let tracking):
            delivery = .handedOver
            self.tracking = tracking
        case .mailSent: mailsSent += 1
        case .corrected(let customer): self.customer = customer ?? self.customer
        case .stockReceived, .other: break
        }
    }

    /// As the payment's own fold has it: a void that was asked for stays so whatever the
    /// authorization comes to.
    private mutating func settle(_ next: Payment.Phase, _ fact: PaymentFact) {
        // What a capture failed of before it succeeded is no reason any more.
        if next == .captured { paymentReason = nil }
        if let reason = fact.reason { paymentReason = reason }
        if let money = fact.amount ?? fact.captured { paymentCurrency = money.currency.code }
        if let money = fact.amount { amount = money.minor }
        if let code = fact.authorizationCode { authorizationCode = code }
        if let money = fact.captured { captured = money.minor }
        if let id = fact.captureID { captureID = id }
        switch (payment, next) {
        case (.voiding, .authorized), (.voiding, .unknown): break
        case (.declined, .voided): break
        default: payment = next
        }
    }
}

extension Int64 {
    /// The sum, or the nearest value there is: what was recorded must not end the process.
    fileprivate func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}

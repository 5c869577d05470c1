import Domain
import EventSourcing
import Messaging

/// What a public fact means for the rows. Public forms lack what is private, so they are read here
/// and not by deciders.
enum OrderFact: Sendable {
    case placed(PlacedOrder)
    case confirmed
    case completed
    case cancellationRequested
    case cancellationRefused
    case closed(Order.Phase, reason: String)
    /// An operator has decided that the order goes on without its capture.
    case captureSkipped
    case payment(Payment.Phase, PaymentFact)
    case reserved([StockLine])
    case reservationRefused(reason: String)
    /// The stock is free again: as it was asked for, or held too long.
    case released(Reservation.Phase)
    case delivery(Delivery.Phase, reason: String?)
    case handedOver(tracking: String)
    case mailSent
    /// Whose the order is, where that was wrong.
    case corrected(customer: String?)
    case stockReceived(StockLine)
    /// It changes no column, or is not known here; its order's timeline has it all the same.
    case other
}

/// What a fact about a payment may tell besides how it stands.
struct PaymentFact: Sendable {
    var reason: String?
    var amount: Money?
    var authorizationCode: String?
    var captured: Money?
    var captureID: String?
}

/// An order as it is made public: without the means of payment.
struct PlacedOrder: Sendable {
    let customer: String?
    let currency: Currency
    let reference: String?
    let shipping: String?
    let lines: [LineRow]
    let units: Int64
    let total: Int64

    init(_ json: JSONObject) throws(JSONError) {
        guard let currency = Currency(try json.string("currency")) else {
            throw json.error("currency", "must be a currency's code of ISO 4217")
        }
        self.currency = currency
        customer = try json.optionalString("customer")
        reference = try json.optionalString("reference")
        shipping = try json.optionalString("shipping")
        var units: Int64 = 0
        var lines: [LineRow] = []
        var total = Money(minor: 0, currency: currency)
        for line in try json.objects("lines") {
            let row = LineRow(
                sku: try line.string("sku"), quantity: try line.integer("quantity"),
                unitPrice: try line.integer("unitPrice"),
                description: try line.optionalString("description"))
            do throws(MoneyError) {
                let price = Money(minor: row.unitPrice, currency: currency)
                total = try total + price * Int(row.quantity)
            } catch { throw JSONError(pointer: line.pointer, reason: "is refused: \(error)") }
            let (sum, overflow) = units.addingReportingOverflow(row.quantity)
            guard !overflow else { throw line.error("quantity", "is too much") }
            units = sum
            lines.append(row)
        }
        self.lines = lines
        self.units = units
        self.total = total.minor
    }
}

extension OrderFact {
    /// Reads a message's meaning, all of it, before anything is changed.
    ///
    /// - Throws: `.unknownSchema` for a known type in a newer form, `.malformed` for data that do
    ///   not fit.
    init(_ message: Message) throws(UnreadableEvent) {
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: message.data)
        } catch { throw .malformed(message.type, error) }
        guard let read = Self.readers[message.type.name] else {
            self = .other
            return
        }
        guard message.type.schema == 1 else { throw .unknownSchema(message.type) }
        self = try decoding(message.type, json, read)
    }

    private typealias Reader = @Sendable (JSONObject) throws(JSONError) -> OrderFact

    private static func always(_ fact: OrderFact) -> Reader {
        { (json) throws(JSONError) in fact }
    }

    private static func closed(_ phase: Order.Phase) -> Reader {
        { (json) throws(JSONError) in .closed(phase, reason: try json.string("reason")) }
    }

    private static func skipped(_ json: JSONObject) throws(JSONError) -> OrderFact {
        let step = try json.object("ref")
        let isCapture =
            (try step.string("step"), try step.string("direction"))
            == ("capture payment", StepReference.Direction.forward.rawValue)
        return isCapture ? .captureSkipped : .other
    }

    private static func payment(_ phase: Payment.Phase) -> Reader {
        { (json) throws(JSONError) in
            .payment(phase, PaymentFact(reason: try json.optionalString("reason")))
        }
    }

    private static func amount(_ json: JSONObject) throws(JSONError) -> Money? {
        json["amount"] == nil ? nil : try Money(try json.object("amount"))
    }

    private static func delivery(_ phase: Delivery.Phase) -> Reader {
        { (json) throws(JSONError) in .delivery(phase, reason: try json.optionalString("reason")) }
    }

    /// By stored name; every one has schema version 1 so far.
    private static let readers: [String: Reader] = [
        "order.placed": { (json) throws(JSONError) in .placed(try PlacedOrder(json)) },
        "order.confirmed": always(.confirmed),
        "order.completed": always(.completed),
        "order.cancellation-requested": always(.cancellationRequested),
        "order.cancellation-refused": always(.cancellationRefused),
        "order.rejected": closed(.rejected),
        "order.cancelled": closed(.cancelled),
        "order.expired": closed(.expired),
        "checkout.step-skipped": skipped,
        "order.corrected": { (json) throws(JSONError) in
            .corrected(customer: try json.optionalString("customer"))
        },
        "payment.authorization-requested": { (json) throws(JSONError) in
            .payment(.authorizing, PaymentFact(amount: try amount(json)))
        },
        "payment.authorized": { (json) throws(JSONError) in
            let code = try json.optionalString("code")
            return .payment(.authorized, PaymentFact(authorizationCode: code))
        },
        "payment.declined": payment(.declined),
        "payment.authorization-unknown": payment(.unknown),
        // What still comes of it is voided.
        "payment.authorization-overdue": payment(.voiding),
        "payment.void-requested": payment(.voiding),
        "payment.voided": payment(.voided),
        "payment.capture-requested": payment(.capturing),
        "payment.captured": { (json) throws(JSONError) in
            let (id, amount) = (try json.optionalString("id"), try amount(json))
            return .payment(.captured, PaymentFact(captured: amount, captureID: id))
        },
        "payment.capture-failed": { (json) throws(JSONError) in
            .payment(.authorized, PaymentFact(reason: try json.string("reason")))
        },
        "payment.answered": always(.other),
        "stock.received": { (json) throws(JSONError) in .stockReceived(try StockLine(json)) },
        "reservation.made": { (json) throws(JSONError) in
            var lines: [StockLine] = []
            for line in try json.objects("lines") { lines.append(try StockLine(line)) }
            return .reserved(StockLine.summing(lines))
        },
        "reservation.refused": { (json) throws(JSONError) in
            .reservationRefused(reason: try shortage(json))
        },
        "reservation.released": always(.released(.released)),
        "reservation.expired": always(.released(.expired)),
        "reservation.answered": always(.other),
        "delivery.packed": delivery(.packed),
        "delivery.unpacked": delivery(.unpacked),
        "delivery.hand-over-requested": delivery(.handingOver),
        "delivery.handed-over": { (json) throws(JSONError) in
            .handedOver(tracking: try json.string("tracking"))
        },
        "delivery.hand-over-refused": delivery(.packed),
        "delivery.out-for-delivery": delivery(.outForDelivery),
        "delivery.delivered": delivery(.delivered),
        "delivery.lost": { (json) throws(JSONError) in
            .delivery(.lost, reason: try json.string("reason"))
        },
        "delivery.recall-requested": delivery(.recallPending),
        "delivery.recalled": delivery(.recalled),
        "delivery.answered": always(.other),
        "notification.sent": always(.mailSent),
        "notification.failed": always(.other),
        "notification.skipped": always(.other),
    ]

    private static func shortage(_ json: JSONObject) throws(JSONError) -> String {
        var shortages: [Shortage] = []
        for object in try json.objects("shortages") {
            guard let sku = SKU(try object.string("sku")) else {
                throw object.error("sku", "is no SKU")
            }
            shortages.append(
                Shortage(
                    sku: sku, wanted: Int(try object.integer("wanted")),
                    available: Int(try object.integer("available"))))
        }
        return Shortage.reason(shortages)
    }
}

import Domain
import EventSourcing
import HTTP

/// The body of `POST /v1/orders`.
struct OrderRequest {
    /// The built-in payment provider takes it for a card that works.
    private static let defaultToken = "tok_ok"
    /// What a contact may have, so that it keeps to the order's own limit once it is sealed.
    static let contactBytes = 2900
    private static let members = [
        "customer", "contact", "currency", "lines", "token", "reference", "shipping",
        "occurredAt",
    ]
    private static let lineMembers = ["sku", "quantity", "unitPrice", "description"]

    let draft: Order.Draft
    let occurredAt: Timestamp?

    /// - Throws: all that is wrong with it.
    init(_ request: HTTPRequest, at now: Timestamp) throws(RequestError) {
        var fields = try BodyFields(request, known: Self.members)
        let customer = fields.parsed(
            "customer", required: false,
            rule: "must be 1 to 64 printable ASCII characters without spaces"
        ) { CustomerID($0) }
        let contact = fields.optionalText("contact", bytes: Self.contactBytes)
        let currency = fields.parsed(
            "currency", required: true, rule: "must be a currency's code of ISO 4217"
        ) { Currency($0) }
        let token = fields.optionalText("token", bytes: 256)
        let reference = fields.optionalText("reference", bytes: 128)
        let shipping = fields.optionalText("shipping", bytes: 64)
        let occurredAt = fields.parsed(
            "occurredAt", required: false, rule: "must be a time of RFC 3339"
        ) { Timestamp($0) }
        if let occurredAt, occurredAt > now + .seconds(300) {
            fields.fail("occurredAt", "must not be in the future")
        }
        // Lines are read whether or not the currency is known, so that all errors come at once.
        let lines = Self.lines(&fields, currency ?? .gbp)
        try fields.check()
        guard let currency else { throw RequestError(BodyFields.invalid([])) }
        do throws(Order.Draft.Invalid) {
            draft = try Order.Draft(
                customer: customer, contact: contact, currency: currency, lines: lines,
                token: token ?? Self.defaultToken, reference: reference, shipping: shipping)
        } catch {
            let pointer = if case .total = error { "/lines" } else { "" }
            throw RequestError(
                BodyFields.invalid([
                    FieldError(place: .pointer(pointer), detail: error.description)
                ]))
        }
        if let excess = draft.excess {
            throw RequestError(
                BodyFields.invalid([FieldError(place: .pointer("/lines"), detail: excess)]))
        }
        self.occurredAt = occurredAt
    }

    private static func lines(_ fields: inout BodyFields, _ currency: Currency) -> [OrderLine] {
        guard let elements = fields.read({ (json) throws(JSONError) in try json.array("lines") })
        else { return [] }
        guard Order.Draft.lineCounts.contains(elements.count) else {
            fields.fail("lines", "must hold 1 to 2000 lines, not \(elements.count)")
            return []
        }
        var lines: [OrderLine] = []
        lines.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            // Where a line lies is put together only where something is wrong with it.
            var errors: [FieldError] = []
            do throws(JSONError) {
                if let line = line(try JSONObject(element), currency, &errors) {
                    lines.append(line)
                }
            } catch { errors.append(FieldError(error)) }
            fields.add(errors, at: "/lines/\(index)")
        }
        return lines
    }

    private static func line(
        _ object: JSONObject, _ currency: Currency, _ errors: inout [FieldError]
    ) -> OrderLine? {
        var line = BodyFields(object, known: lineMembers)
        let sku = line.parsed(
            "sku", required: true, rule: SKU.rule
        ) { SKU($0) }
        let limits = OrderLine.quantities
        let quantity = line.integer(
            "quantity", in: Int64(limits.lowerBound)...Int64(limits.upperBound))
        let price = line.integer("unitPrice", in: 0...Int64.max)
        let description = line.optionalText("description", bytes: OrderLine.maximumDescription)
        errors += line.errors
        guard errors.isEmpty, let sku, let quantity, let price else { return nil }
        do throws(OrderLine.Invalid) {
            return try OrderLine(
                sku: sku, quantity: Int(quantity),
                unitPrice: Money(minor: price, currency: currency), description: description)
        } catch {
            errors.append(FieldError(place: .pointer(""), detail: error.description))
            return nil
        }
    }
}

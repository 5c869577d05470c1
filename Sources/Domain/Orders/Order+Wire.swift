public import EventSourcing

extension Order.Event: StoredEvent {
    private enum Name: String {
        case placed = "order.placed"
        case confirmed = "order.confirmed"
        case completed = "order.completed"
        case cancellationRequested = "order.cancellation-requested"
        case cancellationRefused = "order.cancellation-refused"
        case rejected = "order.rejected"
        case cancelled = "order.cancelled"
        case expired = "order.expired"
        case corrected = "order.corrected"
    }

    public var type: EventType {
        let name: Name =
            switch self {
            case .placed: .placed
            case .confirmed: .confirmed
            case .completed: .completed
            case .cancellationRequested: .cancellationRequested
            case .cancellationRefused: .cancellationRefused
            case .rejected: .rejected
            case .cancelled: .cancelled
            case .expired: .expired
            case .corrected: .corrected
            }
        return EventType(name.rawValue)
    }

    public func encode(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .placed(let draft): draft.encodeMembers(to: &json)
            case .confirmed, .completed, .cancellationRefused: break
            case .cancellationRequested(let reason), .rejected(let reason),
                .cancelled(let reason), .expired(let reason):
                json.member("reason", reason)
            case .corrected(let correction):
                if let customer = correction.customer { json.member("customer", customer.value) }
                if let contact = correction.contact { json.member("contact", contact) }
                correction.instruction.encodeMembers(to: &json)
            }
        }
    }

    public static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Self {
        let name = try Name.stored(type)
        return try decoding(type, data) { json throws(JSONError) in
            switch name {
            case .placed: .placed(try Order.Draft(json))
            case .confirmed: .confirmed
            case .completed: .completed
            case .cancellationRequested:
                .cancellationRequested(reason: try json.string("reason"))
            case .cancellationRefused: .cancellationRefused
            case .rejected: .rejected(reason: try json.string("reason"))
            case .cancelled: .cancelled(reason: try json.string("reason"))
            case .expired: .expired(reason: try json.string("reason"))
            case .corrected:
                .corrected(
                    Order.Correction(
                        customer: try json.optionalIdentifier("customer", CustomerID.self),
                        contact: try json.optionalString("contact"), try Instruction(json)))
            }
        }
    }
}

extension Order.Draft {
    fileprivate func encodeMembers(to json: inout JSONWriter) {
        if let customer { json.member("customer", customer.value) }
        if let contact { json.member("contact", contact) }
        json.member("currency", currency.code)
        json.member("lines") { json in
            json.array { json in for line in lines { line.encode(to: &json) } }
        }
        json.member("token", token)
        if let reference { json.member("reference", reference) }
        if let shipping { json.member("shipping", shipping) }
    }

    fileprivate init(_ json: JSONObject) throws(JSONError) {
        let currency = try json.currency("currency")
        var lines: [OrderLine] = []
        for line in try json.objects("lines") {
            lines.append(try OrderLine(line, currency: currency))
        }
        let customer = try json.optionalIdentifier("customer", CustomerID.self)
        let contact = try json.optionalString("contact")
        let token = try json.string("token")
        let reference = try json.optionalString("reference")
        let shipping = try json.optionalString("shipping")
        do throws(Invalid) {
            try self.init(
                customer: customer, contact: contact, currency: currency, lines: lines,
                token: token, reference: reference, shipping: shipping)
        } catch { throw JSONError(pointer: json.pointer, reason: "is refused: \(error)") }
    }
}

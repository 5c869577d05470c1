public import EventSourcing

extension Payment.Event: StoredEvent {
    private enum Name: String {
        case authorizationRequested = "payment.authorization-requested"
        case authorizationRepeated = "payment.authorization-repeated"
        case authorized = "payment.authorized"
        case declined = "payment.declined"
        case authorizationUnknown = "payment.authorization-unknown"
        case authorizationOverdue = "payment.authorization-overdue"
        case voidRequested = "payment.void-requested"
        case voided = "payment.voided"
        case captureRequested = "payment.capture-requested"
        case captureRepeated = "payment.capture-repeated"
        case captured = "payment.captured"
        case captureFailed = "payment.capture-failed"
        case answered = "payment.answered"
    }

    public var type: EventType {
        let name: Name =
            switch self {
            case .authorizationRequested: .authorizationRequested
            case .authorizationRepeated: .authorizationRepeated
            case .authorized: .authorized
            case .declined: .declined
            case .authorizationUnknown: .authorizationUnknown
            case .authorizationOverdue: .authorizationOverdue
            case .voidRequested: .voidRequested
            case .voided: .voided
            case .captureRequested: .captureRequested
            case .captureRepeated: .captureRepeated
            case .captured: .captured
            case .captureFailed: .captureFailed
            case .answered: .answered
            }
        return EventType(name.rawValue)
    }

    public func encode(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .authorizationRequested(let step, let amount, let token, let time):
                json.member("ref", step)
                json.member("amount", amount)
                json.member("token", token)
                json.member(within: time)
            case .authorizationRepeated(let step), .voidRequested(let step),
                .captureRepeated(let step):
                json.member("ref", step)
            case .authorized(let step, let code):
                json.member("ref", step)
                json.member("code", code)
            case .declined(let step, let reason), .authorizationUnknown(let step, let reason),
                .authorizationOverdue(let step, let reason), .captureFailed(let step, let reason):
                json.member("ref", step)
                json.member("reason", reason)
            case .voided(let step): if let step { json.member("ref", step) }
            case .captureRequested(let step, let amount):
                json.member("ref", step)
                json.member("amount", amount)
            case .captured(let step, let id, let amount):
                json.member("ref", step)
                json.member("id", id)
                json.member("amount", amount)
            case .answered(let step, let outcome):
                json.member("ref", step)
                json.members(outcome)
            }
        }
    }

    public static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Self {
        let name = try Name.stored(type)
        return try decoding(type, data) { json throws(JSONError) in
            guard name != .voided else { return .voided(try json.optionalReference("ref")) }
            let step = try json.reference("ref")
            return switch name {
            case .authorizationRequested:
                .authorizationRequested(
                    step, try json.amount("amount"), token: try json.string("token"),
                    within: try json.within())
            case .authorizationRepeated: .authorizationRepeated(step)
            case .authorized: .authorized(step, code: try json.string("code"))
            case .declined: .declined(step, reason: try json.string("reason"))
            case .authorizationUnknown:
                .authorizationUnknown(step, reason: try json.string("reason"))
            case .authorizationOverdue:
                .authorizationOverdue(step, reason: try json.string("reason"))
            case .voidRequested: .voidRequested(step)
            case .voided: .voided(step)
            case .captureRequested: .captureRequested(step, try json.amount("amount"))
            case .captureRepeated: .captureRepeated(step)
            case .captured:
                .captured(step, id: try json.string("id"), amount: try json.amount("amount"))
            case .captureFailed: .captureFailed(step, reason: try json.string("reason"))
            case .answered: .answered(step, try json.outcome())
            }
        }
    }
}

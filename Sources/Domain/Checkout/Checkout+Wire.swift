public import EventSourcing

extension SagaProgress.Event: StoredEvent where Definition == Checkout {
    public var type: EventType {
        let name: CheckoutName =
            switch self {
            case .started: .started
            case .requested: .requested
            case .turned: .turned
            case .resumed: .resumed
            case .postponed: .postponed
            case .completed: .completed
            case .compensated: .compensated
            case .asked: .asked
            case .skipped: .skipped
            case .sentBack: .sentBack
            }
        return EventType(name.rawValue)
    }

    public func encode(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .started(let id, let version, let context):
                json.member("id", id)
                json.member("version", Int64(version))
                json.member("order", context.order.value)
                json.member("lines", context.lines)
                json.member("amount", context.amount)
                json.member("token", context.token)
                if let shipping = context.shipping { json.member("shipping", shipping) }
                json.member(within: context.payWithin)
            case .requested(let step, let request):
                json.member("ref", step)
                json.member("request") { request.encode(to: &$0) }
            case .turned(let reason), .compensated(let reason): json.member("reason", reason)
            case .postponed(let step, let reason, let pause):
                json.member("ref", step)
                json.member("reason", reason)
                json.member("pauseMicroseconds", pause.microseconds)
            case .asked(let step, let instruction), .skipped(let step, let instruction):
                json.member("ref", step)
                instruction.encodeMembers(to: &json)
            case .sentBack(let instruction): instruction.encodeMembers(to: &json)
            case .resumed, .completed: break
            }
        }
    }

    public static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Self {
        let name = try CheckoutName.stored(type)
        return try decoding(type, data) { json throws(JSONError) in
            switch name {
            case .started: return try started(json)
            case .requested:
                return .requested(
                    try step(json), try StepRequest(try json.object("request")))
            case .turned: return .turned(reason: try json.string("reason"))
            case .resumed: return .resumed
            case .postponed:
                let pause = try json.integer("pauseMicroseconds")
                guard pause >= 0 else {
                    throw json.error("pauseMicroseconds", "must not be negative")
                }
                return .postponed(
                    try step(json), reason: try json.string("reason"),
                    pause: .microseconds(pause))
            case .completed: return .completed
            case .compensated: return .compensated(reason: try json.string("reason"))
            case .asked: return .asked(try step(json), try Instruction(json))
            case .skipped: return .skipped(try step(json), try Instruction(json))
            case .sentBack: return .sentBack(try Instruction(json))
            }
        }
    }

    /// A version this build has no steps for must not be folded: the saga would have nothing to
    /// do, and end.
    private static func started(_ json: JSONObject) throws(JSONError) -> Self {
        let version = try json.count("version")
        guard !Checkout.steps(version: version).isEmpty else {
            throw json.error("version", "is a checkout this build does not know; run a newer one")
        }
        let context = Checkout.Context(
            order: try json.identifier("order", OrderID.self),
            lines: try json.stockLines("lines"), amount: try json.amount("amount"),
            token: try json.string("token"), shipping: try json.optionalString("shipping"),
            payWithin: try json.within())
        return .started(id: try json.string("id"), version: version, context)
    }

    private static func step(_ json: JSONObject) throws(JSONError) -> StepReference {
        let reference = try json.reference("ref")
        let known = (1...Checkout.version).contains { version in
            Checkout.steps(version: version).contains { $0.name == reference.step }
        }
        guard known else { throw json.error("ref", "names a step this build does not know") }
        return reference
    }
}

private enum CheckoutName: String {
    case started = "checkout.started"
    case requested = "checkout.step-requested"
    case turned = "checkout.turned"
    case resumed = "checkout.resumed"
    case postponed = "checkout.postponed"
    case completed = "checkout.completed"
    case compensated = "checkout.compensated"
    case asked = "checkout.step-repeated"
    case skipped = "checkout.step-skipped"
    case sentBack = "checkout.sent-back"
}

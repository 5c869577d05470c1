public import EventSourcing

extension Delivery.Event: StoredEvent {
    private enum Name: String {
        case packed = "delivery.packed"
        case unpacked = "delivery.unpacked"
        case handOverRequested = "delivery.hand-over-requested"
        case handOverRepeated = "delivery.hand-over-repeated"
        case handedOver = "delivery.handed-over"
        case handOverRefused = "delivery.hand-over-refused"
        case recallRequested = "delivery.recall-requested"
        case recalled = "delivery.recalled"
        case answered = "delivery.answered"
    }

    public var type: EventType {
        let name: Name =
            switch self {
            case .packed: .packed
            case .unpacked: .unpacked
            case .handOverRequested: .handOverRequested
            case .handOverRepeated: .handOverRepeated
            case .handedOver: .handedOver
            case .handOverRefused: .handOverRefused
            case .recallRequested: .recallRequested
            case .recalled: .recalled
            case .answered: .answered
            }
        return EventType(name.rawValue)
    }

    public func encode(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .packed(let step), .unpacked(let step), .handOverRequested(let step),
                .handOverRepeated(let step), .recallRequested(let step), .recalled(let step):
                json.member("ref", step)
            case .handedOver(let step, let tracking):
                json.member("ref", step)
                json.member("tracking", tracking)
            case .handOverRefused(let step, let reason):
                json.member("ref", step)
                json.member("reason", reason)
            case .answered(let step, let outcome):
                json.member("ref", step)
                json.members(outcome)
            }
        }
    }

    public static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Self {
        let name = try Name.stored(type)
        return try decoding(type, data) { json throws(JSONError) in
            let step = try json.reference("ref")
            return switch name {
            case .packed: .packed(step)
            case .unpacked: .unpacked(step)
            case .handOverRequested: .handOverRequested(step)
            case .handOverRepeated: .handOverRepeated(step)
            case .handedOver: .handedOver(step, tracking: try json.string("tracking"))
            case .handOverRefused: .handOverRefused(step, reason: try json.string("reason"))
            case .recallRequested: .recallRequested(step)
            case .recalled: .recalled(step)
            case .answered: .answered(step, try json.outcome())
            }
        }
    }
}

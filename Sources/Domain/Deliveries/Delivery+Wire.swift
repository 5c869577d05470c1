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
        case outForDelivery = "delivery.out-for-delivery"
        case delivered = "delivery.delivered"
        case lost = "delivery.lost"
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
            case .outForDelivery: .outForDelivery
            case .delivered: .delivered
            case .lost: .lost
            case .answered: .answered
            }
        return EventType(name.rawValue)
    }

    public func encode(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .packed(let step), .unpacked(let step), .handOverRepeated(let step),
                .recallRequested(let step), .recalled(let step):
                json.member("ref", step)
            case .handOverRequested(let step, let shipping):
                json.member("ref", step)
                if let shipping { json.member("shipping", shipping) }
            case .outForDelivery(let tracking), .delivered(let tracking):
                json.member("tracking", tracking)
            case .lost(let tracking, let reason):
                json.member("tracking", tracking)
                json.member("reason", reason)
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
            func step() throws(JSONError) -> StepReference { try json.reference("ref") }
            func tracking() throws(JSONError) -> String { try json.string("tracking") }
            return switch name {
            case .packed: .packed(try step())
            case .unpacked: .unpacked(try step())
            case .handOverRequested:
                .handOverRequested(try step(), shipping: try json.optionalString("shipping"))
            case .handOverRepeated: .handOverRepeated(try step())
            case .handedOver: .handedOver(try step(), tracking: try tracking())
            case .handOverRefused:
                .handOverRefused(try step(), reason: try json.string("reason"))
            case .recallRequested: .recallRequested(try step())
            case .recalled: .recalled(try step())
            case .outForDelivery: .outForDelivery(tracking: try tracking())
            case .delivered: .delivered(tracking: try tracking())
            case .lost: .lost(tracking: try tracking(), reason: try json.string("reason"))
            case .answered: .answered(try step(), try json.outcome())
            }
        }
    }
}

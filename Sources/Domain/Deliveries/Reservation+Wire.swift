public import EventSourcing

extension Reservation.Event: StoredEvent {
    private enum Name: String {
        case made = "reservation.made"
        case refused = "reservation.refused"
        case released = "reservation.released"
        case expired = "reservation.expired"
        case answered = "reservation.answered"
    }

    public var type: EventType {
        let name: Name =
            switch self {
            case .made: .made
            case .refused: .refused
            case .released: .released
            case .expired: .expired
            case .answered: .answered
            }
        return EventType(name.rawValue)
    }

    public func encode(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .made(let step, let lines):
                json.member("ref", step)
                json.member("lines", lines)
            case .refused(let step, let shortages):
                json.member("ref", step)
                json.member("shortages") { json in
                    json.array { json in
                        for shortage in shortages { shortage.encode(to: &json) }
                    }
                }
            case .released(let step): json.member("ref", step)
            case .expired(let held): json.member("heldSeconds", held.components.seconds)
            case .answered(let step, let outcome):
                json.member("ref", step)
                json.members(outcome)
            }
        }
    }

    public static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Self {
        let name = try Name.stored(type)
        return try decoding(type, data) { json throws(JSONError) in
            switch name {
            case .made: return .made(try json.reference("ref"), try json.stockLines("lines"))
            case .refused:
                var shortages: [Shortage] = []
                for shortage in try json.objects("shortages") {
                    shortages.append(try Shortage(shortage))
                }
                return .refused(try json.reference("ref"), shortages)
            case .released: return .released(try json.reference("ref"))
            case .expired: return .expired(held: .seconds(try json.count("heldSeconds")))
            case .answered: return .answered(try json.reference("ref"), try json.outcome())
            }
        }
    }
}

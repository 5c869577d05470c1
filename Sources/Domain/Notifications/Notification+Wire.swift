public import EventSourcing

extension Notification.Event: StoredEvent {
    private enum Name: String {
        case requested = "notification.requested"
        case deferred = "notification.deferred"
        case sent = "notification.sent"
        case failed = "notification.failed"
        case skipped = "notification.skipped"
        case readdressed = "notification.readdressed"
    }

    public var type: EventType {
        let name: Name =
            switch self {
            case .requested: .requested
            case .deferred: .deferred
            case .sent: .sent
            case .failed: .failed
            case .skipped: .skipped
            case .readdressed: .readdressed
            }
        return EventType(name.rawValue)
    }

    public func encode(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .requested(let kind, let contact, let placedAt):
                json.member("kind", kind.rawValue)
                json.member("contact", contact)
                if let placedAt { json.member("placedAt", placedAt.description) }
            case .deferred(let kind), .sent(let kind), .skipped(let kind):
                json.member("kind", kind.rawValue)
            case .failed(let kind, let reason):
                json.member("kind", kind.rawValue)
                json.member("reason", reason)
            case .readdressed(let contact): json.member("contact", contact)
            }
        }
    }

    public static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Self {
        let name = try Name.stored(type)
        return try decoding(type, data) { json throws(JSONError) in
            if name == .readdressed {
                return .readdressed(contact: try json.string("contact"))
            }
            guard let kind = Notification.Kind(rawValue: try json.string("kind")) else {
                throw json.error("kind", "is no kind of mail known here")
            }
            switch name {
            case .requested:
                return .requested(
                    kind, contact: try json.string("contact"),
                    placedAt: try time("placedAt", in: json))
            case .deferred: return .deferred(kind)
            case .sent: return .sent(kind)
            case .failed: return .failed(kind, reason: try json.string("reason"))
            case .skipped, .readdressed: return .skipped(kind)
            }
        }
    }

    private static func time(_ name: String, in json: JSONObject) throws(JSONError) -> Timestamp? {
        guard let text = try json.optionalString(name) else { return nil }
        guard let time = Timestamp(text) else { throw json.error(name, "is no time") }
        return time
    }
}

public import EventSourcing

/// A merchant's own number for an order: whoever claims it first has it for ever.
///
/// Idempotency keys are forgotten after a day; what must never double even years later carries a
/// reference.
public struct Reference: Decider, Hashable {
    public private(set) var order: OrderID?

    public init() {}

    public enum Command: Hashable, Sendable {
        case claim(String, for: OrderID)
    }

    public enum Event: Hashable, Sendable {
        case claimed(String, by: OrderID)
    }

    public enum Rejection: Error, Hashable {
        /// Another order has it.
        case taken(by: OrderID)
    }

    public func decide(_ command: Command) throws(Rejection) -> [Event] {
        switch command {
        case .claim(let reference, let claimant):
            guard let order else { return [.claimed(reference, by: claimant)] }
            guard order == claimant else { throw .taken(by: order) }
            return []
        }
    }

    public mutating func evolve(_ event: Event) {
        switch event {
        case .claimed(_, let order): self.order = order
        }
    }
}

extension Reference.Event: StoredEvent {
    public var type: EventType { EventType("reference.claimed") }

    public func encode(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .claimed(let reference, let order):
                json.member("reference", reference)
                json.member("order", order.value)
            }
        }
    }

    public static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Self {
        guard type.name == "reference.claimed" else { throw .unknownType(type) }
        guard type.schema == 1 else { throw .unknownSchema(type) }
        return try decoding(type, data) { json throws(JSONError) in
            .claimed(
                try json.string("reference"), by: try json.identifier("order", OrderID.self))
        }
    }
}

public import EventSourcing

/// What is on record of a customer besides the orders: that the personal data was erased.
public struct Customer: Decider, Hashable {
    public private(set) var isErased = false

    public init() {}

    public enum Command: Hashable, Sendable {
        case erase
    }

    public enum Event: Hashable, Sendable {
        case erased
    }

    /// Commands are never rejected: erasing twice is erasing.
    public typealias Rejection = Never

    public func decide(_ command: Command) -> [Event] {
        switch command {
        // A customer who came back left new data behind: each request is a fact of its own.
        case .erase: [.erased]
        }
    }

    public mutating func evolve(_ event: Event) {
        switch event {
        case .erased: isErased = true
        }
    }
}

extension Customer.Event: StoredEvent {
    public var type: EventType { EventType("customer.erased") }

    public func encode(to json: inout JSONWriter) { json.object { _ in } }

    public static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Self {
        guard type.name == "customer.erased" else { throw .unknownType(type) }
        guard type.schema == 1 else { throw .unknownSchema(type) }
        return try decoding(type, data) { json throws(JSONError) in .erased }
    }
}

/// The stored name of an event: its type and the version of its schema, both written out by hand.
public struct EventType: Hashable, Sendable, CustomStringConvertible {
    /// Such as `order.placed`; at most 100 bytes of `a-z 0-9 . -`.
    public let name: String
    /// Starts at 1 and grows when the stored form changes; older forms keep an upcaster for ever.
    public let schema: Int

    public init(_ name: String, schema: Int = 1) {
        self.name = name
        self.schema = schema
    }

    public var description: String { "\(name)/\(schema)" }
}

/// An event that has a stored form: JSON data under a hand-written type name.
public protocol StoredEvent: Sendable, Equatable {
    /// The name it is stored under now.
    var type: EventType { get }

    /// Appends the event's data, one JSON object.
    func encode(to json: inout JSONWriter)

    /// Reads a stored event of any schema version that was ever written (upcasting older ones).
    ///
    /// - Throws: `UnreadableEvent.unknownType` for a type that is none of this decider's,
    ///   `.unknownSchema` for a version newer than this build, `.malformed` for data that does not
    ///   fit.
    static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Self
}

/// Why a stored event or a message could not be read.
public enum UnreadableEvent: Error, Equatable, CustomStringConvertible {
    /// No event of that name is known here. Readers of other services' events pass over it.
    case unknownType(EventType)
    /// A known event in a schema version this build does not know: stop, and run a newer build.
    case unknownSchema(EventType)
    /// The data does not have the shape its type promises.
    case malformed(EventType, JSONError)

    public var description: String {
        switch self {
        case .unknownType(let type): "no event type \(type.name) is known here"
        case .unknownSchema(let type):
            "\(type.name) has schema version \(type.schema), which this build cannot read; "
                + "run a newer build"
        case .malformed(let type, let error): "the data of \(type) cannot be read: \(error)"
        }
    }
}

/// Reads a stored event's data with `body`, naming the type in what goes wrong.
public func decoding<Event>(
    _ type: EventType, _ data: JSON, _ body: (JSONObject) throws(JSONError) -> Event
) throws(UnreadableEvent) -> Event {
    do throws(JSONError) {
        return try body(try JSONObject(data))
    } catch { throw .malformed(type, error) }
}

package import EventSourcing
import EventStore

/// What an operator has done about the parked messages of a key, and who and why.
package struct ParkedAct: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// They are applied again, in order, up to the first that still fails.
        case retry
        /// The key's first, which must be the one at this position, is left out for good.
        case discard(Position)
        /// The data of the one at this position are replaced; it is not applied yet.
        case edit(Position, data: [UInt8])
    }

    /// The bytes that replaced data may have.
    package static let mostData = 256 * 1024
    /// So many messages are applied in one act at most: what is more is left for the next one.
    package static let mostApplied = 256

    package let kind: Kind
    /// As `Source.description`.
    package let source: String
    package let key: String
    /// Whether it is only to be found out what would come of it: then nothing is recorded.
    package let isRehearsal: Bool
    package let instruction: Instruction

    package init(
        _ kind: Kind, source: String, key: String, isRehearsal: Bool, _ instruction: Instruction
    ) {
        (self.kind, self.source, self.key) = (kind, source, key)
        (self.isRehearsal, self.instruction) = (isRehearsal, instruction)
    }
}

/// What came of an act.
package struct ParkedReport: Hashable, Sendable {
    /// Where it went no further.
    package struct Stop: Hashable, Sendable {
        package let position: Position
        package let reason: String

        package init(position: Position, reason: String) {
            (self.position, self.reason) = (position, reason)
        }
    }

    /// How many messages were applied; in a rehearsal, could be.
    package var applied = 0
    /// How many of the key are parked after it; in a rehearsal, would be.
    package var left = 0
    package var stop: Stop?
    /// What was recorded of it; nil for a rehearsal.
    package var event: EventIdentity?

    package init() {}
}

/// Why nothing came of an act.
package enum ParkedRefusal: Error, Hashable, Sendable {
    /// No such message is parked.
    case notFound(String)
    /// It cannot be done so.
    case invalid(String)
}

/// What operators did about the messages of one key, in stream `parked-<key>`. There is nothing to
/// decide from what was done before.
package struct ParkedHistory: Decider {
    package enum Event: Hashable, Sendable {
        /// These were applied; the stop says where it went no further.
        case retried(source: String, [Position], ParkedReport.Stop?, Instruction)
        case edited(ParkedText, after: String, Instruction)
        case discarded(ParkedText, reason: String, Instruction)
    }

    /// A message that an act was about, with its data as they were: nothing is lost with it.
    package struct ParkedText: Hashable, Sendable {
        package let source: String
        package let position: Position
        /// The event's identity, as its message has it.
        package let id: String
        package let data: String

        package init(source: String, position: Position, id: String, data: String) {
            (self.source, self.position, self.id, self.data) = (source, position, id, data)
        }
    }

    package typealias Command = Event
    package typealias Rejection = Never

    package init() {}
    package func decide(_ command: Event) -> [Event] { [command] }
    package mutating func evolve(_ event: Event) {}
}

extension ParkedHistory.Event: StoredEvent {
    private enum Name: String {
        case retried = "parked.retried"
        case edited = "parked.edited"
        case discarded = "parked.discarded"
    }

    /// Their public forms: without the messages' data, which may hold what was private.
    static let rules: [String: Publication.Rule] = [
        Name.retried.rawValue: Publication.fact,
        Name.edited.rawValue: Publication.fact(without: ["data", "after"]),
        Name.discarded.rawValue: Publication.fact(without: ["data"]),
    ]

    package var type: EventType {
        let name: Name =
            switch self {
            case .retried: .retried
            case .edited: .edited
            case .discarded: .discarded
            }
        return EventType(name.rawValue)
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .retried(let source, let positions, let stop, let instruction):
                json.member("source", source)
                json.member("positions") { json in
                    json.array { json in for position in positions { json.value(position.value) } }
                }
                if let stop {
                    json.member("stoppedAt", stop.position.value)
                    json.member("reason", stop.reason)
                }
                instruction.encodeMembers(to: &json)
            case .edited(let text, let after, let instruction):
                text.encodeMembers(to: &json)
                json.member("after", after)
                instruction.encodeMembers(to: &json)
            case .discarded(let text, let reason, let instruction):
                text.encodeMembers(to: &json)
                json.member("reason", reason)
                instruction.encodeMembers(to: &json)
            }
        }
    }

    package static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Self {
        guard let name = Name(rawValue: type.name) else { throw .unknownType(type) }
        guard type.schema == 1 else { throw .unknownSchema(type) }
        return try decoding(type, data) { json throws(JSONError) in
            let instruction = try Instruction(json)
            switch name {
            case .retried:
                var positions: [Position] = []
                for item in try json.array("positions") {
                    guard let position = item.integer else {
                        throw json.error("positions", "must be numbers")
                    }
                    positions.append(Position(position))
                }
                let stop = try json.optionalInteger("stoppedAt").map { (at) throws(JSONError) in
                    ParkedReport.Stop(
                        position: Position(at), reason: try json.string("reason"))
                }
                return .retried(
                    source: try json.string("source"), positions, stop, instruction)
            case .edited:
                return .edited(
                    try .init(json), after: try json.string("after"), instruction)
            case .discarded:
                return .discarded(
                    try .init(json), reason: try json.string("reason"), instruction)
            }
        }
    }
}

extension ParkedHistory.ParkedText {
    init(_ message: ParkedMessage) {
        self.init(
            source: message.source, position: message.position,
            id: message.message?.identity.description ?? message.id,
            data: String(decoding: message.payload, as: UTF8.self))
    }

    fileprivate func encodeMembers(to json: inout JSONWriter) {
        json.member("source", source)
        json.member("position", position.value)
        json.member("id", id)
        json.member("data", data)
    }

    fileprivate init(_ json: JSONObject) throws(JSONError) {
        source = try json.string("source")
        position = Position(try json.integer("position"))
        id = try json.string("id")
        data = try json.string("data")
    }
}

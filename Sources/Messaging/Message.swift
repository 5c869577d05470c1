package import EventSourcing
package import EventStore

/// Part of what a log publishes: its public facts, or its commands to one other service.
package struct Source: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let log: LogName
    package let channel: String
    /// `orders/facts`, the name it has in checkpoints.
    package let description: String

    package init(_ log: LogName, _ channel: String) {
        self.log = log
        self.channel = channel
        description = "\(log)/\(channel)"
    }

    /// The broker's stream that carries it.
    package var stream: String { "kassa-\(log)" }
    /// What its messages' subjects begin with.
    package var subject: String { "kassa.\(log).\(channel)" }
    package static func < (a: Source, b: Source) -> Bool { a.description < b.description }
}

/// A published event, in its public form. An object, as many hold it at once.
package final class Message: Hashable, Sendable {
    package let identity: EventIdentity
    package let channel: String
    /// The position of the message before it in its channel: whoever has not read so far has a gap.
    package let previous: Position
    package let stream: StreamID
    package let version: Version
    package let type: EventType
    package let recordedAt: Timestamp
    package let metadata: Metadata
    /// One JSON object.
    package let data: [UInt8]
    /// The leaf of the stored event it was made from.
    package let leaf: Digest

    package init(
        identity: EventIdentity, channel: String, previous: Position, stream: StreamID,
        version: Version, type: EventType, recordedAt: Timestamp, metadata: Metadata,
        data: [UInt8], leaf: Digest
    ) {
        self.identity = identity
        self.channel = channel
        self.previous = previous
        self.stream = stream
        self.version = version
        self.type = type
        self.recordedAt = recordedAt
        self.metadata = metadata
        self.data = data
        self.leaf = leaf
    }

    package static func == (a: Message, b: Message) -> Bool {
        a === b
            || a.identity == b.identity && a.channel == b.channel && a.previous == b.previous
                && a.stream == b.stream && a.version == b.version && a.type == b.type
                && a.recordedAt == b.recordedAt && a.metadata == b.metadata && a.data == b.data
                && a.leaf == b.leaf
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(identity) }

    package var source: Source { Source(identity.log, channel) }
    /// When it happened for the business.
    package var occurredAt: Timestamp { metadata.occurredAt ?? recordedAt }

    /// The event in the vocabulary of a decider.
    package func decoded<Event: StoredEvent>(as _: Event.Type = Event.self)
        throws(UnreadableEvent) -> Event
    {
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: data)
        } catch { throw .malformed(type, error) }
        return try Event.decode(type, json)
    }
}

/// What a log says of itself on a channel: how far it has published, as of when, and how far it has
/// read others.
package struct Watermark: Hashable, Sendable {
    package let log: LogName
    package let channel: String
    package let epoch: Epoch
    /// All up to here is published.
    package let through: Position
    /// The leaf of the event at `through`.
    package let leaf: Digest
    /// The newest position in this channel: a reader that is not there yet misses the tail.
    package let last: Position
    /// Nothing recorded up to this moment is published later.
    package let asOf: Timestamp
    /// Since when the log's owner was up without a break.
    package let upSince: Timestamp
    package let treeSize: Int64
    package let treeRoot: Digest
    /// How far the log's owner has read others, by source name.
    package let read: [String: ReadMark]

    package init(
        log: LogName, channel: String, epoch: Epoch, through: Position, leaf: Digest,
        last: Position, asOf: Timestamp, upSince: Timestamp, treeSize: Int64, treeRoot: Digest,
        read: [String: ReadMark]
    ) {
        self.log = log
        self.channel = channel
        self.epoch = epoch
        self.through = through
        self.leaf = leaf
        self.last = last
        self.asOf = asOf
        self.upSince = upSince
        self.treeSize = treeSize
        self.treeRoot = treeRoot
        self.read = read
    }
}

/// What a channel carries.
package enum Bulletin: Hashable, Sendable {
    case event(Message)
    /// Behind a reference: events are many, and are handed on often.
    indirect case watermark(Watermark)

    package var source: Source {
        switch self {
        case .event(let message): message.source
        case .watermark(let watermark): Source(watermark.log, watermark.channel)
        }
    }
}

extension Bulletin {
    package func comes(from source: Source) -> Bool {
        switch self {
        case .event(let message):
            message.channel == source.channel && message.identity.log == source.log
        case .watermark(let watermark):
            watermark.channel == source.channel && watermark.log == source.log
        }
    }
}

/// A message that is none of ours, or damaged.
package struct MalformedMessage: Error, Hashable, CustomStringConvertible {
    package let reason: String

    package init(reason: String) { self.reason = reason }

    package var description: String { "a message cannot be read: \(reason)" }
}

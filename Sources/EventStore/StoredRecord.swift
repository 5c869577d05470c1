public import EventSourcing

/// An event as its bytes lie in the log.
///
/// What never changes is one object, so that handing records on costs little.
@usableFromInline package struct StoredRecord: Hashable, Sendable {
    private final class Content: Sendable {
        let identity: EventIdentity
        let stream: StreamID
        let version: Version
        let type: EventType
        let recordedAt: Timestamp
        let data: [UInt8]
        let metadata: [UInt8]
        /// What `metadata` say, where the record was made from it.
        let meaning: Metadata?

        init(
            identity: EventIdentity, stream: StreamID, version: Version, type: EventType,
            recordedAt: Timestamp, data: [UInt8], metadata: [UInt8], meaning: Metadata?
        ) {
            (self.identity, self.stream, self.version) = (identity, stream, version)
            (self.type, self.recordedAt) = (type, recordedAt)
            (self.data, self.metadata, self.meaning) = (data, metadata, meaning)
        }
    }

    private let content: Content
    /// The hash over all the rest.
    package internal(set) var leaf: Digest

    package init(
        identity: EventIdentity, stream: StreamID, version: Version, type: EventType,
        recordedAt: Timestamp, data: [UInt8], metadata: [UInt8], leaf: Digest
    ) {
        self.init(
            identity: identity, stream: stream, version: version, type: type,
            recordedAt: recordedAt, data: data, metadata: metadata, meaning: nil, leaf: leaf)
    }

    init(
        identity: EventIdentity, stream: StreamID, version: Version, type: EventType,
        recordedAt: Timestamp, data: [UInt8], metadata: [UInt8], meaning: Metadata?, leaf: Digest
    ) {
        content = Content(
            identity: identity, stream: stream, version: version, type: type,
            recordedAt: recordedAt, data: data, metadata: metadata, meaning: meaning)
        self.leaf = leaf
    }

    package var identity: EventIdentity { content.identity }
    package var stream: StreamID { content.stream }
    @usableFromInline package var version: Version { content.version }
    package var type: EventType { content.type }
    package var recordedAt: Timestamp { content.recordedAt }
    /// One JSON object.
    package var data: [UInt8] { content.data }
    /// One JSON object; see `Metadata`.
    package var metadata: [UInt8] { content.metadata }

    /// What the metadata say.
    ///
    /// - Throws: `StoreError.unreadableEvent`.
    package func parsedMetadata() throws(StoreError) -> Metadata {
        if let known = content.meaning { return known }
        do throws(UnreadableEvent) {
            return try parse(metadata) { (json) throws(JSONError) in try Metadata(json) }
        } catch { throw .unreadableEvent(identity, error) }
    }

    @usableFromInline package static func == (a: Self, b: Self) -> Bool {
        a.leaf == b.leaf && a.identity == b.identity && a.stream == b.stream
            && a.version == b.version && a.type == b.type && a.recordedAt == b.recordedAt
            && a.data == b.data && a.metadata == b.metadata
    }

    @usableFromInline package func hash(into hasher: inout Hasher) { hasher.combine(identity) }

    package var position: Position { identity.position }

    /// The leaf that these bytes must have.
    package var computedLeaf: Digest {
        Leaf.digest(
            identity: identity, stream: stream, version: version, type: type,
            recordedAt: recordedAt, data: data, metadata: metadata)
    }

    /// The event in the vocabulary of its decider.
    ///
    /// - Throws: `StoreError.unreadableEvent`.
    @usableFromInline package func decoded<Event: StoredEvent>(as _: Event.Type = Event.self)
        throws(StoreError) -> Recorded<Event>
    {
        do throws(UnreadableEvent) {
            return Recorded(
                identity: identity, stream: stream, version: version, recordedAt: recordedAt,
                metadata: try parse(metadata) { (json) throws(JSONError) in try Metadata(json) },
                event: try Event.decode(type, try parse(data) { json in json }))
        } catch { throw .unreadableEvent(identity, error) }
    }

    private func parse<Value>(_ bytes: [UInt8], _ body: (JSON) throws(JSONError) -> Value)
        throws(UnreadableEvent) -> Value
    {
        do throws(JSONError) {
            return try body(try JSON(parsing: bytes))
        } catch { throw .malformed(type, error) }
    }
}

/// The bytes an event's leaf hash is taken over (format 1).
///
/// `kassa.event.1`, then each field: texts and bytes as a 32-bit big-endian length and the bytes,
/// numbers as 64 bits big endian; in the order log, epoch, position, stream, version, type, schema
/// version, recorded time in microseconds, metadata, data. The leaf is the RFC 9162 leaf hash,
/// SHA-256 of a zero byte and these bytes.
package enum Leaf {
    private static let prefix = Array("kassa.event.1".utf8)

    package static func digest(
        identity: EventIdentity, stream: StreamID, version: Version, type: EventType,
        recordedAt: Timestamp, data: [UInt8], metadata: [UInt8]
    ) -> Digest {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(160 + data.count + metadata.count)
        append(
            identity: identity, stream: stream, version: version, type: type,
            recordedAt: recordedAt, data: data, metadata: metadata, to: &bytes)
        return MerkleTree.leaf(bytes)
    }

    /// Adds the bytes of one event's leaf to `bytes`, so that those of a commit lie in one buffer:
    /// `MerkleTree.leaves` takes them together.
    package static func append(
        identity: EventIdentity, stream: StreamID, version: Version, type: EventType,
        recordedAt: Timestamp, data: [UInt8], metadata: [UInt8], to bytes: inout [UInt8]
    ) {
        bytes.append(contentsOf: prefix)
        append(identity.log.value, to: &bytes)
        append(identity.epoch.value, to: &bytes)
        append(identity.position.value, to: &bytes)
        append(count: stream.category.utf8.count + 1 + stream.id.utf8.count, to: &bytes)
        bytes.append(utf8: stream.category)
        bytes.append(UInt8(ascii: "-"))
        bytes.append(utf8: stream.id)
        append(version.value, to: &bytes)
        append(type.name, to: &bytes)
        append(Int64(type.schema), to: &bytes)
        append(recordedAt.microseconds, to: &bytes)
        append(count: metadata.count, to: &bytes)
        bytes.append(contentsOf: metadata)
        append(count: data.count, to: &bytes)
        bytes.append(contentsOf: data)
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        append(count: text.utf8.count, to: &bytes)
        bytes.append(utf8: text)
    }

    private static func append(count: Int, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: count).bigEndian) {
            bytes.append(contentsOf: $0)
        }
    }

    private static func append(_ value: Int64, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}

public import EventSourcing

/// An event as its bytes lie in the log.
@usableFromInline package struct StoredRecord: Hashable, Sendable {
    package let identity: EventIdentity
    package let stream: StreamID
    @usableFromInline package let version: Version
    package let type: EventType
    package let recordedAt: Timestamp
    /// One JSON object.
    package let data: [UInt8]
    /// One JSON object; see `Metadata`.
    package let metadata: [UInt8]
    /// The hash over all of the above.
    package internal(set) var leaf: Digest

    package init(
        identity: EventIdentity, stream: StreamID, version: Version, type: EventType,
        recordedAt: Timestamp, data: [UInt8], metadata: [UInt8], leaf: Digest
    ) {
        self.identity = identity
        self.stream = stream
        self.version = version
        self.type = type
        self.recordedAt = recordedAt
        self.data = data
        self.metadata = metadata
        self.leaf = leaf
    }

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
        bytes.append(contentsOf: stream.category.utf8)
        bytes.append(UInt8(ascii: "-"))
        bytes.append(contentsOf: stream.id.utf8)
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
        bytes.append(contentsOf: text.utf8)
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

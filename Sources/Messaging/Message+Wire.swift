import CPlatform
import EventSourcing
import EventStore

/// Messages on the wire: CloudEvents 1.0 in binary mode, the attributes as headers in a NATS header
/// block.
extension Bulletin {
    package var brokerMessage: BrokerMessage {
        switch self {
        case .event(let message): message.brokerMessage
        case .watermark(let watermark): watermark.brokerMessage
        }
    }

    /// Reads a message that a relay of ours published.
    ///
    /// - Throws: `MalformedMessage` for every other one; never traps, whatever the bytes.
    package init(_ carried: BrokerMessage) throws(MalformedMessage) {
        let stage = kassa_stage_enter(KASSA_STAGE_CONSUME)
        defer { kassa_stage_leave(stage) }
        let headers = try HeaderBlock(carried.headers)
        if headers["kassa-kind"] == "watermark" {
            self = .watermark(try Watermark(headers, payload: carried.payload))
        } else {
            self = .event(try Message(headers, payload: carried.payload))
        }
    }
}

extension Message {
    fileprivate var brokerMessage: BrokerMessage {
        var headers = HeaderBlock.Writer()
        headers.add("ce-specversion", "1.0")
        headers.add("ce-id", identity.description)
        headers.add("ce-source", "/kassa/\(identity.log)")
        headers.add("ce-type", type.name)
        headers.add("ce-dataschema", "/kassa/schemas/\(type.name)/\(type.schema)")
        headers.add("ce-subject", stream.description)
        headers.add("ce-time", recordedAt.description)
        headers.add("ce-partitionkey", stream.id)
        headers.add("ce-sequence", identity.position.description)
        headers.add("ce-correlationid", metadata.correlation)
        if let cause = metadata.cause { headers.add("ce-causationid", cause.description) }
        if let trace = metadata.trace { headers.add("ce-traceparent", trace) }
        headers.add("ce-actor", metadata.actor)
        if let occurredAt = metadata.occurredAt {
            headers.add("ce-occurredat", occurredAt.description)
        }
        headers.add("content-type", "application/json")
        headers.add("kassa-channel", channel)
        headers.add("kassa-schema", String(type.schema))
        headers.add("kassa-previous", previous.description)
        headers.add("kassa-version", version.description)
        headers.add("kassa-leaf", leaf.hex)
        return BrokerMessage(
            subject: "\(source.subject).\(type.name)", id: "\(identity)/\(channel)",
            headers: headers.bytes, payload: data)
    }

    fileprivate init(_ headers: HeaderBlock, payload: [UInt8]) throws(MalformedMessage) {
        guard let identity = EventIdentity(try headers.required("ce-id")) else {
            throw MalformedMessage(reason: "ce-id is no event identity")
        }
        guard let stream = StreamID(try headers.required("ce-subject")) else {
            throw MalformedMessage(reason: "ce-subject is no stream")
        }
        guard let recordedAt = Timestamp(try headers.required("ce-time")) else {
            throw MalformedMessage(reason: "ce-time is no RFC 3339 time")
        }
        guard let leaf = Digest(hex: try headers.required("kassa-leaf")) else {
            throw MalformedMessage(reason: "kassa-leaf is no SHA-256 hash")
        }
        let schema = try headers.number("kassa-schema")
        guard schema > 0, schema < 1_000_000 else {
            throw MalformedMessage(reason: "kassa-schema is out of range")
        }
        self.init(
            identity: identity, channel: try headers.required("kassa-channel"),
            previous: Position(try headers.number("kassa-previous")), stream: stream,
            version: Version(try headers.number("kassa-version")),
            type: EventType(try headers.required("ce-type"), schema: Int(schema)),
            recordedAt: recordedAt,
            metadata: Metadata(
                correlation: try headers.required("ce-correlationid"),
                cause: headers["ce-causationid"].flatMap(EventIdentity.init),
                actor: try headers.required("ce-actor"), trace: headers["ce-traceparent"],
                occurredAt: headers["ce-occurredat"].flatMap { Timestamp($0) }),
            data: payload, leaf: leaf)
    }
}

extension Watermark {
    fileprivate var brokerMessage: BrokerMessage {
        var headers = HeaderBlock.Writer()
        headers.add("kassa-kind", "watermark")
        var json = JSONWriter(reserving: 400)
        json.object { json in
            json.member("log", log.value)
            json.member("channel", channel)
            json.member("epoch", epoch.value)
            json.member("through", through.value)
            json.member("leaf", leaf.hex)
            json.member("last", last.value)
            json.member("asOf", asOf.microseconds)
            json.member("upSince", upSince.microseconds)
            json.member("treeSize", treeSize)
            json.member("treeRoot", treeRoot.hex)
            json.member("read", CheckpointTable.text(read))
        }
        return BrokerMessage(
            subject: "\(Source(log, channel).subject).watermark",
            id: "\(log)/\(epoch)/\(through)/\(channel)/\(asOf.microseconds)",
            headers: headers.bytes, payload: json.bytes)
    }

    fileprivate init(_ headers: HeaderBlock, payload: [UInt8]) throws(MalformedMessage) {
        do throws(JSONError) {
            let json = try JSONObject(try JSON(parsing: payload))
            guard let leaf = Digest(hex: try json.string("leaf")),
                let root = Digest(hex: try json.string("treeRoot"))
            else { throw json.error("leaf", "is no SHA-256 hash") }
            self.init(
                log: LogName(try json.string("log")), channel: try json.string("channel"),
                epoch: Epoch(try json.integer("epoch")),
                through: Position(try json.integer("through")), leaf: leaf,
                last: Position(try json.integer("last")),
                asOf: Timestamp(microseconds: try json.integer("asOf")),
                upSince: Timestamp(microseconds: try json.integer("upSince")),
                treeSize: try json.integer("treeSize"), treeRoot: root,
                read: CheckpointTable.parse(try json.string("read")))
        } catch { throw MalformedMessage(reason: "watermark: \(error)") }
    }
}

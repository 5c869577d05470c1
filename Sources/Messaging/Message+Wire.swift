import CPlatform
import EventSourcing
import EventStore

/// Messages on the wire: CloudEvents 1.0 in binary mode, the attributes as headers in a NATS header
/// block.
extension Bulletin {
    package var brokerMessage: BrokerMessage {
        switch self {
        case .event(let message): message.brokerMessage(nil)
        case .watermark(let watermark): watermark.brokerMessage
        }
    }

    /// As `brokerMessage`, with what it says beside it for readers in this process.
    package var published: BrokerMessage {
        switch self {
        // A value that was altered on its way into a header is read as it stands there.
        case .event(let message): message.brokerMessage(message.isFaithful ? self : nil)
        case .watermark(let watermark): watermark.brokerMessage
        }
    }

    /// Reads a message that a relay of ours published.
    ///
    /// - Throws: `MalformedMessage` for every other one; never traps, whatever the bytes.
    package init(_ carried: BrokerMessage) throws(MalformedMessage) {
        let stage = kassa_stage_enter(KASSA_STAGE_CONSUME)
        defer { kassa_stage_leave(stage) }
        if let meaning = carried.meaning {
            self = meaning
            return
        }
        self = try HeaderBlock.read(carried.headers) { (headers) throws(MalformedMessage) in
            if headers.text("kassa-kind") == "watermark" {
                return .watermark(try Watermark(payload: carried.payload))
            }
            return .event(try Message(&headers, payload: carried.payload))
        }
    }
}

extension Message {
    fileprivate func brokerMessage(_ meaning: Bulletin?) -> BrokerMessage {
        var headers = HeaderBlock.Writer()
        headers.add("ce-specversion", "1.0")
        headers.add("ce-id") { identity.append(to: &$0) }
        headers.add("ce-source") { text in
            text.append(contentsOf: "/kassa/".utf8)
            text.append(contentsOf: identity.log.value.utf8)
        }
        headers.add("ce-type", type.name)
        headers.add("ce-dataschema") { text in
            text.append(contentsOf: "/kassa/schemas/".utf8)
            HeaderBlock.Writer.append(type.name, to: &text)
            text.append(UInt8(ascii: "/"))
            text.append(decimal: Int64(type.schema))
        }
        headers.add("ce-subject") { text in
            HeaderBlock.Writer.append(stream.category, to: &text)
            text.append(UInt8(ascii: "-"))
            HeaderBlock.Writer.append(stream.id, to: &text)
        }
        headers.add("ce-time") { recordedAt.append(to: &$0) }
        headers.add("ce-partitionkey", stream.id)
        headers.add("ce-sequence") { $0.append(decimal: identity.position.value) }
        headers.add("ce-correlationid", metadata.correlation)
        if let cause = metadata.cause {
            headers.add("ce-causationid") { cause.append(to: &$0) }
        }
        if let trace = metadata.trace { headers.add("ce-traceparent", trace) }
        headers.add("ce-actor", metadata.actor)
        if let occurredAt = metadata.occurredAt {
            headers.add("ce-occurredat") { occurredAt.append(to: &$0) }
        }
        headers.add("content-type", "application/json")
        headers.add("kassa-channel", channel)
        headers.add("kassa-schema") { $0.append(decimal: Int64(type.schema)) }
        headers.add("kassa-previous") { $0.append(decimal: previous.value) }
        headers.add("kassa-version") { $0.append(decimal: version.value) }
        headers.add("kassa-leaf") { leaf.appendHex(to: &$0) }
        var id: [UInt8] = []
        id.reserveCapacity(64)
        identity.append(to: &id)
        id.append(UInt8(ascii: "/"))
        id.append(contentsOf: channel.utf8)
        return BrokerMessage(
            subject: subject, id: String(decoding: id, as: UTF8.self), headers: headers.finish(),
            payload: data, meaning: meaning)
    }

    /// Whether what is read from the headers is what was written into them.
    fileprivate var isFaithful: Bool {
        [stream.category, stream.id, type.name, metadata.correlation, metadata.actor, channel]
            .allSatisfy(HeaderBlock.isFaithful)
            && metadata.trace.map(HeaderBlock.isFaithful) ?? true
    }

    /// `kassa.orders.facts.order.placed`.
    private var subject: String {
        var text: [UInt8] = []
        text.reserveCapacity(64)
        text.append(contentsOf: "kassa.".utf8)
        for part in [identity.log.value, channel] {
            text.append(contentsOf: part.utf8)
            text.append(UInt8(ascii: "."))
        }
        text.append(contentsOf: type.name.utf8)
        return String(decoding: text, as: UTF8.self)
    }

    /// Asks for the headers in the order they are written, which is quickest.
    fileprivate convenience init(_ headers: inout HeaderBlock, payload: [UInt8])
        throws(MalformedMessage)
    {
        let identity = try headers.required("ce-id", "event identity") { EventIdentity(utf8: $0) }
        let name = try headers.required("ce-type")
        guard let stream = StreamID(try headers.required("ce-subject")) else {
            throw MalformedMessage(reason: "ce-subject is no stream")
        }
        let recordedAt = try headers.required("ce-time", "RFC 3339 time") { Timestamp(utf8: $0) }
        let correlation = try headers.required("ce-correlationid")
        let cause = headers.field("ce-causationid").flatMap { EventIdentity(utf8: $0) }
        let trace = headers.text("ce-traceparent")
        let actor = try headers.required("ce-actor")
        let occurredAt = headers.field("ce-occurredat").flatMap { Timestamp(utf8: $0) }
        let channel = try headers.required("kassa-channel")
        let schema = try headers.number("kassa-schema")
        guard schema > 0, schema < 1_000_000 else {
            throw MalformedMessage(reason: "kassa-schema is out of range")
        }
        let previous = Position(try headers.number("kassa-previous"))
        let version = Version(try headers.number("kassa-version"))
        let leaf = try headers.required("kassa-leaf", "SHA-256 hash") { Digest(hex: $0) }
        self.init(
            identity: identity, channel: channel, previous: previous, stream: stream,
            version: version, type: EventType(name, schema: Int(schema)), recordedAt: recordedAt,
            metadata: Metadata(
                correlation: correlation, cause: cause, actor: actor, trace: trace,
                occurredAt: occurredAt),
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
            json.member("read", ReadMark.text(read))
        }
        return BrokerMessage(
            subject: "\(Source(log, channel).subject).watermark",
            id: "\(log)/\(epoch)/\(through)/\(channel)/\(asOf.microseconds)",
            headers: headers.finish(), payload: json.bytes)
    }

    fileprivate init(payload: [UInt8]) throws(MalformedMessage) {
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
                read: ReadMark.parse(try json.string("read")))
        } catch { throw MalformedMessage(reason: "watermark: \(error)") }
    }
}

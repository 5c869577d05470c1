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
        headers.add("\r\nce-specversion: 1.0\r\nce-id: ") { identity.append(to: &$0) }
        headers.add("\r\nce-source: /kassa/") { $0.append(utf8: identity.log.value) }
        headers.add("\r\nce-type: ", type.name)
        headers.add("\r\nce-dataschema: /kassa/schemas/") { text in
            HeaderBlock.Writer.append(type.name, to: &text)
            text.append(UInt8(ascii: "/"))
            text.append(decimal: Int64(type.schema))
        }
        headers.add("\r\nce-subject: ") { text in
            HeaderBlock.Writer.append(stream.category, to: &text)
            text.append(UInt8(ascii: "-"))
            HeaderBlock.Writer.append(stream.id, to: &text)
        }
        headers.add("\r\nce-time: ") { recordedAt.append(to: &$0) }
        headers.add("\r\nce-partitionkey: ", stream.id)
        headers.add("\r\nce-sequence: ") { $0.append(decimal: identity.position.value) }
        headers.add("\r\nce-correlationid: ", metadata.correlation)
        if let cause = metadata.cause {
            headers.add("\r\nce-causationid: ") { cause.append(to: &$0) }
        }
        if let trace = metadata.trace { headers.add("\r\nce-traceparent: ", trace) }
        headers.add("\r\nce-actor: ", metadata.actor)
        if let occurredAt = metadata.occurredAt {
            headers.add("\r\nce-occurredat: ") { occurredAt.append(to: &$0) }
        }
        headers.add("\r\ncontent-type: application/json\r\nkassa-channel: ", channel)
        headers.add("\r\nkassa-schema: ") { $0.append(decimal: Int64(type.schema)) }
        headers.add("\r\nkassa-previous: ") { $0.append(decimal: previous.value) }
        headers.add("\r\nkassa-version: ") { $0.append(decimal: version.value) }
        headers.add("\r\nkassa-leaf: ") { leaf.appendHex(to: &$0) }
        return BrokerMessage(
            subject: subject, id: id, headers: headers.finish(), payload: data, meaning: meaning)
    }

    /// `orders/1/42/facts`, which tells a message that is published again.
    private var id: String {
        var text: [UInt8] = []
        text.reserveCapacity(64)
        identity.append(to: &text)
        text.append(UInt8(ascii: "/"))
        text.append(utf8: channel)
        return String(decoding: text, as: UTF8.self)
    }

    /// Whether what is read from the headers is what was written into them.
    fileprivate var isFaithful: Bool {
        HeaderBlock.isFaithful(stream.category) && HeaderBlock.isFaithful(stream.id)
            && HeaderBlock.isFaithful(type.name) && HeaderBlock.isFaithful(metadata.correlation)
            && HeaderBlock.isFaithful(metadata.actor) && HeaderBlock.isFaithful(channel)
            && metadata.trace.map(HeaderBlock.isFaithful) ?? true
    }

    /// `kassa.orders.facts.order.placed`.
    private var subject: String {
        var text: [UInt8] = []
        text.reserveCapacity(64)
        text.append(utf8: "kassa.")
        text.append(utf8: identity.log.value)
        text.append(UInt8(ascii: "."))
        text.append(utf8: channel)
        text.append(UInt8(ascii: "."))
        text.append(utf8: type.name)
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
        headers.add("\r\nkassa-kind: watermark") { _ in }
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

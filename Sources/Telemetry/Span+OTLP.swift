import EventSourcing

/// A span as OTLP has it. Names and attributes follow OpenTelemetry's semantic conventions where
/// these have one; the rest begins with `kassa.`.
extension Span {
    /// Of a failure so much is told.
    private static let mostOfFailure = 500
    /// What a span takes at most besides its texts and links: names, brackets, numbers.
    private static let frame = 1500
    private static let link = 110
    /// What a byte of a text becomes at most.
    private static let escaped = 6

    /// No span's text is longer.
    var mostBytes: Int {
        let texts =
            switch work {
            case .request(let method, let route, let path, _, let subject):
                2 * method.utf8.count + 2 * route.utf8.count + path.utf8.count
                    + (subject?.size ?? 0)
            case .command(let name, let subject): name.utf8CodeUnitCount + subject.size
            case .publishing(let event): event.size
            case .handling(let event, let reader): event.size + reader.utf8.count
            case .retoldHandling(let event, let reader):
                event.log.value.utf8.count + reader.utf8.count
            case .beginning(let stream), .timer(let stream): stream.size
            case .call(let kind, let key, _, let stream):
                2 * kind.utf8.count + key.utf8.count + stream.size
            case .commit, .projection: 0
            }
        let failure = failure.map { min($0.utf8.count, Self.mostOfFailure) } ?? 0
        return Self.frame + Self.escaped * (texts + failure)
            + Self.link * min(links.count, Self.mostLinks)
    }

    func write(to text: inout OTLPText) {
        text.put("{\"traceId\":\"")
        text.put(hex: trace.high)
        text.put(hex: trace.low)
        text.put("\",\"spanId\":\"")
        text.put(hex: id.value)
        if let parent {
            text.put("\",\"parentSpanId\":\"")
            text.put(hex: parent.value)
        }
        text.put("\",\"name\":\"")
        writeWork(to: &text)
        if isRetold { text.put(",{\"key\":\"kassa.retold\",\"value\":{\"boolValue\":true}}") }
        text.put("],\"startTimeUnixNano\":")
        text.put(start)
        text.put(",\"endTimeUnixNano\":")
        text.put(end)
        if !links.isEmpty { writeLinks(to: &text) }
        if let failure {
            text.put(",\"status\":{\"code\":2,\"message\":\"")
            text.put(escaping: failure.cut(to: Self.mostOfFailure))
            text.put("\"}")
        }
        text.put(UInt8(ascii: "}"))
    }

    private func writeLinks(to text: inout OTLPText) {
        text.put(",\"links\":[")
        for (place, link) in links.prefix(Self.mostLinks).enumerated() {
            text.put(place == 0 ? "{\"traceId\":\"" : ",{\"traceId\":\"")
            text.put(hex: link.trace.high)
            text.put(hex: link.trace.low)
            text.put("\",\"spanId\":\"")
            text.put(hex: link.span.value)
            text.put("\"}")
        }
        text.put(UInt8(ascii: "]"))
    }

    /// The rest of the name, the kind, and the attributes but for their end.
    private func writeWork(to text: inout OTLPText) {
        switch work {
        case .request(let method, let route, let path, let status, let subject):
            text.put(escaping: method)
            text.put(UInt8(ascii: " "))
            text.put(escaping: route)
            text.put("\",\"kind\":2,\"attributes\":[")
            text.first("http.request.method", method)
            text.attribute("http.route", route)
            text.attribute("url.path", path)
            text.attribute("url.scheme", "http")
            text.attribute("http.response.status_code", Int64(status))
            text.order(subject?.order)
        case .command(let name, let subject):
            text.put(name)
            text.put("\",\"kind\":1,\"attributes\":[")
            text.first("kassa.stream", subject)
            text.order(subject.order)
        case .publishing(let event):
            text.put("publish ")
            text.put(escaping: event.type)
            text.put("\",\"kind\":4,\"attributes\":[")
            text.put(Self.sends)
            text.event(event)
        case .handling(let event, let reader):
            text.put("process ")
            text.put(escaping: event.type)
            text.put("\",\"kind\":5,\"attributes\":[")
            text.put(Self.processes)
            text.event(event)
            text.attribute("messaging.consumer.group.name", reader)
        case .retoldHandling(let event, let reader):
            text.put("process\",\"kind\":5,\"attributes\":[")
            text.put(Self.processes)
            text.identity(event)
            text.attribute("messaging.consumer.group.name", reader)
        case .beginning(let stream):
            text.put("begin\",\"kind\":1,\"attributes\":[")
            text.first("kassa.stream", stream)
            text.order(stream.order)
        case .timer(let stream):
            text.put("timer\",\"kind\":1,\"attributes\":[")
            text.first("kassa.stream", stream)
            text.order(stream.order)
        case .call(let kind, let key, let attempt, let stream):
            text.put("call ")
            text.put(escaping: kind)
            text.put("\",\"kind\":3,\"attributes\":[")
            text.first("kassa.call.kind", kind)
            text.attribute("kassa.call.key", key)
            text.attribute("kassa.call.attempt", Int64(attempt))
            text.order(stream.order)
        case .commit(let events):
            text.put("commit\",\"kind\":1,\"attributes\":[")
            text.put(Self.database)
            text.attribute("kassa.events", Int64(events))
        case .projection(let messages):
            text.put("project\",\"kind\":1,\"attributes\":[")
            text.put(Self.database)
            text.attribute("kassa.messages", Int64(messages))
        }
    }

    private static let sends: StaticString = """
        {"key":"messaging.system","value":{"stringValue":"nats"}},\
        {"key":"messaging.operation.name","value":{"stringValue":"publish"}},\
        {"key":"messaging.operation.type","value":{"stringValue":"send"}}
        """
    private static let processes: StaticString = """
        {"key":"messaging.system","value":{"stringValue":"nats"}},\
        {"key":"messaging.operation.name","value":{"stringValue":"process"}},\
        {"key":"messaging.operation.type","value":{"stringValue":"process"}}
        """
    private static let database: StaticString = """
        {"key":"db.system.name","value":{"stringValue":"sqlite"}}
        """
}

extension OTLPText {
    fileprivate mutating func first(_ key: StaticString, _ value: String) {
        begin(key)
        put(escaping: value)
        put("\"}}")
    }

    fileprivate mutating func first(_ key: StaticString, _ stream: StreamID) {
        begin(key)
        put(escaping: stream.category)
        put(UInt8(ascii: "-"))
        put(escaping: stream.id)
        put("\"}}")
    }

    fileprivate mutating func attribute(_ key: StaticString, _ value: String) {
        put(UInt8(ascii: ","))
        first(key, value)
    }

    fileprivate mutating func attribute(_ key: StaticString, _ value: Int64) {
        put(",{\"key\":\"")
        put(key)
        put("\",\"value\":{\"intValue\":\"")
        put(decimal: value)
        put("\"}}")
    }

    private mutating func begin(_ key: StaticString) {
        put("{\"key\":\"")
        put(key)
        put("\",\"value\":{\"stringValue\":\"")
    }

    fileprivate mutating func order(_ order: String?) {
        guard let order else { return }
        put(",{\"key\":\"kassa.order.id\",\"value\":{\"stringValue\":\"")
        put(escaping: order)
        put("\"}}")
    }

    /// The subject that carries it, its identity and its order.
    fileprivate mutating func event(_ event: Span.Event) {
        put(",{\"key\":\"messaging.destination.name\",\"value\":{\"stringValue\":\"kassa.")
        put(escaping: event.identity.log.value)
        put(UInt8(ascii: "."))
        put(escaping: event.channel)
        put(UInt8(ascii: "."))
        put(escaping: event.type)
        put("\"}}")
        identity(event.identity)
        order(event.stream.order)
    }

    fileprivate mutating func identity(_ event: EventIdentity) {
        put(",{\"key\":\"messaging.message.id\",\"value\":{\"stringValue\":\"")
        put(event)
        put("\"}}")
    }
}

extension Span.Event {
    /// The bytes of all its texts, as often as they are written.
    fileprivate var size: Int {
        2 * identity.log.value.utf8.count + channel.utf8.count + 2 * type.utf8.count
            + stream.size
    }
}

extension StreamID {
    fileprivate var size: Int { category.utf8.count + 2 * id.utf8.count }
}

extension String {
    /// At most so many bytes of it, whole characters.
    package func cut(to bytes: Int) -> String {
        guard utf8.count > bytes else { return self }
        var end = utf8.index(startIndex, offsetBy: bytes)
        while end > startIndex, String.Index(end, within: unicodeScalars) == nil {
            end = utf8.index(before: end)
        }
        return String(self[..<end])
    }
}

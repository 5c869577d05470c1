import EventSourcing

/// The bytes a server sends.
enum ServerMessages {
    static let ok = Array("+OK\r\n".utf8)
    static let ping = Array("PING\r\n".utf8)
    static let pong = Array("PONG\r\n".utf8)
    /// Headers alone: a request has reached nobody.
    static let noResponders = Array("NATS/1.0 503\r\n\r\n".utf8)

    static func error(_ text: String) -> [UInt8] { Array("-ERR '\(text)'\r\n".utf8) }

    /// Appends `MSG` or, where there are headers, `HMSG`.
    static func append(
        _ message: ClientOperation.Publish, sid: String, withHeaders: Bool, to output: inout [UInt8]
    ) {
        let headers = withHeaders ? message.headers : []
        output.append(contentsOf: headers.isEmpty ? "MSG ".utf8 : "HMSG ".utf8)
        output.append(contentsOf: message.subject.utf8)
        output.append(0x20)
        output.append(contentsOf: sid.utf8)
        output.append(0x20)
        if let reply = message.reply {
            output.append(contentsOf: reply.utf8)
            output.append(0x20)
        }
        if !headers.isEmpty {
            output.append(decimal: Int64(headers.count))
            output.append(0x20)
        }
        output.append(decimal: Int64(headers.count + message.payload.count))
        output.append(0x0D)
        output.append(0x0A)
        output.append(contentsOf: headers)
        output.append(contentsOf: message.payload)
        output.append(0x0D)
        output.append(0x0A)
    }
}

/// What a server says of itself first.
package struct ServerInfo: Sendable {
    package var id: String
    package var name: String
    /// Clients choose the API by it.
    package var version = "2.9.10"
    package var hasJetStream: Bool
    var host = ""
    var port: UInt16 = 0
    var maximumPayload = 0
    var requiresLogin = false
    var isLameDuck = false

    package init(id: String, name: String, hasJetStream: Bool) {
        (self.id, self.name, self.hasJetStream) = (id, name, hasJetStream)
    }

    /// `INFO {…}` with its line's end.
    func line(client: UInt64) -> [UInt8] {
        var json = JSONWriter(reserving: 400)
        json.object { json in
            json.member("server_id", id)
            json.member("server_name", name)
            json.member("version", version)
            json.member("proto", Int64(1))
            json.member("host", host)
            json.member("port", Int64(port))
            json.member("headers", true)
            json.member("max_payload", Int64(maximumPayload))
            json.member("client_id", Int64(clamping: client))
            if requiresLogin { json.member("auth_required", true) }
            if hasJetStream { json.member("jetstream", true) }
            if isLameDuck { json.member("ldm", true) }
        }
        return Array("INFO ".utf8) + json.bytes + [0x0D, 0x0A]
    }
}

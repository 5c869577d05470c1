/// The two versions spoken (RFC 9112).
package enum HTTPVersion: Hashable, Sendable {
    /// `HTTP/1.0`: closes after an answer unless asked to keep alive.
    case http10
    /// `HTTP/1.1`: keeps alive unless asked to close.
    case http11
}

/// One complete request, its target decoded and its body in memory.
package struct HTTPRequest: Hashable, Sendable {
    /// The method.
    package let method: HTTPMethod
    /// The request target as sent: visible ASCII, at most `MessageLimits.target` bytes.
    package let target: String
    /// Decoded segments: `/v1/orders` is `["v1", "orders"]`, `/` is `[]`, `/a/` is `["a", ""]`.
    package let path: [String]
    /// Decoded query items.
    package let query: HTTPQuery
    /// As sent.
    package let version: HTTPVersion
    /// As sent, but for the Host of an absolute-form target.
    package var headers: HTTPHeaders
    /// Without transfer coding; at most `MessageLimits.body` bytes.
    package var body: [UInt8]
    /// The peer's numeric address without a port; empty for a request not from a socket.
    package var peer = ""
    /// The pattern that matched, such as `/v1/orders/{id}`; empty before routing.
    package internal(set) var route = ""
    /// What the pattern's placeholders matched.
    package internal(set) var parameters = PathParameters()

    /// A request made here: for the client, and for handlers tested without sockets.
    ///
    /// - Throws: `malformedTarget`, where `target` is no path with an optional query.
    package init(
        _ method: HTTPMethod, _ target: String, headers: HTTPHeaders = [:], body: [UInt8] = []
    ) throws(MessageError) {
        let parsed = try RequestTarget(Array(target.utf8)[...])
        self.init(method, parsed, .http11, headers: headers, body: body)
    }

    init(
        _ method: HTTPMethod, _ target: RequestTarget, _ version: HTTPVersion,
        headers: HTTPHeaders, body: [UInt8]
    ) {
        self.method = method
        self.target = target.text
        self.path = target.path
        self.query = target.query
        self.version = version
        self.headers = headers
        self.body = body
    }

    /// Whether the connection stays open after the answer (RFC 9112, 9.3).
    package var keepsAlive: Bool { headers.keepsAlive(version) }
}

extension HTTPHeaders {
    /// `close` wins over `keep-alive` (RFC 9112, 9.3).
    func keepsAlive(_ version: HTTPVersion) -> Bool {
        let connection = list("Connection")
        if connection.contains(where: { ASCII.same($0, "close") }) { return false }
        return version == .http11 || connection.contains { ASCII.same($0, "keep-alive") }
    }
}

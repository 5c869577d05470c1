import Synchronization

/// A blocking HTTP/1.1 client for one host, for the command line, tests and probes.
///
///     let client = HTTPClient(port: server.port)
///     let answer = try client.get("/v1/orders")
///
/// Sendable: threads share it and each call takes a connection of its own. Up to
/// `Options.idleConnections` stay open for reuse. Not for a reactor's thread.
package final class HTTPClient: Sendable {
    /// Time limits and sizes.
    package struct Options: Hashable, Sendable {
        /// For each address of the host.
        package var connectTimeout = Duration.seconds(5)
        /// From the first byte sent to the last received.
        package var answerTimeout = Duration.seconds(30)
        /// What an answer may take; the body is also limited by `message.body`.
        package var message = MessageLimits()
        /// Kept open for reuse.
        package var idleConnections = 8
        /// What to do where nothing listens, such as "start it with `shopctl up`".
        package var hint = ""

        /// The defaults.
        package init() {}
    }

    private let host: String
    private let port: UInt16
    private let options: Options
    private let idle = Mutex<[ClientConnection]>([])

    /// A client for one host and port, plain HTTP. Connects with the first request.
    package init(host: String = "127.0.0.1", port: UInt16, options: Options = Options()) {
        self.host = host
        self.port = port
        self.options = options
    }

    /// `GET`
    package func get(
        _ target: String, headers: HTTPHeaders = [:]
    ) throws(HTTPClientError) -> HTTPResponse {
        try send(.get, target, headers: headers)
    }

    /// Sends a request by its parts.
    ///
    /// - Throws: `invalidRequest` for a bad target, and what `send(_:)` throws.
    package func send(
        _ method: HTTPMethod, _ target: String, headers: HTTPHeaders = [:], body: [UInt8] = []
    ) throws(HTTPClientError) -> HTTPResponse {
        let request: HTTPRequest
        do {
            request = try HTTPRequest(method, target, headers: headers, body: body)
        } catch {
            throw .invalidRequest(error)
        }
        return try send(request)
    }

    /// Sends a request and waits for the whole answer. `Host` (where missing) and
    /// `Content-Length` are added.
    ///
    /// A kept connection that the server has closed meanwhile is replaced once, for idempotent
    /// methods alone (RFC 9110, 9.2.2).
    /// - Throws: `HTTPClientError`; an answer of any status is no error.
    package func send(_ request: HTTPRequest) throws(HTTPClientError) -> HTTPResponse {
        if let kept = takeIdle() {
            do {
                return try exchange(request, on: kept)
            } catch {
                guard case .closed = error, request.method.isIdempotent else { throw error }
            }
        }
        let fresh = try ClientConnection(host: host, port: port, options: options)
        return try exchange(request, on: fresh)
    }

    private func exchange(
        _ request: HTTPRequest, on connection: ClientConnection
    ) throws(HTTPClientError) -> HTTPResponse {
        let (response, keepsAlive) = try connection.exchange(request, options)
        if keepsAlive {
            idle.withLock { if $0.count < options.idleConnections { $0.append(connection) } }
        }
        return response
    }

    private func takeIdle() -> ClientConnection? {
        while let candidate = idle.withLock({ $0.popLast() }) {
            if candidate.isReusable { return candidate }
        }
        return nil
    }
}

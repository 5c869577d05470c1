/// An answer. The server adds `Date`, `Content-Length` and `Connection` itself.
package struct HTTPResponse: Hashable, Sendable {
    /// A final status, 200 or above; the server turns a lower one into 500.
    package var status: HTTPStatus
    /// Framing fields in it (`Content-Length`, `Transfer-Encoding`, `Connection`) are not sent.
    package var headers: HTTPHeaders
    /// Not sent for HEAD, 204 and 304.
    package var body: [UInt8]

    /// An answer with these parts.
    package init(_ status: HTTPStatus, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A text answer, `text/plain; charset=utf-8`.
    package static func text(_ status: HTTPStatus, _ text: String) -> HTTPResponse {
        HTTPResponse(
            status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: Array(text.utf8))
    }
}

/// Makes the answer for what fails below the handlers: `(status, detail)`.
///
/// The detail is one plain sentence for the client. Called on the reactor's thread; may not block.
package typealias ErrorRenderer = @Sendable (HTTPStatus, String) -> HTTPResponse

/// Takes a request and answers through the responder, now or later, from any thread.
///
/// Called on the reactor's thread: a handler that blocks holds up every connection.
package typealias HTTPHandler = @Sendable (HTTPRequest, Responder) -> Void

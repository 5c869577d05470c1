/// A request's method (RFC 9110, 9): a token, case-sensitive, known to this server or not.
package struct HTTPMethod: Hashable, Sendable, CustomStringConvertible {
    /// The token as sent, such as `GET`.
    package let name: String

    /// Takes a token as it is; the parser lets only ASCII token bytes through.
    package init(_ name: String) { self.name = name }

    /// Reads a representation.
    package static let get = HTTPMethod("GET")
    /// Like `get`, answered without a body.
    package static let head = HTTPMethod("HEAD")
    /// Processes the body.
    package static let post = HTTPMethod("POST")
    /// Replaces a representation.
    package static let put = HTTPMethod("PUT")
    /// Changes a part (RFC 5789).
    package static let patch = HTTPMethod("PATCH")
    /// Removes.
    package static let delete = HTTPMethod("DELETE")
    /// Asks what is possible.
    package static let options = HTTPMethod("OPTIONS")

    /// Whether a repeat has the effect of one (RFC 9110, 9.2.2), so that a client may send again.
    package var isIdempotent: Bool {
        [.get, .head, .put, .delete, .options].contains(self)
    }

    /// The token.
    package var description: String { name }
}

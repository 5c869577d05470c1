/// Why a request got no answer; each says what to do.
package enum HTTPClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The host has no address.
    case unknownHost(String)
    /// The connection was refused; the hint is the client's.
    case nothingListens(at: String, hint: String)
    /// The system could not connect; what it said.
    case unreachable(String, reason: String)
    /// No connection, or no complete answer, in time.
    case timedOut(String, waiting: Duration)
    /// The peer closed or reset before the answer was complete.
    case closed(String)
    /// What came is no HTTP/1.1 answer, or above a limit.
    case unreadable(String, MessageError)
    /// The request's own target is invalid.
    case invalidRequest(MessageError)

    /// What happened and what to do.
    package var description: String {
        switch self {
        case .unknownHost(let host): "\(host) has no address; check the name"
        case .nothingListens(let place, let hint):
            "nothing listens at \(place)" + (hint.utf8.isEmpty ? "" : "; \(hint)")
        case .unreachable(let place, let reason): "\(place) cannot be reached: \(reason)"
        case .timedOut(let place, let limit):
            "\(place) did not answer within \(limit); whether the request took effect is unknown"
        case .closed(let place):
            "\(place) closed before its answer was complete; "
                + "whether the request took effect is unknown"
        case .unreadable(let place, let error):
            "what \(place) answered cannot be read: \(error.detail)"
        case .invalidRequest(let error): "the request cannot be sent: \(error.detail)"
        }
    }
}

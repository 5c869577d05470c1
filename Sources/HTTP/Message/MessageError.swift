/// Why bytes are no message; each knows the status a server answers with. The connection is
/// closed after any of them, for where the next message starts is no longer certain.
package enum MessageError: Error, Hashable, Sendable {
    /// The first line is not `METHOD SP target SP HTTP/1.x` or, in a response, no status line.
    case malformedStartLine
    /// The target is no path, or its encoding is broken; why, in a sentence.
    case malformedTarget(String)
    /// The target is longer than `MessageLimits.target`.
    case targetTooLong(limit: Int)
    /// Neither HTTP/1.0 nor HTTP/1.1.
    case unsupportedVersion
    /// A line ends with LF alone (RFC 9112, 2.2).
    case bareLineFeed
    /// A field line has no valid name, no colon, a control byte or no UTF-8.
    case malformedField
    /// A line starts with space: a folded field (RFC 9112, 5.2).
    case foldedField
    /// Space between a field's name and its colon (RFC 9112, 5.1).
    case spaceBeforeColon
    /// The fields exceed a limit of `MessageLimits`.
    case fieldsTooLarge
    /// Host is missing in HTTP/1.1, repeated, or no host (RFC 9112, 3.2).
    case invalidHost
    /// Content-Length is repeated, or not digits alone, or overflows (RFC 9112, 6.3).
    case invalidContentLength
    /// Content-Length along with Transfer-Encoding: request smuggling (RFC 9112, 6.1).
    case lengthAndCoding
    /// Transfer-Encoding is in HTTP/1.0, empty, or `chunked` twice (RFC 9112, 6.1).
    case invalidTransferEncoding
    /// A transfer coding other than `chunked`.
    case unsupportedTransferCoding
    /// A chunk's size, extension or end is malformed or too long (RFC 9112, 7.1).
    case malformedChunk
    /// The body is larger than `MessageLimits.body`.
    case bodyTooLarge(limit: Int)
    /// An expectation other than `100-continue` (RFC 9110, 10.1.1).
    case unknownExpectation
    /// The peer closed in the middle of a message.
    case truncated

    /// What a server answers.
    package var status: HTTPStatus {
        switch self {
        case .targetTooLong: 414
        case .unsupportedVersion: 505
        case .fieldsTooLarge: 431
        case .unsupportedTransferCoding: 501
        case .bodyTooLarge: 413
        case .unknownExpectation: 417
        case .malformedStartLine, .malformedTarget, .bareLineFeed, .malformedField, .foldedField,
            .spaceBeforeColon, .invalidHost, .invalidContentLength, .lengthAndCoding,
            .invalidTransferEncoding, .malformedChunk, .truncated:
            400
        }
    }

    /// One sentence: what is wrong and what was expected.
    package var detail: String {
        switch self {
        case .malformedStartLine: "The first line is not as HTTP/1.1 has it (RFC 9112, 3 and 4)."
        case .malformedTarget(let why): "The request target is invalid: \(why)."
        case .targetTooLong(let limit): "The request target is longer than \(limit) bytes."
        case .unsupportedVersion: "Only HTTP/1.0 and HTTP/1.1 are spoken here."
        case .bareLineFeed: "A line has to end with CR LF."
        case .malformedField: "A header field has an invalid name or value."
        case .foldedField: "A header field may not continue on a second line."
        case .spaceBeforeColon: "No space is allowed between a field's name and its colon."
        case .fieldsTooLarge: "The header fields are too long or too many."
        case .invalidHost: "Exactly one valid Host field is required."
        case .invalidContentLength: "Content-Length has to be one number of digits alone."
        case .lengthAndCoding: "Content-Length and Transfer-Encoding exclude each other."
        case .invalidTransferEncoding: "Transfer-Encoding has to be 'chunked', in HTTP/1.1."
        case .unsupportedTransferCoding: "The only transfer coding known here is 'chunked'."
        case .malformedChunk: "A chunk is malformed (RFC 9112, 7.1)."
        case .bodyTooLarge(let limit): "The body is larger than \(limit) bytes."
        case .unknownExpectation: "The only expectation known here is '100-continue'."
        case .truncated: "The connection was closed in the middle of a message."
        }
    }
}

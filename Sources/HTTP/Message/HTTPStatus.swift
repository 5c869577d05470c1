/// A status code (RFC 9110, 15), 100 to 999.
package struct HTTPStatus: Hashable, Sendable, ExpressibleByIntegerLiteral,
    CustomStringConvertible
{
    /// Three digits.
    package let code: Int

    /// A code outside 100...999 cannot be written in a status line; it becomes 500.
    package init(_ code: Int) { self.code = (100...999).contains(code) ? code : 500 }

    /// `let status: HTTPStatus = 404`
    package init(integerLiteral code: Int) { self.init(code) }

    /// Whether an answer with this status never has a body (RFC 9110, 6.4.1).
    package var isBodyless: Bool { code < 200 || code == 204 || code == 304 }

    /// Code and phrase, as in a status line.
    package var description: String { "\(code) \(reason)" }

    /// The registered phrase; empty for a code not listed here.
    package var reason: String {
        switch code {
        case 100: "Continue"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: ""
        }
    }
}

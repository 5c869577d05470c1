/// Puts an answer into bytes (RFC 9112, 4 to 6).
enum ResponseWriter {
    /// What the answer needs to know of its request and connection.
    struct Context {
        let isHead: Bool
        let version: HTTPVersion
        let closes: Bool
        let date: String
    }

    /// The fields that are the server's to say, or that belong to one connection alone.
    private static let owned = ["Content-Length", "Transfer-Encoding", "Connection", "Date"]

    static func write(_ response: HTTPResponse, _ context: Context, to out: inout [UInt8]) {
        // An interim status cannot end an exchange.
        let status = response.status.code < 200 ? 500 : response.status
        out.append(contentsOf: "HTTP/1.1 \(status.code) ".utf8)
        out.append(contentsOf: status.reason.utf8)
        out.append(contentsOf: "\r\nDate: ".utf8)
        out.append(contentsOf: context.date.utf8)
        for field in response.headers.fields
        where isName(field.name) && !owned.contains(where: { ASCII.matches($0, field.name) }) {
            append(field, to: &out)
        }
        if !status.isBodyless {
            out.append(contentsOf: "\r\nContent-Length: \(response.body.count)".utf8)
        }
        if context.closes {
            out.append(contentsOf: "\r\nConnection: close".utf8)
        } else if context.version == .http10 {
            out.append(contentsOf: "\r\nConnection: keep-alive".utf8)
        }
        out.append(contentsOf: "\r\n\r\n".utf8)
        if !context.isHead, !status.isBodyless { out.append(contentsOf: response.body) }
    }

    /// A field line. Control bytes in the value become spaces (RFC 9110, 5.5): a value taken from
    /// a request cannot start a field or an answer of its own.
    static func append(_ field: HTTPHeaders.Field, to out: inout [UInt8]) {
        out.append(contentsOf: "\r\n".utf8)
        out.append(contentsOf: field.name.utf8)
        out.append(contentsOf: ": ".utf8)
        if field.value.utf8.allSatisfy(ASCII.isFieldValue) {
            out.append(contentsOf: field.value.utf8)
        } else {
            out.append(contentsOf: field.value.utf8.map { ASCII.isFieldValue($0) ? $0 : 0x20 })
        }
    }

    static func isName(_ name: String) -> Bool {
        !name.utf8.isEmpty && name.utf8.allSatisfy(ASCII.isToken)
    }
}

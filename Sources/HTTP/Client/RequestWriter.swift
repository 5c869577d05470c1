/// Puts a request into bytes (RFC 9112, 3 to 6).
enum RequestWriter {
    /// Whether a field is the writer's to say.
    private static func isOwned(_ name: String) -> Bool {
        switch name.utf8.count {
        case 14: ASCII.matches(name, "Content-Length")
        case 17: ASCII.matches(name, "Transfer-Encoding")
        default: false
        }
    }

    /// Appends the request with its length, and with `host` where it names none itself.
    static func write(_ request: HTTPRequest, host: String, to out: inout [UInt8]) {
        out.append(contentsOf: request.method.name.utf8)
        out.append(UInt8(ascii: " "))
        out.append(contentsOf: request.target.utf8)
        ResponseWriter.append(" HTTP/1.1", to: &out)
        if !request.headers.has("Host") {
            ResponseWriter.append("\r\nHost: ", to: &out)
            out.append(contentsOf: host.utf8)
        }
        for field in request.headers.fields
        where ResponseWriter.isName(field.name) && !isOwned(field.name) {
            ResponseWriter.append(field, to: &out)
        }
        if !request.body.isEmpty || meansBody(request.method) {
            ResponseWriter.append("\r\nContent-Length: ", to: &out)
            ResponseWriter.append(request.body.count, to: &out)
        }
        ResponseWriter.append("\r\n\r\n", to: &out)
        out.append(contentsOf: request.body)
    }

    /// Whether an empty body has a length too (RFC 9110, 8.6).
    private static func meansBody(_ method: HTTPMethod) -> Bool {
        method == .post || method == .put || method == .patch
    }
}

import HTTP

/// Requests: however the bytes are cut, the same requests and the same error come out, within the
/// limits; and each, written anew, is read as the same one.
///
/// Input: a byte whose lowest bit asks for small limits; the sizes of the pieces; the connection's
/// bytes.
enum HTTPRequestCheck {
    private struct Outcome: Equatable {
        var requests: [HTTPRequest] = []
        var error: MessageError?
    }

    static func run(_ bytes: [UInt8]) throws(Broken) {
        var input = FuzzInput(bytes)
        let limits = input.byte() & 1 == 1 ? MessageLimits.small : MessageLimits()
        let sizes = input.sizes()
        let stream = input.rest()
        let whole = try read([stream[...]], limits)
        let cut = try read(pieces(stream, sizes), limits)
        try expect(whole == cut, "in one piece: \(whole), in pieces: \(cut)")
        for request in whole.requests {
            try check(request, limits)
            try checkAgain(request)
        }
    }

    private static func read(
        _ pieces: [ArraySlice<UInt8>], _ limits: MessageLimits
    ) throws(Broken) -> Outcome {
        var parser = RequestParser(limits: limits)
        var outcome = Outcome()
        for piece in pieces {
            parser.append(piece)
            do throws(MessageError) {
                while let output = try parser.next() {
                    switch output {
                    case .request(let request): outcome.requests.append(request)
                    case .expectsContinue:
                        guard parser.phase == .body else { return outcome }
                    }
                }
            } catch {
                outcome.error = error
                try expect(error.status.code >= 400, "\(error) has no status of an error")
                parser.append("GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
                try expect(repeated(&parser) == error, "\(error) is not said again")
                return outcome
            }
            try expect(
                parser.heldBytes <= limits.mostHeld, "\(parser.heldBytes) bytes are held")
        }
        return outcome
    }

    private static func repeated(_ parser: inout RequestParser) -> MessageError? {
        do throws(MessageError) {
            _ = try parser.next()
            return nil
        } catch { return error }
    }

    private static func check(_ request: HTTPRequest, _ limits: MessageLimits) throws(Broken) {
        let size = request.headers.fields.reduce(0) {
            $0 + $1.name.utf8.count + $1.value.utf8.count
        }
        // The Host of an absolute target may come on top.
        try expect(
            request.target.utf8.count <= limits.target && request.body.count <= limits.body
                && request.headers.fields.count <= limits.fields + 1
                && size <= limits.fieldBytes + limits.target,
            "\(request) is beyond the limits")
        try expect(
            request.version == .http10 || request.headers.values("Host").count == 1,
            "\(request) has no Host, or several")
        for text in request.path + request.query.items.flatMap({ [$0.name, $0.value] }) {
            try expect(!text.utf8.contains(0), "\(request) has a NUL in its target")
        }
    }

    /// The request as one of a plain client's: its body's length in front, no chunks.
    private static func checkAgain(_ request: HTTPRequest) throws(Broken) {
        var headers = HTTPHeaders()
        for field in request.headers.fields where !isFraming(field.name) {
            headers.append(field.name, field.value)
        }
        let version = request.version == .http11 ? "1.1" : "1.0"
        var text = "\(request.method) \(request.target) HTTP/\(version)\r\n"
        for field in headers.fields { text += "\(field.name): \(field.value)\r\n" }
        text += "Content-Length: \(request.body.count)\r\n\r\n"
        var limits = MessageLimits()
        limits.fields += 2
        limits.fieldBytes *= 2
        let again = try read([(Array(text.utf8) + request.body)[...]], limits)
        guard let other = again.requests.first, again.requests.count == 1, again.error == nil
        else { throw Broken("\(request) written anew is read as \(again)") }
        let rest = other.headers.fields.filter { !isFraming($0.name) }
        try expect(
            other.method == request.method && other.target == request.target
                && other.path == request.path && other.query == request.query
                && other.version == request.version && other.body == request.body
                && rest == headers.fields,
            "\(request) written anew is read as \(other)")
    }

    private static func isFraming(_ name: String) -> Bool {
        let name = name.lowercased()
        return ["content-length", "transfer-encoding", "expect"].contains(name)
    }
}

extension MessageLimits {
    /// Limits that a few bytes reach.
    static var small: MessageLimits {
        var limits = MessageLimits()
        limits.target = 48
        limits.fieldLine = 48
        limits.fieldBytes = 128
        limits.fields = 4
        limits.body = 24
        return limits
    }

    /// A body, and what a line may have before it is refused; a chunk's line has a fixed limit.
    fileprivate var mostHeld: Int { body + max(target, fieldLine, 256) + 256 }
}

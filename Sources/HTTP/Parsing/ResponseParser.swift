/// Bytes in, responses out, one at a time: the client's half of RFC 9112, without I/O.
package struct ResponseParser: Sendable {
    private enum State {
        case startLine
        case fields
        case body(BodyDecoder)
        case done(HTTPResponse)
    }

    private let limits: MessageLimits
    /// Whether the response that is read answers a HEAD: it has no body whatever its fields say.
    var answersHead: Bool
    private var buffer = LineBuffer()
    private var state = State.startLine
    private var status: HTTPStatus = 500
    private var version = HTTPVersion.http11
    private var section = FieldSection()
    private var interim = 0
    private var closesAfter = false

    /// Interim (1xx) responses passed over before a final one; a bound against an endless row.
    private static let maximumInterim = 16

    /// A parser at the start of a response.
    package init(answersHead: Bool, limits: MessageLimits) {
        self.answersHead = answersHead
        self.limits = limits
    }

    /// Takes bytes in.
    package mutating func append(_ bytes: some Sequence<UInt8>) { buffer.append(bytes) }

    /// Whether the connection can carry another request after this response.
    package var keepsAlive: Bool { !closesAfter && buffer.isEmpty }

    /// Whether this response is the connection's last, by what its header says.
    var endsConnection: Bool { closesAfter }

    /// Whether bytes are held that no response has taken yet.
    var hasUnread: Bool { !buffer.isEmpty }

    /// Turns to the response behind this one, which is complete. Bytes of it may be there already.
    mutating func startNext() {
        state = .startLine
        section = FieldSection()
        interim = 0
        closesAfter = false
    }

    /// The response once it is complete; interim ones are passed over.
    ///
    /// - Throws: The `MessageError` that makes it unreadable.
    package mutating func next() throws(MessageError) -> HTTPResponse? {
        while true {
            switch state {
            case .done(let response): return response
            case .startLine:
                guard
                    let line = try buffer.line(
                        limit: limits.fieldLine, tooLong: .malformedStartLine)
                else { return nil }
                try parseStatusLine(line)
                state = .fields
            case .fields:
                guard try section.advance(&buffer, limits) else { return nil }
                try beginBody()
            case .body(var decoder):
                state = .fields
                let complete = try decoder.advance(&buffer)
                state = complete ? done(decoder) : .body(decoder)
                if !complete { return nil }
            }
        }
    }

    /// The response whose end is the close of the connection.
    ///
    /// - Throws: `truncated`, where the close came in the middle.
    package mutating func close() throws(MessageError) -> HTTPResponse {
        closesAfter = true
        if let response = try next() { return response }
        guard case .body(let decoder) = state, decoder.endsAtClose else { throw .truncated }
        return HTTPResponse(status, headers: section.headers, body: decoder.body)
    }

    private func done(_ decoder: BodyDecoder) -> State {
        .done(HTTPResponse(status, headers: section.headers, body: decoder.body))
    }

    private mutating func parseStatusLine(_ line: ArraySlice<UInt8>) throws(MessageError) {
        let space = UInt8(ascii: " ")
        guard let first = line.firstIndex(of: space) else { throw .malformedStartLine }
        let digits = line[(first + 1)...].prefix { $0 != space }
        guard digits.count == 3, let code = ASCII.decimal(digits), code >= 100,
            line.allSatisfy(ASCII.isFieldValue)
        else { throw .malformedStartLine }
        version = try parseVersion(line[..<first])
        status = HTTPStatus(code)
    }

    private mutating func beginBody() throws(MessageError) {
        if status.code < 200 {
            interim += 1
            guard interim <= ResponseParser.maximumInterim else { throw .malformedStartLine }
            section = FieldSection()
            state = .startLine
            return
        }
        closesAfter = !section.headers.keepsAlive(version)
        let framing: BodyDecoder.Framing
        if answersHead || status.isBodyless {
            framing = .length(0)
        } else {
            framing = try section.headers.framing(version) ?? .untilClose
        }
        state = .body(try BodyDecoder(framing, limits))
    }
}

/// Bytes in, requests out: HTTP/1.x requests (RFC 9112) as a state machine without I/O.
///
///     var parser = RequestParser()
///     parser.append(bytes)
///     while let output = try parser.next() { ... }
///
/// How the bytes are cut makes no difference to the requests and errors that come out.
package struct RequestParser: Sendable {
    /// What comes out.
    package enum Output: Hashable, Sendable {
        /// A complete request.
        case request(HTTPRequest)
        /// The client waits for `100 Continue` before it sends the body, none of which is here.
        case expectsContinue
    }

    /// Where the parser stands, for time limits.
    package enum Phase: Hashable, Sendable {
        /// No byte of the next request has arrived.
        case between
        /// Part of a start line or header section is there.
        case head
        /// The header section is complete, the body is not.
        case body
    }

    private enum State {
        case startLine
        case fields
        case body(BodyDecoder)
        case failed(MessageError)
    }

    private struct StartLine {
        let method: HTTPMethod
        let target: RequestTarget
        let version: HTTPVersion
    }

    private let limits: MessageLimits
    private let peer: String
    private var buffer = LineBuffer()
    private var state = State.startLine
    private var startLine: StartLine?
    private var section = FieldSection()
    private var skippedEmptyLine = false

    /// A parser at the start of a connection.
    ///
    /// - Parameter peer: given to all requests.
    package init(limits: MessageLimits = MessageLimits(), peer: String = "") {
        self.limits = limits
        self.peer = peer
    }

    /// Takes bytes in. They are buffered without a limit until `next` is called: call it until
    /// it returns `nil` before reading more.
    package mutating func append(_ bytes: some Sequence<UInt8>) { buffer.append(bytes) }

    /// Where the parser stands. Call it after `next` returned `nil`.
    package var phase: Phase {
        switch state {
        case .startLine: buffer.isEmpty ? .between : .head
        case .fields, .failed: .head
        case .body: .body
        }
    }

    /// The bytes held for a request that is not complete.
    package var heldBytes: Int {
        let held = buffer.count + section.size
        if case .body(let decoder) = state { return held + decoder.body.count }
        return held
    }

    /// The next output, or `nil` where more bytes are needed.
    ///
    /// - Throws: Any `MessageError` but `truncated`; from then on the same one again.
    package mutating func next() throws(MessageError) -> Output? {
        do {
            return try step()
        } catch {
            state = .failed(error)
            throw error
        }
    }

    private mutating func step() throws(MessageError) -> Output? {
        while true {
            switch state {
            case .failed(let error): throw error
            case .startLine:
                let limit = limits.target + MessageLimits.startLineRest
                guard
                    let line = try buffer.line(
                        limit: limit, tooLong: .targetTooLong(limit: limits.target))
                else { return nil }
                // One empty line is passed over (RFC 9112, 2.2): old clients end a body with it.
                if line.isEmpty, !skippedEmptyLine {
                    skippedEmptyLine = true
                    continue
                }
                startLine = try parseStartLine(line)
                state = .fields
            case .fields:
                guard try section.advance(&buffer, limits) else { return nil }
                if try beginBody() { return .expectsContinue }
            case .body(var decoder):
                // The state lets go of the body, or each run appended would copy it.
                state = .startLine
                guard try decoder.advance(&buffer) else {
                    state = .body(decoder)
                    return nil
                }
                return try finish(decoder.body)
            }
        }
    }

    private func parseStartLine(_ line: ArraySlice<UInt8>) throws(MessageError) -> StartLine {
        let space = UInt8(ascii: " ")
        guard let first = line.firstIndex(of: space),
            let second = line[(first + 1)...].firstIndex(of: space),
            !line[(second + 1)...].contains(space),
            first > line.startIndex, line[..<first].allSatisfy(ASCII.isToken), second > first + 1
        else { throw .malformedStartLine }
        let version = try parseVersion(line[(second + 1)...])
        let target = line[(first + 1)..<second]
        guard target.count <= limits.target else { throw .targetTooLong(limit: limits.target) }
        let method = HTTPMethod(String(decoding: line[..<first], as: UTF8.self))
        return StartLine(method: method, target: try RequestTarget(target), version: version)
    }

    /// - Returns: Whether the client waits for `100 Continue`.
    private mutating func beginBody() throws(MessageError) -> Bool {
        guard let startLine else { throw .malformedStartLine }
        let headers = section.headers
        let hosts = headers.count("Host")
        guard hosts <= 1, startLine.version == .http10 || hosts == 1,
            RequestTarget.isHost((headers["Host"] ?? "").utf8)
        else { throw .invalidHost }
        let framing = try headers.framing(startLine.version) ?? .length(0)
        let expectations = headers.list("Expect")
        guard expectations.allSatisfy({ ASCII.same($0, "100-continue") }) else {
            throw .unknownExpectation
        }
        state = .body(try BodyDecoder(framing, limits))
        return !expectations.isEmpty && startLine.version == .http11 && framing != .length(0)
            && buffer.isEmpty
    }

    private mutating func finish(_ body: [UInt8]) throws(MessageError) -> Output {
        guard let line = startLine else { throw .malformedStartLine }
        var headers = section.headers
        if let authority = line.target.authority { headers["Host"] = authority }
        startLine = nil
        section = FieldSection()
        skippedEmptyLine = false
        var request = HTTPRequest(
            line.method, line.target, line.version, headers: headers, body: body)
        request.peer = peer
        return .request(request)
    }
}

/// `HTTP/1.0` or `HTTP/1.1`, in capitals (RFC 9112, 2.3).
///
/// - Throws: `unsupportedVersion` for another number, `malformedStartLine` for what is none.
func parseVersion(_ bytes: ArraySlice<UInt8>) throws(MessageError) -> HTTPVersion {
    if bytes.count == 8 {
        if bytes.elementsEqual("HTTP/1.1".utf8) { return .http11 }
        if bytes.elementsEqual("HTTP/1.0".utf8) { return .http10 }
    }
    let numbers = bytes.dropFirst(5)
    guard bytes.starts(with: "HTTP/".utf8), !numbers.isEmpty,
        numbers.allSatisfy({ ASCII.digit($0) != nil || $0 == UInt8(ascii: ".") })
    else { throw .malformedStartLine }
    throw .unsupportedVersion
}

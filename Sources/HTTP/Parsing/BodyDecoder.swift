/// Reads a body by its framing (RFC 9112, 6 and 7) into memory, within a limit.
struct BodyDecoder {
    enum Framing: Hashable {
        case length(Int)
        case chunked
        /// A response without a length, ended by the close of the connection.
        case untilClose
    }

    private enum Step {
        case data(Int)
        case chunkSize
        case chunkData(Int)
        case chunkEnd
        case trailers
        case untilClose
    }

    private(set) var body: [UInt8] = []
    private var step: Step
    private var trailers = FieldSection()
    private var extensions = 0
    private let limits: MessageLimits

    /// - Throws: `bodyTooLarge`, before a byte of it is read.
    init(_ framing: Framing, _ limits: MessageLimits) throws(MessageError) {
        self.limits = limits
        switch framing {
        case .length(let length):
            guard length <= limits.body else { throw .bodyTooLarge(limit: limits.body) }
            step = .data(length)
            // Memory follows what arrives, not what is promised.
            body.reserveCapacity(min(length, 64 * 1024))
        case .chunked: step = .chunkSize
        case .untilClose: step = .untilClose
        }
    }

    /// - Returns: Whether the body is complete.
    mutating func advance(_ buffer: inout LineBuffer) throws(MessageError) -> Bool {
        while true {
            switch step {
            case .data(let missing):
                let left = take(missing, &buffer)
                step = .data(left)
                return left == 0
            case .chunkSize:
                guard let size = try chunkSize(&buffer) else { return false }
                step = size == 0 ? .trailers : .chunkData(size)
            case .chunkData(let missing):
                let left = take(missing, &buffer)
                step = left == 0 ? .chunkEnd : .chunkData(left)
                if left > 0 { return false }
            case .chunkEnd:
                guard let line = try buffer.line(limit: 0, tooLong: .malformedChunk) else {
                    return false
                }
                guard line.isEmpty else { throw .malformedChunk }
                step = .chunkSize
            case .trailers:
                // Passed over: a trailer may not change what the header said (RFC 9110, 6.5.1).
                return try trailers.advance(&buffer, limits)
            case .untilClose:
                guard buffer.count <= limits.body - body.count else {
                    throw .bodyTooLarge(limit: limits.body)
                }
                _ = take(buffer.count, &buffer)
                return false
            }
        }
    }

    /// Whether the close of the connection is this body's proper end.
    var endsAtClose: Bool {
        if case .untilClose = step { true } else { false }
    }

    private mutating func take(_ wanted: Int, _ buffer: inout LineBuffer) -> Int {
        let run = buffer.take(wanted)
        body.append(contentsOf: run)
        return wanted - run.count
    }

    private mutating func chunkSize(_ buffer: inout LineBuffer) throws(MessageError) -> Int? {
        guard
            let line = try buffer.line(limit: MessageLimits.chunkLine, tooLong: .malformedChunk)
        else { return nil }
        let digits = line.prefix { $0 != UInt8(ascii: ";") }
        extensions += line.count - digits.count
        // Space before the semicolon is allowed by the grammar and used by smugglers alone.
        guard extensions <= MessageLimits.chunkExtensions, line.allSatisfy(ASCII.isFieldValue),
            let size = ASCII.hexadecimal(digits)
        else { throw .malformedChunk }
        guard size <= limits.body - body.count else { throw .bodyTooLarge(limit: limits.body) }
        return size
    }
}

extension HTTPHeaders {
    /// How the body is framed, `nil` where no field says so (RFC 9112, 6.3).
    func framing(_ version: HTTPVersion) throws(MessageError) -> BodyDecoder.Framing? {
        guard has("Content-Length") || has("Transfer-Encoding") else { return nil }
        let lengths = values("Content-Length")
        let codings = values("Transfer-Encoding")
        if !codings.isEmpty {
            guard lengths.isEmpty else { throw .lengthAndCoding }
            guard version == .http11 else { throw .invalidTransferEncoding }
            let members = list("Transfer-Encoding")
            guard members.allSatisfy({ ASCII.same($0, "chunked") }) else {
                throw .unsupportedTransferCoding
            }
            guard members.count == 1, codings.count == 1 else { throw .invalidTransferEncoding }
            return .chunked
        }
        guard let length = lengths.first else { return nil }
        // A repeat of the same value could be let through; no honest client sends one.
        guard lengths.count == 1, let number = ASCII.decimal(length.utf8) else {
            throw .invalidContentLength
        }
        return .length(number)
    }
}

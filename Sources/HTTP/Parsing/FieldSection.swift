/// The field lines of a header or trailer section, collected within limits (RFC 9112, 5).
struct FieldSection {
    private(set) var headers = HTTPHeaders()
    private(set) var size = 0

    /// Reads lines up to the empty one.
    ///
    /// - Returns: Whether the section is complete.
    mutating func advance(
        _ buffer: inout LineBuffer, _ limits: MessageLimits
    ) throws(MessageError) -> Bool {
        while let line = try buffer.line(limit: limits.fieldLine, tooLong: .fieldsTooLarge) {
            if line.isEmpty { return true }
            size += line.count + 2
            guard size <= limits.fieldBytes, headers.fields.count < limits.fields else {
                throw .fieldsTooLarge
            }
            try accept(line)
        }
        return false
    }

    private mutating func accept(_ line: ArraySlice<UInt8>) throws(MessageError) {
        guard let first = line.first, !ASCII.isSpace(first) else { throw .foldedField }
        let bytes = line.span
        var colon = 0
        var isValid = true
        while colon < bytes.count, bytes[colon] != UInt8(ascii: ":") {
            isValid = isValid && ASCII.isToken(bytes[colon])
            colon += 1
        }
        guard colon < bytes.count, colon > 0 else { throw .malformedField }
        guard !ASCII.isSpace(bytes[colon - 1]) else { throw .spaceBeforeColon }
        var (begin, end) = (colon + 1, bytes.count)
        while begin < end, ASCII.isSpace(bytes[begin]) { begin += 1 }
        while begin < end, ASCII.isSpace(bytes[end - 1]) { end -= 1 }
        for at in begin..<end { isValid = isValid && ASCII.isFieldValue(bytes[at]) }
        let start = line.startIndex
        guard isValid,
            let value = String(validating: line[(start + begin)..<(start + end)], as: UTF8.self)
        else { throw .malformedField }
        headers.append(String(decoding: line[..<(start + colon)], as: UTF8.self), value)
    }
}

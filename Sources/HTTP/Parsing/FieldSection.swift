/// The field lines of a header or trailer section, collected within limits (RFC 9112, 5).
struct FieldSection {
    private(set) var headers = HTTPHeaders()
    private var size = 0

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
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw .malformedField }
        let name = line[..<colon]
        guard let last = name.last else { throw .malformedField }
        guard !ASCII.isSpace(last) else { throw .spaceBeforeColon }
        let value = ASCII.trim(line[(colon + 1)...])
        guard name.allSatisfy(ASCII.isToken), value.allSatisfy(ASCII.isFieldValue),
            let text = String(validating: value, as: UTF8.self)
        else { throw .malformedField }
        headers.append(String(decoding: name, as: UTF8.self), text)
    }
}

import EventSourcing

/// A NATS header block: `NATS/1.0`, then `name: value` lines, each ended by CR LF, then an empty
/// line.
struct HeaderBlock {
    private static let prefix: StaticString = "NATS/1.0"
    private let bytes: [UInt8]
    /// Where names and values stand in `bytes`; a text is made of a value only when it is asked
    /// for.
    private var fields: [(name: Range<Int>, value: Range<Int>)] = []

    struct Writer {
        private(set) var lines = Array("NATS/1.0\r\n".utf8)

        /// A byte that would end the line is written as `?`: no value can smuggle in a header.
        mutating func add(_ name: StaticString, _ value: String) {
            name.withUTF8Buffer { lines.append(contentsOf: $0) }
            lines.append(0x3A)
            lines.append(0x20)
            for byte in value.utf8 { lines.append(byte < 0x20 || byte == 0x7F ? 0x3F : byte) }
            lines.append(0x0D)
            lines.append(0x0A)
        }

        var bytes: [UInt8] { lines + [0x0D, 0x0A] }
    }

    init(_ bytes: [UInt8]) throws(MalformedMessage) {
        self.bytes = bytes
        guard Self.prefix.withUTF8Buffer({ bytes.starts(with: $0) }) else {
            throw MalformedMessage(reason: "no header block")
        }
        fields.reserveCapacity(24)
        var start = Self.prefix.utf8CodeUnitCount
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
            let line = start..<(end > start && bytes[end - 1] == 0x0D ? end - 1 : end)
            start = end + 1
            if line.isEmpty { continue }
            // No writer of ours lets one through, and it could not be passed on as it came.
            guard bytes[line].allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw MalformedMessage(reason: "a control byte in a header")
            }
            guard let colon = bytes[line].firstIndex(of: 0x3A) else {
                throw MalformedMessage(reason: "a header without a colon")
            }
            guard fields.count < 64 else { throw MalformedMessage(reason: "too many headers") }
            let value = bytes[(colon + 1)..<line.upperBound].firstIndex { $0 != 0x20 }
            fields.append(
                (line.lowerBound..<colon, (value ?? line.upperBound)..<line.upperBound))
        }
    }

    /// The value of the first header of that name; nil where there is none, or it is no UTF-8.
    subscript(name: StaticString) -> String? {
        name.withUTF8Buffer { name in
            for field in fields
            where field.name.count == name.count && bytes[field.name].elementsEqual(name) {
                return String(validating: bytes[field.value], as: UTF8.self)
            }
            return nil
        }
    }

    func required(_ name: StaticString) throws(MalformedMessage) -> String {
        guard let value = self[name] else {
            throw MalformedMessage(reason: "no \(name), or one that is no UTF-8")
        }
        return value
    }

    func number(_ name: StaticString) throws(MalformedMessage) -> Int64 {
        guard let value = Int64(strictDecimal: try required(name).utf8) else {
            throw MalformedMessage(reason: "\(name) is no number")
        }
        return value
    }
}

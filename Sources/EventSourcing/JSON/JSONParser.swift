extension JSON {
    /// Nesting allowed in a text: deeper input would exhaust the stack.
    public static let maximumDepth = 64

    /// Parses one JSON text (RFC 8259, with unique member names as RFC 7493 asks).
    ///
    /// - Throws: `JSONError` that names the byte offset and what was expected there.
    public init(parsing bytes: some Collection<UInt8>) throws(JSONError) {
        let result = bytes.withContiguousStorageIfAvailable { buffer in
            Result { () throws(JSONError) in try JSON.parse(buffer) }
        }
        if let result {
            self = try result.get()
        } else {
            let copy = Array(bytes)
            self = try copy.withUnsafeBufferPointer { buffer in
                Result { () throws(JSONError) in try JSON.parse(buffer) }
            }.get()
        }
    }

    public init(parsing text: String) throws(JSONError) {
        try self.init(parsing: Array(text.utf8))
    }

    private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> JSON {
        var parser = JSONParser(bytes: bytes)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.at == bytes.count else { throw parser.error("holds more than one JSON value") }
        return value
    }
}

private struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    var at = 0

    func error(_ reason: String) -> JSONError {
        JSONError(pointer: "", reason: "\(reason) (at byte \(at))")
    }

    mutating func skipSpace() {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x0A, 0x0D, 0x09: at += 1
            default: return
            }
        }
    }

    mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard depth <= JSON.maximumDepth else {
            throw error("is nested deeper than \(JSON.maximumDepth)")
        }
        skipSpace()
        guard at < bytes.count else { throw error("ends where a JSON value is expected") }
        switch bytes[at] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    mutating func word(_ text: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        let count = text.utf8CodeUnitCount
        guard at + count <= bytes.count,
            text.withUTF8Buffer({ $0.elementsEqual(bytes[at..<at + count]) })
        else { throw error("has an unknown word") }
        at += count
        return value
    }

    mutating func object(depth: Int) throws(JSONError) -> JSON {
        at += 1
        var members: [JSON.Member] = []
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object([]) }
        members.reserveCapacity(8)
        while true {
            skipSpace()
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
                throw error("needs a quoted member name")
            }
            let name = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw error("needs a colon") }
            members.append(JSON.Member(name, try value(depth: depth + 1)))
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "}")) else { throw error("needs a comma or a closing brace") }
            try checkUnique(members)
            return .object(members)
        }
    }

    /// Small objects are compared pairwise; larger ones sorted, so that no input costs quadratic
    /// time.
    func checkUnique(_ members: [JSON.Member]) throws(JSONError) {
        if members.count <= 16 {
            for index in members.indices.dropFirst() {
                for other in 0..<index
                where members[other].name.isExactly(members[index].name) {
                    throw error("names the member \"\(members[index].name)\" twice")
                }
            }
            return
        }
        let names = members.map { Array($0.name.utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
        for (a, b) in zip(names, names.dropFirst()) where a == b {
            throw error("names the member \"\(String(decoding: a, as: UTF8.self))\" twice")
        }
    }

    mutating func array(depth: Int) throws(JSONError) -> JSON {
        at += 1
        var elements: [JSON] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array([]) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "]")) else { throw error("needs a comma or a closing bracket") }
            return .array(elements)
        }
    }

    mutating func take(_ byte: UInt8) -> Bool {
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    mutating func number() throws(JSONError) -> JSON {
        let start = at
        let negative = take(UInt8(ascii: "-"))
        let digitsStart = at
        var magnitude: UInt64 = 0
        var fits = true
        while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39 {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(bytes[at] &- 0x30))
            magnitude = sum
            fits = fits && !overflow && !carry
            at += 1
        }
        guard at > digitsStart else { throw error("has a character that begins no JSON value") }
        guard at == digitsStart + 1 || bytes[digitsStart] != 0x30 else {
            throw error("has a number with a leading zero")
        }
        var whole = true
        if take(UInt8(ascii: ".")) {
            whole = false
            try digits()
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            whole = false
            at += 1
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        if whole, fits {
            if !negative, magnitude <= UInt64(Int64.max) { return .integer(Int64(magnitude)) }
            if negative, magnitude > 0, magnitude <= UInt64(Int64.max) {
                return .integer(-Int64(magnitude))
            }
            if negative, magnitude == UInt64(Int64.max) + 1 { return .integer(.min) }
        }
        return .number(String(decoding: bytes[start..<at], as: UTF8.self))
    }

    mutating func digits() throws(JSONError) {
        let start = at
        while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39 { at += 1 }
        guard at > start else { throw error("needs a digit") }
    }

    mutating func string() throws(JSONError) -> String {
        at += 1
        let start = at
        skipPlain()
        var seen: UInt8 = 0
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
            seen |= byte
            at += 1
        }
        guard at < bytes.count else { throw error("ends within a string") }
        if bytes[at] == UInt8(ascii: "\"") {
            let plain = UnsafeBufferPointer(rebasing: bytes[start..<at])
            at += 1
            // Where no byte is above 127 there is nothing to validate.
            return seen < 0x80 ? String(decoding: plain, as: UTF8.self) : try decode(plain)
        }
        var unescaped = Array(bytes[start..<at])
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""):
                at += 1
                return try decode(unescaped)
            case UInt8(ascii: "\\"): try escape(into: &unescaped)
            case 0..<0x20: throw error("has a control character within a string")
            case let byte:
                unescaped.append(byte)
                at += 1
            }
        }
        throw error("ends within a string")
    }

    /// Passes over what ends no string, begins no escape and is ASCII, eight bytes at a time.
    private mutating func skipPlain() {
        let text = UnsafeRawBufferPointer(bytes)
        let (ones, highs) = (0x0101_0101_0101_0101 as UInt64, 0x8080_8080_8080_8080 as UInt64)
        while at + 8 <= text.count {
            let word = text.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            // In each difference the first byte looked for has its high bit set. What it borrows
            // may set that of a byte behind it, and never one where there is none to be found.
            let (quote, slash) = (word ^ ones &* 0x22, word ^ ones &* 0x5C)
            let ends = (quote &- ones) & ~quote | (slash &- ones) & ~slash
            let controls = (word &- ones &* 0x20) & ~word
            guard (ends | controls | word) & highs == 0 else { return }
            at += 8
        }
    }

    func decode(_ utf8: some Collection<UInt8>) throws(JSONError) -> String {
        guard let text = String(validating: utf8, as: UTF8.self) else {
            throw error("has a string that is no UTF-8")
        }
        return text
    }

    mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        at += 1
        guard at < bytes.count else { throw error("ends within a string") }
        let byte = bytes[at]
        at += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hex()
            if code & 0xFC00 == 0xD800 {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
                    throw error("has half a surrogate pair")
                }
                let low = try hex()
                guard low & 0xFC00 == 0xDC00 else { throw error("has half a surrogate pair") }
                code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
            }
            guard let scalar = Unicode.Scalar(code) else {
                throw error("has half a surrogate pair")
            }
            text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        default: throw error("has an unknown escape in a string")
        }
    }

    mutating func hex() throws(JSONError) -> UInt32 {
        guard at + 4 <= bytes.count else { throw error("ends within an escape") }
        var value: UInt32 = 0
        for byte in bytes[at..<at + 4] {
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(byte - 0x37)
            case 0x61...0x66: value = value << 4 | UInt32(byte - 0x57)
            default: throw error("needs four hexadecimal digits")
            }
        }
        at += 4
        return value
    }
}

/// Puts an answer into bytes (RFC 9112, 4 to 6).
enum ResponseWriter {
    /// What the answer needs to know of its request and connection.
    struct Context {
        let isHead: Bool
        let version: HTTPVersion
        let closes: Bool
        let date: String
    }

    /// Whether a field is the server's to say, or belongs to one connection alone.
    private static func isOwned(_ name: String) -> Bool {
        switch name.utf8.count {
        case 4: ASCII.matches(name, "Date")
        case 10: ASCII.matches(name, "Connection")
        case 14: ASCII.matches(name, "Content-Length")
        case 17: ASCII.matches(name, "Transfer-Encoding")
        default: false
        }
    }

    static func write(_ response: HTTPResponse, _ context: Context, to out: inout [UInt8]) {
        // An interim status cannot end an exchange.
        let status = response.status.code < 200 ? 500 : response.status
        append("HTTP/1.1 ", to: &out)
        append(status.code, to: &out)
        out.append(UInt8(ascii: " "))
        out.append(contentsOf: status.reason.utf8)
        append("\r\nDate: ", to: &out)
        out.append(contentsOf: context.date.utf8)
        for field in response.headers.fields where isName(field.name) && !isOwned(field.name) {
            append(field, to: &out)
        }
        if !status.isBodyless {
            append("\r\nContent-Length: ", to: &out)
            append(response.body.count, to: &out)
        }
        if context.closes {
            append("\r\nConnection: close", to: &out)
        } else if context.version == .http10 {
            append("\r\nConnection: keep-alive", to: &out)
        }
        append("\r\n\r\n", to: &out)
        if !context.isHead, !status.isBodyless { out.append(contentsOf: response.body) }
    }

    /// A field line. Control bytes in the value become spaces (RFC 9110, 5.5): a value taken from
    /// a request cannot start a field or an answer of its own.
    static func append(_ field: HTTPHeaders.Field, to out: inout [UInt8]) {
        append("\r\n", to: &out)
        out.append(contentsOf: field.name.utf8)
        append(": ", to: &out)
        if isFieldValue(field.value) {
            out.append(contentsOf: field.value.utf8)
        } else {
            out.append(contentsOf: field.value.utf8.map { ASCII.isFieldValue($0) ? $0 : 0x20 })
        }
    }

    static func isName(_ name: String) -> Bool {
        !name.utf8.isEmpty && all(name, ASCII.isToken)
    }

    /// Whether all bytes may stand in a value; looked at by eights while they are plain text.
    private static func isFieldValue(_ text: String) -> Bool {
        let isValid = text.utf8.withContiguousStorageIfAvailable { bytes in
            let raw = UnsafeRawBufferPointer(bytes)
            var at = 0
            while at + 8 <= raw.count {
                let eight = raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                guard isPlain(eight) else { break }
                at += 8
            }
            return raw[at...].allSatisfy(ASCII.isFieldValue)
        }
        return isValid ?? text.utf8.allSatisfy(ASCII.isFieldValue)
    }

    /// Whether all eight bytes are 0x20 to 0x7E: none is above 0x7F, below 0x20, or above 0x7E.
    private static func isPlain(_ eight: UInt64) -> Bool {
        let high: UInt64 = 0x8080_8080_8080_8080
        let isLow = eight &- 0x2020_2020_2020_2020
        let isDelete = eight &+ 0x0101_0101_0101_0101
        return (eight | isLow | isDelete) & high == 0
    }

    private static func all(_ text: String, _ holds: (UInt8) -> Bool) -> Bool {
        text.utf8.withContiguousStorageIfAvailable { $0.allSatisfy(holds) }
            ?? text.utf8.allSatisfy(holds)
    }

    static func append(_ text: StaticString, to out: inout [UInt8]) {
        text.withUTF8Buffer { out.append(contentsOf: $0) }
    }

    /// A number that is not negative.
    static func append(_ number: Int, to out: inout [UInt8]) {
        if number >= 10 { append(number / 10, to: &out) }
        out.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }
}

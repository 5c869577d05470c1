/// The decoded items of a query, in order: `?a=1&b` is `[("a", "1"), ("b", "")]`.
package struct HTTPQuery: Hashable, Sendable {
    /// One `name=value`.
    package struct Item: Hashable, Sendable {
        /// Decoded; `+` is a space, as in forms.
        package let name: String
        /// Decoded; empty where there is no `=`.
        package let value: String
    }

    /// All items, repeated names included.
    package let items: [Item]

    /// The first value under a name, compared as bytes.
    package subscript(name: String) -> String? {
        items.first { ASCII.same($0.name, name) }?.value
    }

    /// Every value under a name, in order. Check the count where a repeat is not allowed.
    package func values(_ name: String) -> [String] {
        items.filter { ASCII.same($0.name, name) }.map(\.value)
    }

    /// Decodes what follows the `?`.
    ///
    /// - Throws: `malformedTarget` for a broken percent-encoding, NUL, or bytes that are no UTF-8.
    init(_ bytes: ArraySlice<UInt8>) throws(MessageError) {
        guard !bytes.isEmpty else {
            items = []
            return
        }
        var items: [Item] = []
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            let value = equals == pair.endIndex ? [] : pair[(equals + 1)...]
            items.append(
                Item(
                    name: try percentDecoded(pair[..<equals], plusIsSpace: true),
                    value: try percentDecoded(value, plusIsSpace: true)))
        }
        self.items = items
    }
}

/// Percent-decoding (RFC 3986, 2.1) that refuses instead of guessing.
func percentDecoded(
    _ bytes: ArraySlice<UInt8>, plusIsSpace: Bool = false
) throws(MessageError) -> String {
    // Nearly all bytes stand for themselves.
    let plus = plusIsSpace ? UInt8(ascii: "+") : 0
    if bytes.allSatisfy({ $0 > 0 && $0 < 0x80 && $0 != UInt8(ascii: "%") && $0 != plus }) {
        return String(decoding: bytes, as: UTF8.self)
    }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(bytes.count)
    var at = bytes.startIndex
    while at < bytes.endIndex {
        var byte = bytes[at]
        at += 1
        if byte == UInt8(ascii: "%") {
            guard bytes.endIndex - at >= 2, let high = ASCII.hexDigit(bytes[at]),
                let low = ASCII.hexDigit(bytes[at + 1])
            else { throw .malformedTarget("a percent sign needs two hexadecimal digits") }
            byte = UInt8(high << 4 | low)
            at += 2
        } else if plusIsSpace, byte == UInt8(ascii: "+") {
            byte = UInt8(ascii: " ")
        }
        guard byte != 0 else { throw .malformedTarget("NUL is not allowed") }
        decoded.append(byte)
    }
    guard let text = String(validating: decoded, as: UTF8.self) else {
        throw .malformedTarget("what is percent-encoded is not UTF-8")
    }
    return text
}

/// Byte classes of RFC 9110 and RFC 3986.
///
/// Wire bytes are judged as bytes: `String` compares by Unicode equivalence (the Kelvin sign
/// equals "K"), which would let two different names pass for one.
enum ASCII {
    static let carriageReturn: UInt8 = 0x0D
    static let lineFeed: UInt8 = 0x0A

    /// `tchar` (RFC 9110, 5.6.2).
    static func isToken(_ byte: UInt8) -> Bool {
        let half = byte < 64 ? lowTokens : highTokens
        return byte < 128 && half >> UInt64(byte & 63) & 1 == 1
    }

    /// A bit for each byte that is a `tchar`: letters, digits and `!#$%&'*+-.^_`|~`.
    private static let lowTokens: UInt64 = 0x03FF_6CFA_0000_0000
    private static let highTokens: UInt64 = 0x57FF_FFFF_C7FF_FFFE

    /// What a field value may hold: visible, space, tab and bytes above 127 (RFC 9110, 5.5).
    static func isFieldValue(_ byte: UInt8) -> Bool {
        (byte >= 0x20 && byte != 0x7F) || byte == 0x09
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    static func lowercase(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }

    static func digit(_ byte: UInt8) -> Int? {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            ? Int(byte - UInt8(ascii: "0")) : nil
    }

    static func hexDigit(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }

    /// A number of one or more digits and nothing else; `nil` for anything else or an overflow.
    static func decimal(_ bytes: some Sequence<UInt8>) -> Int? {
        number(bytes, radix: 10, digit: digit)
    }

    /// As `decimal`, in hexadecimal: no sign, no `0x`.
    static func hexadecimal(_ bytes: some Sequence<UInt8>) -> Int? {
        number(bytes, radix: 16, digit: hexDigit)
    }

    private static func number(
        _ bytes: some Sequence<UInt8>, radix: Int, digit: (UInt8) -> Int?
    ) -> Int? {
        var value: Int?
        for byte in bytes {
            guard let digit = digit(byte) else { return nil }
            let (product, overflow) = (value ?? 0).multipliedReportingOverflow(by: radix)
            let (sum, carry) = product.addingReportingOverflow(digit)
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// Without the spaces and tabs at both ends (OWS, RFC 9110, 5.6.3).
    static func trim(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        while let first = bytes.first, isSpace(first) { bytes.removeFirst() }
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return bytes
    }

    /// Equal as bytes, letters of ASCII without regard to case.
    static func matches(_ left: String, _ right: String) -> Bool {
        let left = left.utf8
        let right = right.utf8
        return left.count == right.count
            && (left.elementsEqual(right)
                || zip(left, right).allSatisfy { lowercase($0) == lowercase($1) })
    }

    /// Equal as bytes.
    static func same(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
    }
}

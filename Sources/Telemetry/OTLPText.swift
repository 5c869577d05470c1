import EventSourcing

/// Writes JSON into memory that is large enough for it: whoever calls has asked `mostBytes` before.
/// Nothing is checked here, as each of some dozens of pieces of a span would be.
struct OTLPText {
    private let base: UnsafeMutablePointer<UInt8>
    private(set) var count = 0

    init(_ base: UnsafeMutablePointer<UInt8>) { self.base = base }

    @inline(__always)
    mutating func put(_ byte: UInt8) {
        base[count] = byte
        count += 1
    }

    /// Text that is JSON already.
    @inline(__always)
    mutating func put(_ text: StaticString) {
        (base + count).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        count += text.utf8CodeUnitCount
    }

    mutating func put(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress else { return }
            (base + count).update(from: start, count: bytes.count)
        }
        count += bytes.count
    }

    /// Text within quotation marks, without them. As much as six times its bytes.
    mutating func put(escaping text: String) {
        var text = text
        text.withUTF8 { bytes in
            guard let start = bytes.baseAddress else { return }
            var needsEscape: UInt8 = 0
            for byte in bytes {
                needsEscape |=
                    (byte < 0x20 ? 1 : 0) | (byte == UInt8(ascii: "\"") ? 1 : 0)
                    | (byte == UInt8(ascii: "\\") ? 1 : 0)
            }
            guard needsEscape != 0 else {
                (base + count).update(from: start, count: bytes.count)
                count += bytes.count
                return
            }
            for byte in bytes {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                    put(UInt8(ascii: "\\"))
                    put(byte)
                case 0..<0x20:
                    put("\\u00")
                    put(Hex.digit(UInt64(byte), 14))
                    put(Hex.digit(UInt64(byte), 15))
                default: put(byte)
                }
            }
        }
    }

    /// 16 digits.
    mutating func put(hex value: UInt64) {
        for at in 0..<16 { base[count + at] = Hex.digit(value, at) }
        count += 16
    }

    /// At most 20 bytes.
    mutating func put(decimal value: Int64) {
        if value < 0 { put(UInt8(ascii: "-")) }
        var rest = value.magnitude
        var digits = 1
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        rest = value.magnitude
        for at in (0..<digits).reversed() {
            base[count + at] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digits
    }

    /// A moment as OTLP has it: nanoseconds since 1970, as a text. At most 25 bytes.
    mutating func put(_ time: Timestamp) {
        put(UInt8(ascii: "\""))
        put(decimal: max(0, time.microseconds))
        put(time.microseconds > 0 ? "000\"" : "\"")
    }

    /// `orders/1/42`; at most 40 bytes more than the log's name.
    mutating func put(_ event: EventIdentity) {
        put(escaping: event.log.value)
        put(UInt8(ascii: "/"))
        put(decimal: event.epoch.value)
        put(UInt8(ascii: "/"))
        put(decimal: event.position.value)
    }
}

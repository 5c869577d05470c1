import EventSourcing

/// Writes JSON into memory that is large enough for it: whoever calls has asked `mostBytes` before.
/// Nothing is checked here, as each of some dozens of pieces of a span would be.
struct OTLPText {
    private let base: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    /// The second that was written last, and where: most spans of a body are of few of them.
    private var second: Int64 = -1
    private var secondAt = 0

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
                    put(byte < 0x10 ? "\\u000" : "\\u001")
                    put(byte & 0xF < 10 ? 0x30 + byte & 0xF : 0x57 + byte & 0xF)
                default: put(byte)
                }
            }
        }
    }

    /// 16 digits.
    mutating func put(hex value: UInt64) {
        Hex.write(value, to: base + count)
        count += 16
    }

    /// At most 20 bytes.
    mutating func put(decimal value: Int64) {
        if value < 0 { put(UInt8(ascii: "-")) }
        var rest = value.magnitude
        // Written from its end, behind where it can begin at the latest, and then moved there.
        var start = count + 20
        repeat {
            start -= 1
            base[start] = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        let length = count + 20 - start
        for place in 0..<length { base[count + place] = base[start + place] }
        count += length
    }

    /// A moment as OTLP has it: nanoseconds since 1970, as a text. At most 25 bytes.
    mutating func put(_ time: Timestamp) {
        put(UInt8(ascii: "\""))
        let microseconds = max(0, time.microseconds)
        let (second, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        if second == 0 {
            put(decimal: rest)
        } else {
            put(second: second)
            var left = UInt32(truncatingIfNeeded: rest)
            for place in (0..<6).reversed() {
                base[count + place] = 0x30 &+ UInt8(truncatingIfNeeded: left % 10)
                left /= 10
            }
            count += 6
        }
        put(microseconds > 0 ? "000\"" : "\"")
    }

    private mutating func put(second: Int64) {
        let start = count
        if second == self.second {
            let length = Self.digits(second)
            (base + start).update(from: base + secondAt, count: length)
            count += length
        } else {
            put(decimal: second)
            self.second = second
        }
        secondAt = start
    }

    private static func digits(_ value: Int64) -> Int {
        if value >= 1_000_000_000, value < 10_000_000_000 { return 10 }
        var (digits, rest) = (1, value / 10)
        while rest > 0 {
            rest /= 10
            digits += 1
        }
        return digits
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

import CPlatform

/// Names a trace: 128 bits, never all zero (W3C Trace Context, 3.2.2.3).
package struct TraceID: Hashable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    /// Nil for all zeros.
    package init?(high: UInt64, low: UInt64) {
        guard high | low != 0 else { return nil }
        (self.high, self.low) = (high, low)
    }

    /// The trace of a correlation: of one that is a UUID its 128 bits, of any other text the first
    /// 16 bytes of its SHA-256.
    package init(correlation: String) {
        var text = correlation
        self = text.withUTF8 { bytes in
            Hex.uuid(bytes).flatMap { TraceID(high: $0.0, low: $0.1) } ?? TraceID(hashing: bytes)
        }
    }

    private init(hashing bytes: UnsafeBufferPointer<UInt8>) {
        var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &digest) { out in
            kassa_sha256(-1, bytes.baseAddress, bytes.count, nil, 0, out.baseAddress)
        }
        // No text is known whose digest begins with 16 zeros.
        (high, low) = (digest.0.bigEndian, max(1, digest.1.bigEndian))
    }

    /// 32 lower-case hexadecimal digits.
    package var description: String { Hex.text(high) + Hex.text(low) }
}

/// Names a span within its trace: 64 bits, never zero.
package struct SpanID: Hashable, Sendable, CustomStringConvertible {
    package let value: UInt64

    /// - Parameter value: zero, which names nothing, becomes one.
    package init(_ value: UInt64) { self.value = value == 0 ? 1 : value }

    /// 16 lower-case hexadecimal digits.
    package var description: String { Hex.text(value) }
}

/// Hexadecimal digits, lower case alone.
enum Hex {
    static func text(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { text in
            for at in 0..<16 { text.initializeElement(at: at, to: digit(value, at)) }
            return 16
        }
    }

    /// The digit at a place, 0 for the first of 16.
    @inline(__always)
    static func digit(_ value: UInt64, _ at: Int) -> UInt8 {
        let nibble = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * at) & 0xF)
        return nibble < 10 ? 0x30 + nibble : 0x57 + nibble
    }

    /// Reads `count` digits, 16 at most; nil where one is none.
    static func number(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int, count: Int) -> UInt64? {
        var value: UInt64 = 0
        for byte in bytes[start..<start + count] {
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt64(byte & 0xF)
            case 0x61...0x66: value = value << 4 | UInt64(byte - 0x57)
            default: return nil
            }
        }
        return value
    }

    /// The two halves of a UUID in its usual form, 8-4-4-4-12 digits; nil for anything else.
    static func uuid(_ bytes: UnsafeBufferPointer<UInt8>) -> (UInt64, UInt64)? {
        guard bytes.count == 36, bytes[8] == 0x2D, bytes[13] == 0x2D, bytes[18] == 0x2D,
            bytes[23] == 0x2D, let first = number(bytes, at: 0, count: 8),
            let second = number(bytes, at: 9, count: 4),
            let third = number(bytes, at: 14, count: 4),
            let fourth = number(bytes, at: 19, count: 4),
            let fifth = number(bytes, at: 24, count: 12)
        else { return nil }
        return (first << 32 | second << 16 | third, fourth << 48 | fifth)
    }
}

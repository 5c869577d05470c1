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

/// Hexadecimal digits, lower case alone; eight at a time, as bytes of one word, the first digit the
/// highest.
enum Hex {
    static func text(_ value: UInt64) -> String {
        String(unsafeUninitializedCapacity: 16) { text in
            guard let base = text.baseAddress else { return 0 }
            write(value, to: base)
            return 16
        }
    }

    /// Writes 16 digits.
    @inline(__always)
    static func write(_ value: UInt64, to base: UnsafeMutablePointer<UInt8>) {
        let raw = UnsafeMutableRawPointer(base)
        raw.storeBytes(of: digits(value >> 32).bigEndian, as: UInt64.self)
        raw.storeBytes(of: digits(value & 0xFFFF_FFFF).bigEndian, toByteOffset: 8, as: UInt64.self)
    }

    /// The digits of 32 bits.
    @inline(__always)
    private static func digits(_ value: UInt64) -> UInt64 {
        var nibbles = (value << 16 | value) & 0x0000_FFFF_0000_FFFF
        nibbles = (nibbles << 8 | nibbles) & 0x00FF_00FF_00FF_00FF
        nibbles = (nibbles << 4 | nibbles) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = (nibbles &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
    }

    /// The 32 bits of eight digits; nil where one is none.
    @inline(__always)
    private static func number(_ digits: UInt64) -> UInt64? {
        let letters = digits >> 6 & 0x0101_0101_0101_0101
        var value = (digits & 0x0F0F_0F0F_0F0F_0F0F) &+ letters &* 9
        value = (value >> 4 | value) & 0x00FF_00FF_00FF_00FF
        value = (value >> 8 | value) & 0x0000_FFFF_0000_FFFF
        value = (value >> 16 | value) & 0xFFFF_FFFF
        // What is written again as it was has been digits.
        return Hex.digits(value) == digits ? value : nil
    }

    @inline(__always)
    private static func eight(_ bytes: UnsafeRawPointer, _ at: Int) -> UInt64 {
        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    }

    @inline(__always)
    private static func four(_ bytes: UnsafeRawPointer, _ at: Int) -> UInt64 {
        UInt64(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
    }

    /// Reads 16 digits; nil where one is none. There must be as many bytes.
    static func number(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> UInt64? {
        precondition(start >= 0 && start + 16 <= bytes.count, "16 bytes are there")
        guard let base = bytes.baseAddress, let high = number(eight(base, start)),
            let low = number(eight(base, start + 8))
        else { return nil }
        return high << 32 | low
    }

    /// The value of two digits; nil where one is none.
    static func byte(_ high: UInt8, _ low: UInt8) -> UInt64? {
        number(0x3030_3030_3030_0000 | UInt64(high) << 8 | UInt64(low))
    }

    /// The two halves of a UUID in its usual form, 8-4-4-4-12 digits; nil for anything else.
    static func uuid(_ bytes: UnsafeBufferPointer<UInt8>) -> (UInt64, UInt64)? {
        guard bytes.count == 36, let base = bytes.baseAddress, bytes[8] == 0x2D,
            bytes[13] == 0x2D, bytes[18] == 0x2D, bytes[23] == 0x2D,
            let first = number(eight(base, 0)),
            let second = number(four(base, 9) << 32 | four(base, 14)),
            let third = number(four(base, 19) << 32 | four(base, 24)),
            let fourth = number(eight(base, 28))
        else { return nil }
        return (first << 32 | second, third << 32 | fourth)
    }
}

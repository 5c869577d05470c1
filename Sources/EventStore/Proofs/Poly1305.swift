/// The Poly1305 one-time authenticator. Source: RFC 8439, section 2.5.
package struct Poly1305 {
    // The factor, and five quarters of its upper half: as it is a multiple of 4, and 2^130 is 5
    // modulo the prime, that is what 2^128 times the upper half comes to.
    private let r: (UInt64, UInt64)
    private let quarters: UInt64
    private let pad: (UInt64, UInt64)
    // The sum, up to a few bits beyond 2^130.
    private var h: (UInt64, UInt64, UInt64) = (0, 0, 0)

    /// - Parameter key: used for one message only.
    init(key: SealingKey) {
        // Section 2.5.1 clears these bits.
        r = (
            Self.word(key.bytes, 0) & 0x0FFF_FFFC_0FFF_FFFF,
            Self.word(key.bytes, 8) & 0x0FFF_FFFC_0FFF_FFFC
        )
        quarters = r.1 + r.1 >> 2
        pad = (Self.word(key.bytes, 16), Self.word(key.bytes, 24))
    }

    /// The tag of one message: 16 bytes.
    ///
    /// - Parameter key: used for this message only.
    package static func tag(of message: [UInt8], key: SealingKey) -> [UInt8] {
        var state = Poly1305(key: key)
        let whole = message.count - message.count % 16
        state.absorb(message[..<whole])
        if whole < message.count {
            // A one is put behind the last byte.
            let last = Array(message[whole...] + [1])
            state.absorb(word(last, 0), word(last, 8), top: 0)
        }
        return state.finish()
    }

    /// Takes in `bytes`, and zeros up to a multiple of 16 (section 2.8).
    mutating func absorb(_ bytes: ArraySlice<UInt8>) {
        for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: 16) {
            absorb(Self.word(bytes, start), Self.word(bytes, start + 8), top: 1)
        }
    }

    /// Takes in one block of 16 bytes, little endian, and what stands above it.
    mutating func absorb(_ low: UInt64, _ high: UInt64, top: UInt64) {
        let sum0 = UInt128(h.0) + UInt128(low)
        let sum1 = UInt128(h.1) + UInt128(high) + sum0 >> 64
        let h0 = UInt128(UInt64(truncatingIfNeeded: sum0))
        let h1 = UInt128(UInt64(truncatingIfNeeded: sum1))
        let h2 = h.2 &+ UInt64(truncatingIfNeeded: sum1 >> 64) &+ top

        // No product overflows: the factors' upper four bits are clear, and h2 is below 8.
        let product0 = h0 &* UInt128(r.0) &+ h1 &* UInt128(quarters)
        let product1 =
            h0 &* UInt128(r.1) &+ h1 &* UInt128(r.0) &+ UInt128(h2) &* UInt128(quarters)
            &+ product0 >> 64
        let product2 = h2 &* r.0 &+ UInt64(truncatingIfNeeded: product1 >> 64)

        // What lies above 2^130 comes back at the bottom, five times.
        let folded = product2 >> 2 &+ (product2 & ~3)
        let back0 = UInt128(UInt64(truncatingIfNeeded: product0)) &+ UInt128(folded)
        let back1 = UInt128(UInt64(truncatingIfNeeded: product1)) &+ back0 >> 64
        h.0 = UInt64(truncatingIfNeeded: back0)
        h.1 = UInt64(truncatingIfNeeded: back1)
        h.2 = (product2 & 3) &+ UInt64(truncatingIfNeeded: back1 >> 64)
    }

    /// The tag of what was taken in: 16 bytes.
    func finish() -> [UInt8] {
        // h - p is h + 5 - 2^130; it is taken, without a branch on a secret, where it is not
        // negative.
        let less0 = UInt128(h.0) + 5
        let less1 = UInt128(h.1) + less0 >> 64
        let isReduced = 0 &- ((h.2 &+ UInt64(truncatingIfNeeded: less1 >> 64)) >> 2)
        let low = h.0 & ~isReduced | UInt64(truncatingIfNeeded: less0) & isReduced
        let high = h.1 & ~isReduced | UInt64(truncatingIfNeeded: less1) & isReduced
        let tag0 = UInt128(low) + UInt128(pad.0)
        let tag1 = UInt128(high) + UInt128(pad.1) + tag0 >> 64
        return withUnsafeBytes(of: UInt64(truncatingIfNeeded: tag0).littleEndian) { Array($0) }
            + withUnsafeBytes(of: UInt64(truncatingIfNeeded: tag1).littleEndian) { Array($0) }
    }

    /// The eight bytes at `start`, little endian, with zeros behind the end.
    private static func word(_ bytes: ArraySlice<UInt8>, _ start: Int) -> UInt64 {
        var word: UInt64 = 0
        var at = min(start + 8, bytes.endIndex) - 1
        while at >= start {
            word = word << 8 | UInt64(bytes[at])
            at -= 1
        }
        return word
    }

    private static func word(_ bytes: [UInt8], _ start: Int) -> UInt64 { word(bytes[...], start) }
}

/// Clock, ids and randomness as values that are passed in: production takes the system's, the
/// simulator its own.
public protocol Runtime: AnyObject, Sendable {
    /// The wall clock. May jump in both directions; whoever records takes care that recorded time
    /// does not.
    func now() -> Timestamp
    /// 64 random bits.
    func random() -> UInt64
    /// Told of what was recorded, which another's clock may have put ahead of this one. A clock
    /// that can goes on from there: what is due a second after it must not wait until this clock
    /// has come as far by itself.
    func notBefore(_ moment: Timestamp)
}

extension Runtime {
    public func notBefore(_ moment: Timestamp) {}

    /// A time-ordered identifier. Source: RFC 9562, version 7 (milliseconds, then 74 random bits).
    public func newID() -> String {
        let milliseconds = UInt64(clamping: now().microseconds / 1000) & 0xFFFF_FFFF_FFFF
        let high = milliseconds << 16 | 0x7000 | random() & 0x0FFF
        let low = 0x8000_0000_0000_0000 | random() >> 2
        return String(unsafeUninitializedCapacity: 36) { text in
            var digit = 0
            for at in 0..<36 {
                if at == 8 || at == 13 || at == 18 || at == 23 {
                    text.initializeElement(at: at, to: 0x2D)
                    continue
                }
                let half = digit < 16 ? high : low
                let nibble = UInt8(truncatingIfNeeded: half >> UInt64(60 - 4 * (digit & 15)) & 0xF)
                text.initializeElement(at: at, to: nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
                digit += 1
            }
            return 36
        }
    }
}

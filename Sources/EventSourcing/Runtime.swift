/// Clock, ids and randomness as values that are passed in: production takes the system's, the
/// simulator its own.
public protocol Runtime: AnyObject, Sendable {
    /// The wall clock. May jump in both directions; whoever records takes care that recorded time
    /// does not.
    func now() -> Timestamp
    /// 64 random bits.
    func random() -> UInt64
}

extension Runtime {
    /// A time-ordered identifier. Source: RFC 9562, version 7 (milliseconds, then 74 random bits).
    public func newID() -> String {
        let milliseconds = UInt64(clamping: now().microseconds / 1000) & 0xFFFF_FFFF_FFFF
        let high = milliseconds << 16 | 0x7000 | random() & 0x0FFF
        let low = 0x8000_0000_0000_0000 | random() >> 2
        var text: [UInt8] = []
        text.reserveCapacity(36)
        func hex(_ value: UInt64, _ digits: Int) {
            for shift in (0..<digits).reversed() {
                let nibble = UInt8(truncatingIfNeeded: value >> UInt64(shift * 4) & 0xF)
                text.append(nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
            }
        }
        hex(high >> 32, 8)
        text.append(0x2D)
        hex(high >> 16 & 0xFFFF, 4)
        text.append(0x2D)
        hex(high & 0xFFFF, 4)
        text.append(0x2D)
        hex(low >> 48, 4)
        text.append(0x2D)
        hex(low & 0xFFFF_FFFF_FFFF, 12)
        return String(decoding: text, as: UTF8.self)
    }
}

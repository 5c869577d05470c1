/// A number that follows from `text` alone, in every process and on every machine.
///
/// Source: FNV-1a, 64 bits (Fowler, Noll, Vo). Not for secrets.
public func stableHash(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return hash
}

/// The sixteen hexadecimal digits of a text's `stableHash`.
func stableCode(_ text: String) -> String {
    let digits = String(stableHash(text), radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}

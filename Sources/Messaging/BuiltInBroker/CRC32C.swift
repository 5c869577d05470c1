import CPlatform

/// CRC-32C (Castagnoli), by the processor's instruction where it has one, else eight bytes at a
/// time.
///
/// Reflected polynomial `0x82F63B78`, start value and final xor all ones; the checksum of the ASCII
/// digits "123456789" is `0xE3069283`. Source: RFC 3720, appendix B.4; Kounavis and Berry,
/// "Slicing-by-8".
package enum CRC32C {
    /// Eight tables of 256 entries: `tables[k * 256 + byte]` advances `byte` over `k` more zero
    /// bytes.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
            tables[byte] = value
        }
        for at in 256..<8 * 256 {
            let before = tables[at - 256]
            tables[at] = before >> 8 ^ tables[Int(before & 0xFF)]
        }
        return tables
    }()

    private static let isAccelerated = kassa_crc32c_has()

    package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        isAccelerated ? kassa_crc32c(bytes.baseAddress, bytes.count) : portableChecksum(bytes)
    }

    /// As any processor can.
    package static func portableChecksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        tables.withUnsafeBufferPointer { table in
            var crc = UInt32.max
            var at = 0
            while bytes.count - at >= 8 {
                let word = UInt64(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                let mixed = word ^ UInt64(crc)
                let low =
                    table[1792 + Int(mixed & 0xFF)] ^ table[1536 + Int(mixed >> 8 & 0xFF)]
                    ^ table[1280 + Int(mixed >> 16 & 0xFF)] ^ table[1024 + Int(mixed >> 24 & 0xFF)]
                let high =
                    table[768 + Int(mixed >> 32 & 0xFF)] ^ table[512 + Int(mixed >> 40 & 0xFF)]
                    ^ table[256 + Int(mixed >> 48 & 0xFF)] ^ table[Int(mixed >> 56)]
                crc = low ^ high
                at += 8
            }
            while at < bytes.count {
                crc = crc >> 8 ^ table[Int((crc ^ UInt32(bytes[at])) & 0xFF)]
                at += 1
            }
            return ~crc
        }
    }

    /// The checksum of a range of `bytes`, which must lie inside them.
    static func checksum(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
        bytes.withUnsafeBytes { checksum(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
}

/// Little-endian integers in byte arrays.
extension [UInt8] {
    mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    /// The integer at `offset`; nil where it does not fit into the bytes.
    func integer<Value: FixedWidthInteger>(at offset: Int, as: Value.Type) -> Value? {
        let size = MemoryLayout<Value>.size
        guard offset >= 0, count >= size, offset <= count - size else { return nil }
        return withUnsafeBytes {
            Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self))
        }
    }
}

/// The ChaCha20 stream. Source: RFC 8439, sections 2.1 to 2.4.
struct ChaCha20 {
    private typealias Row = SIMD4<UInt32>

    // The state as four rows of four words, so that one operation works on four columns.
    private let constants = Row(0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574)
    private let keyRows: (Row, Row)
    private var counterAndNonce: Row

    /// The stream from block `counter` on. It repeats after 2^32 blocks, 256 GiB.
    init(key: SealingKey, nonce: SealingNonce, counter: UInt32) {
        func word(_ bytes: [UInt8], _ start: Int) -> UInt32 {
            UInt32(bytes[start]) | UInt32(bytes[start + 1]) << 8
                | UInt32(bytes[start + 2]) << 16 | UInt32(bytes[start + 3]) << 24
        }
        func row(_ start: Int) -> Row {
            Row(
                word(key.bytes, start), word(key.bytes, start + 4), word(key.bytes, start + 8),
                word(key.bytes, start + 12))
        }
        keyRows = (row(0), row(16))
        counterAndNonce = Row(
            counter, word(nonce.bytes, 0), word(nonce.bytes, 4), word(nonce.bytes, 8))
    }

    /// The next 64 bytes of the stream, as rows of little-endian words (section 2.3).
    private mutating func nextBlock() -> (Row, Row, Row, Row) {
        var (a, b, c, d) = (constants, keyRows.0, keyRows.1, counterAndNonce)
        for _ in 0..<10 {
            Self.quarterRounds(&a, &b, &c, &d)
            // The diagonals become columns, and back.
            b = Row(b[1], b[2], b[3], b[0])
            c = Row(c[2], c[3], c[0], c[1])
            d = Row(d[3], d[0], d[1], d[2])
            Self.quarterRounds(&a, &b, &c, &d)
            b = Row(b[3], b[0], b[1], b[2])
            c = Row(c[2], c[3], c[0], c[1])
            d = Row(d[1], d[2], d[3], d[0])
        }
        let block = (
            Self.littleEndian(a &+ constants), Self.littleEndian(b &+ keyRows.0),
            Self.littleEndian(c &+ keyRows.1), Self.littleEndian(d &+ counterAndNonce)
        )
        counterAndNonce[0] &+= 1
        return block
    }

    /// Replaces `bytes` by their exclusive or with the stream (section 2.4). What a last block
    /// leaves over is not used for the next call.
    mutating func apply(to bytes: inout [UInt8]) {
        for start in stride(from: 0, to: bytes.count, by: 64) {
            let block = nextBlock()
            let count = min(64, bytes.count - start)
            withUnsafeBytes(of: block) { stream in
                for offset in 0..<count { bytes[start + offset] ^= stream[offset] }
            }
        }
    }

    /// Section 2.1, on all columns.
    private static func quarterRounds(
        _ a: inout Row, _ b: inout Row, _ c: inout Row, _ d: inout Row
    ) {
        a &+= b
        d = rotated(d ^ a, 16)
        c &+= d
        b = rotated(b ^ c, 12)
        a &+= b
        d = rotated(d ^ a, 8)
        c &+= d
        b = rotated(b ^ c, 7)
    }

    private static func rotated(_ x: Row, _ bits: UInt32) -> Row {
        x &<< Row(repeating: bits) | x &>> Row(repeating: 32 - bits)
    }

    private static func littleEndian(_ row: Row) -> Row {
        Row(row[0].littleEndian, row[1].littleEndian, row[2].littleEndian, row[3].littleEndian)
    }
}

/// A SHA-256 digest: 32 bytes, compared as such.
package struct Digest: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The number of bytes in a digest.
    package static let byteCount = 32

    // The bytes as they lie in memory, eight to a word.
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// A digest whose 32 bytes `fill` writes.
    init(filling fill: (UnsafeMutableRawBufferPointer) -> Void) {
        Swift.withUnsafeMutableBytes(of: &words, fill)
    }

    /// The digest that `bytes` are; nil unless there are exactly 32.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init { $0.copyBytes(from: bytes) }
    }

    /// Reads what `hex` writes: 64 digits of `0-9 a-f`. Nil for anything else, so a digest has one
    /// text.
    package init?(hex text: String) {
        var text = text
        guard let digest = text.withUTF8({ Digest(hex: $0) }) else { return nil }
        self = digest
    }

    /// Reads the bytes that `appendHex` writes; nil for anything else.
    package init?(hex digits: UnsafeBufferPointer<UInt8>) {
        guard digits.count == 2 * Self.byteCount else { return nil }
        var isHex = true
        self.init { bytes in
            for at in 0..<Self.byteCount {
                guard let high = Self.nibble(digits[2 * at]),
                    let low = Self.nibble(digits[2 * at + 1])
                else {
                    isHex = false
                    return
                }
                bytes[at] = high << 4 | low
            }
        }
        guard isHex else { return nil }
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x61...0x66: digit - 0x57
        default: nil
        }
    }

    /// Lends the 32 bytes to `body`.
    package func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try Swift.withUnsafeBytes(of: words, body)
    }

    /// The 32 bytes.
    package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// 64 lower-case hexadecimal digits.
    package var hex: String {
        var text: [UInt8] = []
        text.reserveCapacity(2 * Self.byteCount)
        appendHex(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the 64 digits of `hex`.
    package func appendHex(to text: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { digits in
            withUnsafeBytes { bytes in
                for place in bytes.indices {
                    digits[2 * place] = Self.digit(bytes[place] >> 4)
                    digits[2 * place + 1] = Self.digit(bytes[place] & 0xF)
                }
            }
            text.append(contentsOf: UnsafeBufferPointer(digits))
        }
    }

    private static func digit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? 0x30 + nibble : 0x57 + nibble
    }

    package var description: String { hex }

    package static func == (a: Digest, b: Digest) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) {
        withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    package static func < (a: Digest, b: Digest) -> Bool {
        let left = (
            a.words.0.bigEndian, a.words.1.bigEndian, a.words.2.bigEndian, a.words.3.bigEndian
        )
        let right = (
            b.words.0.bigEndian, b.words.1.bigEndian, b.words.2.bigEndian, b.words.3.bigEndian
        )
        return left < right
    }
}

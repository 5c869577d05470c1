import EventSourcing
import Glibc

/// A text as a key, equal only to the same bytes. (To a dictionary a composed and a decomposed
/// letter are the same `String`; to the file they are two.)
///
/// A UUID as we write them, of 36 characters in lower case, is kept as its 128 bits: most keys are
/// of that kind, and are compared then without a look at another place in memory.
public struct ExactText: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64
    /// The text, where it is no UUID; both numbers are 0 then.
    private let text: String

    public init(_ text: String) {
        let bits = text.utf8.withContiguousStorageIfAvailable { Self.uuid($0) } ?? nil
        if let bits {
            (high, low, self.text) = (bits.high, bits.low, "")
        } else {
            (high, low, self.text) = (0, 0, text)
        }
    }

    public static func == (a: Self, b: Self) -> Bool {
        a.high == b.high && a.low == b.low && isSame(a.text, b.text)
    }

    private static func isSame(_ a: String, _ b: String) -> Bool {
        // Equal bytes are always an equal `String`, which is quickly compared.
        guard a.utf8.count == b.utf8.count, a == b else { return false }
        if a.utf8.isEmpty { return true }
        let isSame = a.utf8.withContiguousStorageIfAvailable { a in
            b.utf8.withContiguousStorageIfAvailable { b in
                guard let start = a.baseAddress, let other = b.baseAddress else { return true }
                return memcmp(start, other, a.count) == 0
            }
        }
        return (isSame ?? nil) ?? a.utf8.elementsEqual(b.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(high)
        hasher.combine(low)
        guard !text.utf8.isEmpty else { return }
        let isDone: Void? = text.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if isDone == nil { for byte in text.utf8 { hasher.combine(byte) } }
    }

    /// The 128 bits of a UUID; nil for anything else, and for the one of zeros alone.
    private static func uuid(_ text: UnsafeBufferPointer<UInt8>) -> (high: UInt64, low: UInt64)? {
        let hyphen = UInt8(ascii: "-")
        guard text.count == 36, text[8] == hyphen, text[13] == hyphen, text[18] == hyphen,
            text[23] == hyphen
        else { return nil }
        let bytes = UnsafeRawBufferPointer(text)
        func half(_ offset: Int) -> UInt64 {
            UInt64(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        }
        guard let first = number(half(0) << 32 | half(4)),
            let second = number(half(9) << 32 | half(14)),
            let third = number(half(19) << 32 | half(24)),
            let fourth = number(half(28) << 32 | half(32))
        else { return nil }
        let (high, low) = (first << 32 | second, third << 32 | fourth)
        return high | low == 0 ? nil : (high, low)
    }

    /// The number that eight hexadecimal digits write, all at once; nil where one is no digit of
    /// lower case.
    private static func number(_ digits: UInt64) -> UInt64? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let letters = (digits >> 6) & ones
        var values = (digits & (0x0F &* ones)) &+ letters &* 9
        // What was no digit is no value, or would be written otherwise.
        let areLetters = ((values &+ 6 &* ones) >> 4) & ones
        guard values & (0xF0 &* ones) == 0,
            values &+ 0x30 &* ones &+ areLetters &* 0x27 == digits
        else { return nil }
        values = (values | values >> 4) & 0x00FF_00FF_00FF_00FF
        values = (values | values >> 8) & 0x0000_FFFF_0000_FFFF
        return (values | values >> 16) & 0x0000_0000_FFFF_FFFF
    }
}

/// A stream's name as a key.
struct StreamKey: Hashable {
    private let category: String
    private let id: ExactText

    init(_ stream: StreamID) { (category, id) = (stream.category, ExactText(stream.id)) }

    func hash(into hasher: inout Hasher) {
        // The streams of one id are few, and of other lengths.
        hasher.combine(category.utf8.count)
        hasher.combine(id)
    }
}

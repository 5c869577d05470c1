import Messaging

/// What a segment file holds, by the format's description alone: the measure for the broker's own
/// reader.
struct SegmentModel {
    /// The header is whole, and of another version.
    private(set) var isOfAnotherVersion = false
    private(set) var hasHeader = false
    /// The good records from the front.
    private(set) var messages: [BrokerMessage] = []
    /// Where they end.
    private(set) var end = 0

    private static let headerSize = 32
    private static let recordHead = 32
    private static let largestRecord = recordHead + 1024 + 255 + 128 * 1024 + 1024 * 1024

    /// - Parameter first: the sequence that the file's name says.
    init(_ bytes: [UInt8], first: UInt64) {
        guard bytes.count >= Self.headerSize, bytes.starts(with: "KASSASEG".utf8),
            Self.number(bytes, 28, 4) == UInt64(Self.checksum(bytes[..<28]))
        else { return }
        guard Self.number(bytes, 8, 4) == 2 else {
            isOfAnotherVersion = true
            return
        }
        guard Self.number(bytes, 12, 8) == first else { return }
        hasHeader = true
        end = Self.headerSize
        while let size = record(bytes, sequence: first + UInt64(messages.count)) { end += size }
    }

    /// The size of the good record of that sequence at `end`; nil where there is none.
    private mutating func record(_ bytes: [UInt8], sequence: UInt64) -> Int? {
        guard bytes.count - end >= Self.recordHead else { return nil }
        let size = 8 + Int(Self.number(bytes, end + 4, 4))
        guard size >= Self.recordHead, size <= Self.largestRecord, size <= bytes.count - end,
            Self.number(bytes, end, 4)
                == UInt64(Self.checksum(bytes[(end + 4)..<(end + size)])),
            Self.number(bytes, end + 8, 8) == sequence
        else { return nil }
        let counts = [(24, 2), (26, 2), (28, 4)].map {
            Int(Self.number(bytes, end + $0.0, $0.1))
        }
        var at = end + Self.recordHead
        guard counts.reduce(at, +) <= end + size else { return nil }
        var parts: [ArraySlice<UInt8>] = []
        for count in counts {
            parts.append(bytes[at..<(at + count)])
            at += count
        }
        messages.append(
            BrokerMessage(
                subject: String(decoding: parts[0], as: UTF8.self),
                id: String(decoding: parts[1], as: UTF8.self), headers: Array(parts[2]),
                payload: Array(bytes[at..<(end + size)])))
        return size
    }

    private static func number(_ bytes: [UInt8], _ at: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64($1 * 8) }
    }

    /// CRC-32C, a bit at a time.
    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
        }
        return ~crc
    }
}

/// Makes segment files whose checksums are right, whatever else they hold.
enum SegmentMaker {
    /// How many choices of the input are looked at; each record takes one at least.
    private static let mostRecords = 24

    static func header(_ first: UInt64, version: UInt32 = 2, kind: String = "KASSASEG") -> [UInt8] {
        var bytes = Array(kind.utf8) + little(version) + little(first)
        bytes += little(1_700_000_000_000_000 as Int64)
        return bytes + little(SegmentModel.checksum(bytes[...]))
    }

    /// A file as the input asks for: each record's choices, a byte, say what is wrong with it.
    static func file(_ input: inout FuzzInput, first: UInt64) -> [UInt8] {
        var bytes = header(first)
        var sequence = first
        for _ in 0..<mostRecords where !input.isEmpty {
            let choices = input.byte()
            let body = input.take(input.small() * (choices & 64 == 64 ? 16 : 1))
            if choices & 1 == 1 { sequence = input.number(8) }
            var record = little(sequence) + little(Int64(bitPattern: sequence &* 0x9E37_79B9))
            let count = UInt16(body.count)
            record += little(choices & 2 == 2 ? UInt16(input.number(2)) : min(count, 2))
            record += little(choices & 4 == 4 ? UInt16(input.number(2)) : min(count, 4) / 2)
            record += little(choices & 8 == 8 ? UInt32(input.number(4)) : 0)
            record += body
            let length = choices & 16 == 16 ? UInt32(input.number(4)) : UInt32(record.count)
            record = little(length) + record
            let damage: UInt32 = choices & 128 == 128 ? UInt32(input.byte()) : 0
            bytes += little(SegmentModel.checksum(record[...]) ^ damage) + record
            sequence &+= 1
        }
        return bytes
    }

    static func little(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}

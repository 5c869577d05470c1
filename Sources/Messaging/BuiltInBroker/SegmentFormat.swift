import EventSourcing

/// The bytes of the built-in broker's files, version 2. All integers are little-endian.
///
/// A file begins with 32 bytes:
///
/// | offset | bytes | what |
/// | --- | --- | --- |
/// | 0 | 8 | `KASSASEG` for a segment, `KASSAACK` for acknowledgements |
/// | 8 | 4 | the format's version |
/// | 12 | 8 | the first record's sequence, also the file's name; 0 for acknowledgements |
/// | 20 | 8 | when the file was begun, microseconds since 1970 |
/// | 28 | 4 | CRC-32C of the 28 bytes before; stays here in every version |
///
/// A segment goes on with records whose sequences are consecutive:
///
/// | offset | bytes | what |
/// | --- | --- | --- |
/// | 0 | 4 | CRC-32C of everything after it in the record |
/// | 4 | 4 | bytes in the record after this field |
/// | 8 | 8 | sequence |
/// | 16 | 8 | when it was stored, microseconds since 1970 |
/// | 24 | 2, 2, 4 | bytes of subject, id, headers |
/// | 32 | | subject (UTF-8), id (UTF-8), headers, payload (the rest) |
enum SegmentFormat {
    static let version: UInt32 = 2
    static let headerSize = 32
    /// Bytes of a record before its subject, and of those before its sequence.
    static let recordHead = 32
    static let recordPrefix = 8
    static let maximumRecord =
        recordHead + maximumSubject + BrokerRules.maximumID + maximumHeaders + maximumPayload
    /// In bytes. Wider than what a `Broker` takes: over a wire, what says how it is to be stored
    /// comes on top of it.
    static let maximumSubject = 1024
    static let maximumHeaders = 64 * 1024
    static let maximumPayload = 1024 * 1024 + maximumHeaders
    /// Sequences end here, far below overflow; a file that claims more is damaged.
    static let maximumSequence: UInt64 = 1 << 62

    /// Appends a message, which is within the limits, as a record.
    static func append(
        _ message: BrokerMessage, sequence: UInt64, at time: Timestamp, to bytes: inout [UInt8]
    ) {
        let start = bytes.count
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt32(recordHead - recordPrefix + message.size))
        bytes.append(littleEndian: sequence)
        bytes.append(littleEndian: time.microseconds)
        bytes.append(littleEndian: UInt16(truncatingIfNeeded: message.subject.utf8.count))
        bytes.append(littleEndian: UInt16(truncatingIfNeeded: message.id.utf8.count))
        bytes.append(littleEndian: UInt32(truncatingIfNeeded: message.headers.count))
        bytes.append(utf8: message.subject)
        bytes.append(utf8: message.id)
        bytes.append(contentsOf: message.headers)
        bytes.append(contentsOf: message.payload)
        let checksum = CRC32C.checksum(bytes, start + 4..<bytes.count)
        for at in 0..<4 {
            bytes[start + at] = UInt8(truncatingIfNeeded: checksum >> UInt32(at * 8))
        }
    }
}

/// The first 32 bytes of a file.
struct BrokerFileHeader {
    enum Kind: String {
        case segment = "KASSASEG"
        case acknowledgements = "KASSAACK"
    }

    let kind: Kind
    let first: UInt64
    let created: Timestamp

    var bytes: [UInt8] {
        var bytes = Array(kind.rawValue.utf8)
        bytes.append(littleEndian: SegmentFormat.version)
        bytes.append(littleEndian: first)
        bytes.append(littleEndian: created.microseconds)
        bytes.append(littleEndian: CRC32C.checksum(bytes, 0..<bytes.count))
        return bytes
    }

    /// Reads a file's header; nil when it is damaged or torn.
    /// - Throws: `unavailable` when the header is whole and of another version.
    static func read(_ kind: Kind, from file: BrokerFile) throws(BrokerError) -> BrokerFileHeader? {
        let bytes: [UInt8]
        do { bytes = try file.read(at: 0, count: SegmentFormat.headerSize) } catch {
            throw error.unavailable
        }
        guard bytes.count == SegmentFormat.headerSize,
            bytes.integer(at: 28, as: UInt32.self) == CRC32C.checksum(bytes, 0..<28),
            bytes.starts(with: kind.rawValue.utf8),
            let version = bytes.integer(at: 8, as: UInt32.self),
            let first = bytes.integer(at: 12, as: UInt64.self),
            let created = bytes.integer(at: 20, as: Int64.self)
        else { return nil }
        guard version == SegmentFormat.version else {
            throw .unavailable(
                "\(file.path) has format version \(version), "
                    + "this program reads \(SegmentFormat.version); use the program that wrote it, "
                    + "or remove the broker's folder: the logs fill it again"
            )
        }
        guard first <= SegmentFormat.maximumSequence else { return nil }
        return BrokerFileHeader(
            kind: kind, first: first, created: Timestamp(microseconds: created))
    }
}

import EventSourcing

/// Reads a segment's records one after the other, through a buffer of 128 KiB or one record.
struct RecordReader {
    struct Record {
        let sequence: UInt64
        let time: Timestamp
        /// Where the record begins in its file.
        let offset: Int
        fileprivate let subject: Range<Int>
        fileprivate let id: Range<Int>
        fileprivate let headers: Range<Int>
        fileprivate let payload: Range<Int>
    }

    enum Step {
        case record(Record)
        /// The records end exactly at the given end.
        case end
        /// No good record with the expected sequence is at `offset`.
        case damaged
    }

    private static let chunk = 128 * 1024

    private let file: BrokerFile
    private let end: Int
    /// Where the next record begins in the file.
    private(set) var offset: Int
    /// The sequence that it must have.
    private(set) var sequence: UInt64
    private var buffer: [UInt8] = []
    private var at = 0

    /// Begins at `offset` with the record `sequence`, and reads nothing at or beyond `end`.
    init(_ file: BrokerFile, from offset: Int, sequence: UInt64, end: Int) {
        self.file = file
        self.offset = offset
        self.sequence = sequence
        self.end = end
    }

    /// The next record; its bytes stay readable until the next call.
    mutating func next() throws(FileError) -> Step {
        guard offset < end else { return .end }
        guard try fill(SegmentFormat.recordHead),
            let checksum = buffer.integer(at: at, as: UInt32.self),
            let length = buffer.integer(at: at + 4, as: UInt32.self)
        else { return .damaged }
        let size = SegmentFormat.recordPrefix + Int(length)
        guard size >= SegmentFormat.recordHead, size <= SegmentFormat.maximumRecord,
            try fill(size), CRC32C.checksum(buffer, at + 4..<at + size) == checksum,
            let record = parse(size), record.sequence == sequence
        else { return .damaged }
        at += size
        offset += size
        sequence += 1
        return .record(record)
    }

    func subject(_ record: Record) -> String {
        String(decoding: buffer[record.subject], as: UTF8.self)
    }

    /// The message of the record that was read last.
    func message(_ record: Record) -> StoredMessage {
        let message = BrokerMessage(
            subject: subject(record), id: String(decoding: buffer[record.id], as: UTF8.self),
            headers: Array(buffer[record.headers]), payload: Array(buffer[record.payload]))
        return StoredMessage(sequence: record.sequence, time: record.time, message: message)
    }

    private func parse(_ size: Int) -> Record? {
        guard let sequence = buffer.integer(at: at + 8, as: UInt64.self),
            let time = buffer.integer(at: at + 16, as: Int64.self),
            let subject = buffer.integer(at: at + 24, as: UInt16.self),
            let id = buffer.integer(at: at + 26, as: UInt16.self),
            let headers = buffer.integer(at: at + 28, as: UInt32.self)
        else { return nil }
        let subjectAt = at + SegmentFormat.recordHead
        let idAt = subjectAt + Int(subject)
        let headersAt = idAt + Int(id)
        let payloadAt = headersAt + Int(headers)
        guard payloadAt <= at + size else { return nil }
        return Record(
            sequence: sequence, time: Timestamp(microseconds: time), offset: offset,
            subject: subjectAt..<idAt, id: idAt..<headersAt,
            headers: headersAt..<payloadAt, payload: payloadAt..<at + size)
    }

    /// Makes `count` bytes readable from `at`; false when the file has fewer before its end.
    private mutating func fill(_ count: Int) throws(FileError) -> Bool {
        let kept = buffer.count - at
        if kept >= count { return true }
        guard end - offset >= count else { return false }
        let wanted = min(max(count, Self.chunk), end - offset) - kept
        buffer = try file.read(after: buffer[at...], at: offset + kept, count: wanted)
        at = 0
        return buffer.count >= count
    }
}

import EventSourcing

/// One append-only file of a stream: what is known of it in memory.
struct Segment: Sendable {
    let path: String
    /// The sequence of its first record.
    let first: UInt64
    /// When it was begun.
    let created: Timestamp
    /// Bytes of header and good records.
    var size: Int
    /// Nil for an older segment that nobody has read since the broker was opened.
    var index: SparseIndex?
}

/// Where some of a segment's records begin: one each 64 KiB or more, so 4 KiB of memory for a
/// segment of 16 MiB.
struct SparseIndex: Sendable {
    struct Entry: Sendable {
        let sequence: UInt64
        let offset: Int
    }

    private static let spacing = 64 * 1024
    private(set) var entries: [Entry] = []

    /// Tells the index of the record after all those it was told of.
    mutating func note(_ sequence: UInt64, at offset: Int) {
        if let last = entries.last, offset - last.offset < Self.spacing { return }
        entries.append(Entry(sequence: sequence, offset: offset))
    }

    /// The last entry at or before `sequence`; nil when there is none.
    func entry(for sequence: UInt64) -> Entry? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].sequence <= sequence { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? entries[low - 1] : nil
    }
}

/// A read of one segment, planned under the stream's lock and done outside of it.
struct SegmentRead: Sendable {
    enum Outcome {
        /// What was wanted, how far was looked, and the index where it was not known before.
        case found([StoredMessage], through: UInt64, SparseIndex)
        case damaged(String)
    }

    /// Bytes of records looked at in one read, so that a filter which wants little makes progress
    /// step by step.
    private static let maximumScan = 4 * 1024 * 1024

    let segment: Segment
    /// The first sequence wanted, and the last one that the segment must hold.
    let from: UInt64
    let last: UInt64
    let disk: BrokerDisk

    /// Reads up to `limit` messages whose subjects are wanted; checks the whole segment when it
    /// is read for the first time.
    /// - Throws: only when no file can be opened or read for now; what the file itself lacks is
    ///   `damaged`.
    func run(limit: Int, wants: (String) -> Bool) throws(FileError) -> Outcome {
        do {
            let file = try disk.open(segment.path, flags: SegmentLog.readOnly)
            var index = segment.index
            if index == nil { index = try build(from: file) }
            guard let index else {
                return .damaged("its records do not go on to sequence \(last)")
            }
            return try read(file, index, limit: limit, wants)
        } catch {
            guard SegmentLog.isDamage(error) else { throw error }
            return .damaged(error.unavailable.description)
        }
    }

    private func build(from file: BrokerFile) throws(FileError) -> SparseIndex? {
        var index = SparseIndex()
        var reader = RecordReader(
            file, from: SegmentFormat.headerSize, sequence: segment.first, end: segment.size)
        while case .record(let record) = try reader.next() {
            index.note(record.sequence, at: record.offset)
        }
        return reader.offset == segment.size && reader.sequence == last + 1 ? index : nil
    }

    private func read(
        _ file: BrokerFile, _ index: SparseIndex, limit: Int, _ wants: (String) -> Bool
    ) throws(FileError) -> Outcome {
        guard let start = index.entry(for: from) else {
            return .damaged("sequence \(from) is not in it")
        }
        var reader = RecordReader(
            file, from: start.offset, sequence: start.sequence, end: segment.size)
        var found: [StoredMessage] = []
        var bytes = 0
        while reader.sequence <= last, found.count < limit, bytes < BrokerRules.maximumFetch,
            reader.offset - start.offset < Self.maximumScan || reader.sequence <= from
        {
            guard case .record(let record) = try reader.next() else {
                return .damaged("the record of sequence \(reader.sequence) is damaged")
            }
            guard record.sequence >= from, wants(reader.subject(record)) else {
                continue
            }
            let message = reader.message(record)
            bytes += message.message.size
            found.append(message)
        }
        return .found(found, through: reader.sequence - 1, index)
    }
}

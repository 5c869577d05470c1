import EventSourcing
import Glibc

extension SegmentLog {
    private static let suffix = ".segment"

    /// The log that the folder holds: its newest segment is checked, and cut off after its last
    /// good record.
    ///
    /// Older segments are checked when they are first read.
    /// - Throws: `unavailable` for a file of another version, or one that cannot be opened for now.
    static func open(
        _ folder: String, settings: SegmentBroker.Settings, at now: Timestamp
    ) throws(BrokerError) -> SegmentLog {
        var log = SegmentLog(folder: folder, settings: settings)
        do {
            var isBounded = true
            for name in try settings.disk.names(in: folder) {
                // Its own bounds are known to whoever serves it, and are set then.
                if name == JetStream.folder { isBounded = false }
                guard let first = sequence(ofName: name) else { continue }
                try log.find(first, path: "\(folder)/\(name)")
            }
            try log.openNewest()
            if isBounded { log.retain(at: now) }
        } catch let error as FileError {
            throw error.unavailable
        } catch let error as BrokerError {
            throw error
        } catch {
            throw .unavailable("\(error)")
        }
        return log
    }

    /// Twenty digits, so that names sort as sequences do.
    static func path(of first: UInt64, in folder: String) -> String {
        let digits = String(first)
        return
            "\(folder)/\(String(repeating: "0", count: 20 - digits.utf8.count))\(digits)\(suffix)"
    }

    /// The first sequence of the segment that bears this name; nil for a name of no segment.
    static func sequence(ofName name: String) -> UInt64? {
        let bytes = Array(name.utf8)
        guard bytes.count == 20 + suffix.utf8.count, bytes[20...].elementsEqual(suffix.utf8) else {
            return nil
        }
        var value: UInt64 = 0
        for byte in bytes[..<20] {
            guard byte >= 0x30, byte <= 0x39, value <= SegmentFormat.maximumSequence / 10 else {
                return nil
            }
            value = value * 10 + UInt64(byte - 0x30)
        }
        return value > 0 && value <= SegmentFormat.maximumSequence ? value : nil
    }

    /// Whether the file itself is at fault, and not a lack of memory or descriptors that may pass.
    static func isDamage(_ error: FileError) -> Bool {
        [ENOENT, EIO, EISDIR, ENOTDIR, EINVAL].contains(error.code)
    }

    private mutating func find(_ first: UInt64, path: String) throws {
        let file = try settings.disk.open(path, flags: O_RDONLY)
        let header = try BrokerFileHeader.read(.segment, from: file)
        let created = header?.first == first ? header?.created : nil
        if created == nil { notices.append("\(path) has a damaged header") }
        // One with a damaged header has no records that count: reading it, or opening it as the
        // newest, gives it up.
        segments.append(
            Segment(
                path: path, first: first, created: created ?? .epoch,
                size: created == nil ? 0 : try file.size()))
    }

    /// Finds the newest segment with a good record; newer ones without any are removed.
    private mutating func openNewest() throws {
        while var newest = segments.popLast() {
            let file = try settings.disk.open(newest.path, flags: O_RDWR)
            let (index, end, sequence) = try Self.check(newest, file)
            guard sequence > newest.first else {
                notices.append("\(newest.path) holds no good record and is removed")
                try settings.disk.remove(newest.path)
                continue
            }
            let size = try file.size()
            if end < size {
                notices.append(
                    "\(newest.path) is cut off after sequence \(sequence - 1): "
                        + "\(size - end) bytes of no good record"
                )
                try file.truncate(to: end)
            }
            newest.size = end
            newest.index = index
            segments.append(newest)
            resume(file: file, window: try tail(of: newest, file))
            return
        }
    }

    /// A segment's index, the end of its good records, and the sequence that comes next.
    private static func check(
        _ segment: Segment, _ file: BrokerFile
    ) throws(FileError) -> (SparseIndex, end: Int, next: UInt64) {
        var index = SparseIndex()
        var reader = RecordReader(
            file, from: SegmentFormat.headerSize, sequence: segment.first, end: segment.size)
        while case .record(let record) = try reader.next() {
            index.note(record.sequence, at: record.offset)
        }
        return (index, reader.offset, reader.sequence)
    }

    /// The newest messages of a checked segment, as many as are kept in memory.
    private func tail(of segment: Segment, _ file: BrokerFile) throws(FileError) -> MessageWindow {
        let entries = segment.index?.entries ?? []
        let start = entries.first { segment.size - $0.offset <= settings.cachedBytes }
        guard let start = start ?? entries.last else { return MessageWindow() }
        var window = MessageWindow(first: start.sequence)
        var reader = RecordReader(
            file, from: start.offset, sequence: start.sequence, end: segment.size)
        while case .record(let record) = try reader.next() {
            window.append(reader.message(record).message, at: record.time)
            window.trim(toBytes: settings.cachedBytes)
        }
        return window
    }
}

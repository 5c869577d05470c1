import EventSourcing
import Glibc

/// A stream's messages: segment files, and the newest in memory. One thread at a time.
struct SegmentLog: Sendable {
    /// Bytes of records after which a batch is written and the next write begun.
    private static let maximumWrite = 4 * 1024 * 1024
    static let readOnly = O_RDONLY

    let folder: String
    let settings: SegmentBroker.Settings
    /// By first sequence; the last one is written to.
    var segments: [Segment] = []
    /// The newest messages, and the very newest unless all were given up.
    var window = MessageWindow()
    /// The oldest sequence kept.
    private(set) var first: UInt64 = 1
    /// What the stream holds at most, in place of what the settings say.
    var bounds: StreamBounds?
    /// Bytes of the oldest segment's records that are not kept any more, as far as that is known.
    private var trimmedBytes = 0
    /// What an operator should know; whoever holds the stream's lock takes it along and says it.
    var notices: [String] = []
    private var file: BrokerFile?
    private var mustRoll = false

    var last: UInt64 { window.last }

    /// An empty log; `SegmentLog+Opening` fills it from files.
    init(folder: String, settings: SegmentBroker.Settings) {
        self.folder = folder
        self.settings = settings
    }

    /// Goes on after what was found on opening.
    mutating func resume(file: BrokerFile?, window: MessageWindow) {
        self.file = file
        self.window = window
        first = segments.first?.first ?? window.first
    }

    /// Stores messages that are within the limits, one write for each 4 MiB.
    /// - Throws: what the system refuses; a prefix of the messages, whole writes, may be stored.
    mutating func append(_ messages: [BrokerMessage], at now: Timestamp) throws(FileError) {
        var rest = messages[...]
        while !rest.isEmpty {
            var bytes = 0
            let chunk = rest.prefix { message in
                defer { bytes += message.size }
                return bytes < Self.maximumWrite
            }
            try write(chunk, at: now)
            rest = rest.dropFirst(chunk.count)
        }
        retain(at: now)
    }

    private mutating func write(_ chunk: ArraySlice<BrokerMessage>, at now: Timestamp)
        throws(FileError)
    {
        let full = segments.last.map { isFull($0, at: now) } ?? false
        let isNew = file == nil || full || mustRoll
        guard let (target, begun) = try isNew ? roll(at: now) : current() else { return }
        var segment = begun
        let start = segment.size
        var bytes: [UInt8] = []
        bytes.reserveCapacity(chunk.reduce(64) { $0 + $1.size + SegmentFormat.recordHead })
        if isNew { bytes = header(of: segment).bytes }
        var sequence = last
        for message in chunk {
            sequence += 1
            segment.index?.note(sequence, at: start + bytes.count)
            SegmentFormat.append(message, sequence: sequence, at: now, to: &bytes)
        }
        do { try target.write(bytes, at: start) } catch {
            undo(target, to: start, isNew: isNew)
            throw error
        }
        segment.size = start + bytes.count
        if isNew { segments.append(segment) } else { segments[segments.count - 1] = segment }
        file = target
        mustRoll = false
        for message in chunk { window.append(message, at: now) }
        window.trim(toBytes: settings.cachedBytes)
    }

    private func current() -> (BrokerFile, Segment)? {
        guard let file, let segment = segments.last else { return nil }
        return (file, segment)
    }

    private func roll(at now: Timestamp) throws(FileError) -> (BrokerFile, Segment) {
        if segments.isEmpty { try settings.disk.createFolder(folder) }
        let segment = Segment(
            path: Self.path(of: last + 1, in: folder), first: last + 1, created: now, size: 0,
            index: SparseIndex())
        return (try settings.disk.open(segment.path, flags: O_RDWR | O_CREAT | O_TRUNC), segment)
    }

    private func header(of segment: Segment) -> BrokerFileHeader {
        BrokerFileHeader(kind: .segment, first: segment.first, created: segment.created)
    }

    /// Takes back a write that failed in the middle.
    private mutating func undo(_ target: BrokerFile, to size: Int, isNew: Bool) {
        do {
            if isNew {
                try settings.disk.remove(target.path)
            } else {
                try target.truncate(to: size)
            }
        } catch {
            // Never write over a tail that may look like records.
            mustRoll = true
            notices.append("\(error.unavailable)")
        }
    }

    /// Drops what is oldest until the stream is within its bounds.
    mutating func retain(at now: Timestamp) {
        guard let bounds else { return retainSegments(at: now) }
        while first <= last, exceeds(bounds, at: now) {
            if window.first <= first {
                trim(before: first + 1)
            } else if segments.count > 1 {
                trim(before: segments[1].first)
            } else {
                // The one that is written to is small against the bounds: it waits for its turn.
                return
            }
        }
    }

    /// Bytes of the records that are kept; of those in the oldest file alone it may be off by
    /// 64 KiB.
    var keptBytes: Int {
        let files = segments.reduce(0) { $0 + $1.size - SegmentFormat.headerSize }
        return first > last ? 0 : max(files - trimmedBytes, 0)
    }

    private func exceeds(_ bounds: StreamBounds, at now: Timestamp) -> Bool {
        if let most = bounds.bytes, keptBytes > most { return true }
        guard let age = bounds.age else { return false }
        if let oldest = window.stored(first) { return now - oldest.time > age }
        return segments.count > 1 && now - segments[1].created > age
    }

    /// Whether the file that is written to has enough: an eighth of what is kept at most.
    private func isFull(_ segment: Segment, at now: Timestamp) -> Bool {
        guard let bounds else { return segment.size >= settings.segmentBytes }
        let share = bounds.bytes.map { max($0 / 8, 64 * 1024) } ?? settings.segmentBytes
        if segment.size >= min(share, settings.segmentBytes) { return true }
        guard let age = bounds.age else { return false }
        return now - segment.created > max(age / 8, .seconds(1))
    }

    /// Gives up all before `sequence`, at most all there is: later ones keep their sequences.
    mutating func trim(before sequence: UInt64) {
        let sequence = min(sequence, last + 1)
        guard sequence > first else { return }
        if first >= window.first {
            for gone in first..<sequence {
                guard let message = window.stored(gone)?.message else { continue }
                trimmedBytes += SegmentFormat.recordHead + message.size
            }
        }
        let wasInMemory = first >= window.first
        first = sequence
        window.trim(before: sequence)
        while segments.count > 1, segments[1].first <= sequence { dropOldest() }
        if !wasInMemory, let start = segments.first?.index?.entry(for: sequence)?.offset {
            trimmedBytes = max(trimmedBytes, start - SegmentFormat.headerSize)
        }
    }

    /// Goes on where it is known to have been: all before `first` was given up, and where no file
    /// is left, `last` had been given.
    mutating func resume(first: UInt64, last: UInt64) {
        if segments.isEmpty, last > self.last {
            window = MessageWindow(first: last + 1)
            self.first = last + 1
        } else {
            if last > self.last {
                notices.append(
                    "\(folder): what was stored after \(self.last) and up to \(last) is lost")
            }
            trim(before: first)
        }
    }

    /// Drops the oldest segments until the files are within the settings' bounds; the one that is
    /// written to stays.
    private mutating func retainSegments(at now: Timestamp) {
        var total = segments.reduce(0) { $0 + $1.size }
        while segments.count > 1 {
            let isOld = settings.retainedAge.map { now - segments[1].created > $0 } ?? false
            guard total > settings.retainedBytes || isOld else { break }
            total -= segments[0].size
            dropOldest()
        }
    }

    private mutating func dropOldest() {
        let segment = segments.removeFirst()
        trimmedBytes = max(trimmedBytes - (segment.size - SegmentFormat.headerSize), 0)
        do { try settings.disk.remove(segment.path) } catch {
            notices.append("\(error.unavailable)")
        }
        first = max(first, segments.first?.first ?? window.first)
        window.trim(before: first)
    }

    /// Gives up a segment that cannot be read, and what is older; of the newest one what is in
    /// memory is still kept.
    mutating func giveUp(_ damaged: Segment, because why: String) {
        guard let at = segments.firstIndex(where: { $0.first == damaged.first }) else { return }
        for _ in 0..<min(at + 1, segments.count - 1) { dropOldest() }
        if segments.first?.first == damaged.first {
            first = window.first
            mustRoll = true
        }
        notices.append("\(damaged.path) is damaged: \(why); the stream begins with \(first) now")
    }

    /// The read that finds `sequence`, which is kept and not in memory.
    func read(from sequence: UInt64) -> SegmentRead? {
        guard let at = segments.lastIndex(where: { $0.first <= sequence }) else { return nil }
        let end = at + 1 < segments.count ? segments[at + 1].first - 1 : last
        return SegmentRead(
            segment: segments[at], from: sequence, last: end, disk: settings.disk)
    }

    /// Keeps an index that a read has built.
    mutating func keep(_ index: SparseIndex, for segment: Segment) {
        guard segment.index == nil,
            let at = segments.firstIndex(where: { $0.first == segment.first })
        else { return }
        segments[at].index = index
    }
}

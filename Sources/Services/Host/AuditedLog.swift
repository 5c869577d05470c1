import EventSourcing
import EventStore
import Messaging

/// What is wrong somewhere: the first hundred findings, and how many there are.
struct AuditFindings: Sendable {
    static let limit = 100

    private(set) var first: [String] = []
    private(set) var count = 0

    mutating func add(_ what: String) {
        count += 1
        if first.count < Self.limit { first.append(what) }
    }

    mutating func add(_ other: AuditFindings) {
        count += other.count
        first += other.first.prefix(Self.limit - first.count)
    }

    /// What is kept must be what follows from the events.
    mutating func compare(_ what: String, _ live: Set<String>, _ fresh: Set<String>) {
        for key in live.subtracting(fresh).sorted() { add("\(what): \(key) should not be") }
        for key in fresh.subtracting(live).sorted() { add("\(what): \(key) is missing") }
    }
}

/// What an audit makes of a service's streams, an event at a time.
protocol AuditFold {
    /// Folds the next event of a stream; events of other streams lie between.
    ///
    /// - Parameter isLast: the stream ends with it, by the version that is kept for it.
    /// - Throws: `unreadableEvent`; what the caller's notes throw.
    mutating func fold(_ event: ScannedEvent, of stream: StreamID, isLast: Bool)
        throws(StoreError)

    /// All events are folded: compares what is kept beside them.
    mutating func finish(_ queries: LogQueries, _ findings: inout AuditFindings)
        throws(StoreError)
}

/// One log, read once from its first event to its last, and checked event by event as of one
/// moment.
///
/// Memory holds the streams that are unfinished at one place of the log, whatever its length: a
/// stream is done with at the version that is kept for it.
struct AuditedLog {
    private struct OpenStream {
        let stream: StreamID
        let kept: Version
        var version = Version.none
    }

    /// Streams that go on behind the version that is kept; the most that are named.
    private static let overrunLimit = AuditFindings.limit

    private let path: String
    let queries: LogQueries
    /// How many events there are to read.
    let size: Int64
    /// How many events were read.
    private(set) var count = 0
    private(set) var tree = MerkleFrontier()
    private(set) var findings = AuditFindings()
    private var streams: [Int64: OpenStream] = [:]
    private var overruns: [Int64: OpenStream] = [:]
    private var streamCount: Int64 = 0
    private var position = Position.start
    private var time = Timestamp.epoch
    /// Told now and then how many events more were read.
    private let progress: (Int) -> Void

    /// Opens the file; all that is read of it later is as of now.
    init(path: String, progress: @escaping (Int) -> Void) throws(StoreError) {
        self.path = path
        queries = try LogReader(path: path).queries
        self.progress = progress
        try queries.begin()
        // The first look at the file is the moment.
        size = try queries.head().value
    }

    /// Reads all of it, each stream folded by `fold`.
    ///
    /// - Throws: `unreadableEvent`, after all events were checked; `unusable`, `unreadable`.
    mutating func read(_ fold: inout some AuditFold) throws(StoreError) {
        var unreadable: StoreError?
        var scan = try LogScan(queries)
        while let event = try scan.next() {
            if let (stream, isLast) = try check(event), unreadable == nil {
                do throws(StoreError) {
                    try fold.fold(event, of: stream, isLast: isLast)
                } catch { unreadable = error }
            }
            count += 1
            if count % 2000 == 0 { progress(2000) }
        }
        progress(count % 2000)
        try checkEnd()
        if let unreadable { throw unreadable }
        try fold.finish(queries, &findings)
    }

    /// - Returns: the event's stream, and whether it ends here; nil for an event behind the end
    ///   that is kept.
    private mutating func check(_ event: ScannedEvent) throws(StoreError)
        -> (stream: StreamID, isLast: Bool)?
    {
        if event.position != position.next {
            findings.add("events are missing between \(position) and \(event.position)")
        }
        if event.recordedAt < time {
            findings.add("time runs backwards at event \(event.position)")
        }
        (position, time) = (event.position, event.recordedAt)
        tree.append(leaf: event.leaf)
        var open: OpenStream
        if let known = streams[event.key] { open = known } else { open = try find(event) }
        if event.computedLeaf(of: open.stream) != event.leaf {
            findings.add(
                "event \(event.identity) (\(open.stream), \(event.type.name)) was changed: its "
                    + "bytes do not fit its leaf")
        }
        let expected = Version(open.version.value + 1)
        open.version = event.version
        if event.version > open.kept, event.version != expected {
            // A stream that was done with: it goes on behind what is kept.
            if overruns.count < Self.overrunLimit || overruns[event.key] != nil {
                overruns[event.key] = open
            }
            return nil
        }
        if event.version != expected {
            findings.add("\(open.stream) has no version \(expected)")
        }
        let isLast = event.version >= open.kept
        streams[event.key] = isLast ? nil : open
        return (open.stream, isLast)
    }

    /// A stream whose first event this is, or that was done with before.
    private mutating func find(_ event: ScannedEvent) throws(StoreError) -> OpenStream {
        guard let (stream, kept) = try queries.stream(key: event.key) else {
            throw .unusable(
                path: path,
                why: "event \(event.position) of \(queries.name) is damaged; restore a backup")
        }
        if event.version <= kept { streamCount += 1 }
        return OpenStream(stream: stream, kept: kept)
    }

    private mutating func checkEnd() throws(StoreError) {
        if let stored = try queries.storedTree(), stored != tree {
            findings.add("the tree over all leaves is not the one that was kept")
        }
        for open in (Array(streams.values) + overruns.values).sorted(by: { $0.stream < $1.stream })
        {
            add(open.stream, kept: open.kept, end: open.version)
        }
        // Where all agree, that they are as many is enough.
        let kept = try queries.countStreams()
        guard findings.count > 0 || kept != streamCount else { return }
        for (stream, kept) in try queries.emptyStreams(limit: AuditFindings.limit) {
            add(stream, kept: kept, end: .none)
        }
    }

    private mutating func add(_ stream: StreamID, kept: Version, end: Version) {
        findings.add("\(stream) is kept at version \(kept), its events end at \(end)")
    }
}

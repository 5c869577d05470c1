import EventSourcing
package import EventStore
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
    /// - Parameter isLast: the stream ends with it, by its greatest version.
    /// - Throws: `unreadableEvent`; what the caller's notes throw.
    mutating func fold(_ event: ScannedEvent, of stream: StreamID, isLast: Bool)
        throws(StoreError)

    /// All events are folded: compares what is kept beside them.
    mutating func finish(_ queries: LogQueries, _ findings: inout AuditFindings)
        throws(StoreError)
}

/// The root of a log's tree when it had so many leaves, as somebody has kept it.
package struct KeptRoot: Hashable, Sendable {
    package let size: Int64
    package let root: Digest

    package init(size: Int64, root: Digest) { (self.size, self.root) = (size, root) }
}

/// Events whose leaves are computed together, which is quicker than one after the other.
private struct LeafBatch {
    /// So many events at once, and bytes at most, but for one event's.
    private static let size = (events: 256, bytes: 1_000_000)

    /// What the tree must have been once.
    let kept: KeptRoot?
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    private var stored: [Digest] = []
    private var events: [(identity: EventIdentity, stream: StreamID, type: EventType)] = []

    init(_ kept: KeptRoot?) { self.kept = kept }

    var isFull: Bool { events.count >= Self.size.events || bytes.count >= Self.size.bytes }

    mutating func add(_ event: ScannedEvent, of stream: StreamID) {
        event.appendLeafBytes(of: stream, to: &bytes)
        ends.append(bytes.count)
        stored.append(event.leaf)
        events.append((event.identity, stream, event.type))
    }

    /// Compares what was added with what is stored, and goes on with none.
    mutating func check(_ tree: inout MerkleFrontier, _ findings: inout AuditFindings) {
        let computed = MerkleTree.leaves(bytes, ends: ends)
        for index in computed.indices where computed[index] != stored[index] {
            let event = events[index]
            findings.add(
                "event \(event.identity) (\(event.stream), \(event.type.name)) was changed: its "
                    + "bytes do not fit its leaf")
        }
        grow(&tree, &findings)
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        stored.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: true)
    }

    private func grow(_ tree: inout MerkleFrontier, _ findings: inout AuditFindings) {
        guard let kept, tree.size < kept.size, tree.size + Int64(stored.count) >= kept.size else {
            return tree.append(leaves: stored)
        }
        let part = Int(kept.size - tree.size)
        tree.append(leaves: Array(stored[..<part]))
        if tree.root != kept.root {
            findings.add(
                "its first \(kept.size) events are not those that the kept root "
                    + "\(kept.root.hex) is of: the past was changed, or ended before them once, "
                    + "and a new epoch went on")
        }
        tree.append(leaves: Array(stored[part...]))
    }
}

/// One log, read once from its first event to its last, and checked event by event as of one
/// moment.
///
/// Memory holds the streams that are unfinished at one place of the log, whatever its length: a
/// stream is done with at its greatest version.
struct AuditedLog {
    private struct OpenStream {
        let stream: StreamID
        let last: Version
        var version = Version.none
    }

    private let path: String
    let queries: LogQueries
    /// How many events there are to read.
    let size: Int64
    /// How many events were read.
    private(set) var count = 0
    private(set) var tree = MerkleFrontier()
    private(set) var findings = AuditFindings()
    private var leaves: LeafBatch
    private var streams: [Int64: OpenStream] = [:]
    private var streamCount: Int64 = 0
    private var position = Position.start
    private var time = Timestamp.epoch
    /// Told now and then how many events more were read.
    private let progress: (Int) -> Void

    /// Opens the file; all that is read of it later is as of now.
    ///
    /// - Parameter kept: what its tree must have been once.
    init(path: String, kept: KeptRoot?, progress: @escaping (Int) -> Void) throws(StoreError) {
        self.path = path
        leaves = LeafBatch(kept)
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
            let (stream, isLast) = try check(event)
            if unreadable == nil {
                do throws(StoreError) {
                    try fold.fold(event, of: stream, isLast: isLast)
                } catch { unreadable = error }
            }
            count += 1
            if count % 2000 == 0 { progress(2000) }
        }
        progress(count % 2000)
        leaves.check(&tree, &findings)
        try checkEnd()
        if let unreadable { throw unreadable }
        try fold.finish(queries, &findings)
    }

    /// - Returns: the event's stream, and whether it ends here.
    private mutating func check(_ event: ScannedEvent) throws(StoreError)
        -> (stream: StreamID, isLast: Bool)
    {
        if event.position != position.next {
            findings.add("events are missing between \(position) and \(event.position)")
        }
        if event.recordedAt < time {
            findings.add("time runs backwards at event \(event.position)")
        }
        (position, time) = (event.position, event.recordedAt)
        var open: OpenStream
        if let known = streams[event.key] { open = known } else { open = try find(event) }
        leaves.add(event, of: open.stream)
        if leaves.isFull { leaves.check(&tree, &findings) }
        let expected = Version(open.version.value + 1)
        if event.version != expected {
            findings.add("\(open.stream) has no version \(expected)")
        }
        open.version = event.version
        let isLast = event.version >= open.last
        streams[event.key] = isLast ? nil : open
        return (open.stream, isLast)
    }

    /// A stream whose first event this is, or that was done with before.
    private mutating func find(_ event: ScannedEvent) throws(StoreError) -> OpenStream {
        guard let (stream, last) = try queries.stream(key: event.key) else {
            throw .unusable(
                path: path,
                why: "event \(event.position) of \(queries.name) is damaged; restore a backup")
        }
        streamCount += 1
        return OpenStream(stream: stream, last: last)
    }

    private mutating func checkEnd() throws(StoreError) {
        if let kept = leaves.kept, tree.size < kept.size {
            findings.add(
                "it has \(tree.size) events, and had \(kept.size) when its root was kept: the "
                    + "newest are lost")
        }
        if let stored = try queries.storedTree(), stored != tree {
            findings.add("the tree over all leaves is not the one that was kept")
        }
        // Where all agree, that they are as many is enough.
        let kept = try queries.countStreams()
        guard findings.count > 0 || kept != streamCount else { return }
        for stream in try queries.emptyStreams(limit: AuditFindings.limit) {
            findings.add("\(stream) has no events")
        }
    }
}

public import EventSourcing
import SQLite

/// A stream that was looked up: whoever keeps it need not find it again by its name. Belongs to the
/// log's thread.
@usableFromInline package final class KnownStream {
    let stream: StreamID
    let name: StreamKey
    /// The key of its row; nil while it has no event.
    var key: Int64?
    /// As it is on the disk.
    var committed: Version
    /// With what the running transaction has appended.
    @usableFromInline package internal(set) var version: Version
    /// Whether its row must be written yet.
    var isNew = false
    /// Whether the running transaction looked for it and found nothing.
    var isFresh: Bool
    /// Whether the running transaction has changed it.
    var isPending = false
    /// Whether another may stand for the same stream by now: this one must be found by its name.
    var isForgotten = false

    init(
        _ stream: StreamID, key: Int64? = nil, version: Version = .none, isFresh: Bool = false
    ) {
        (self.stream, self.name) = (stream, StreamKey(stream))
        (self.key, self.isFresh) = (key, isFresh)
        (committed, self.version) = (version, version)
    }
}

/// The streams that were looked up lately, by name; a cache that forgets what was not used for
/// long, and tells those who keep it.
struct KnownStreams {
    /// So many may come before the older ones are forgotten.
    private static let half = 6_000

    private var young: [StreamKey: KnownStream] = [:]
    private var old: [StreamKey: KnownStream] = [:]
    /// How many of the young ones were kept when others were forgotten.
    private var kept = 0

    mutating func find(_ name: StreamKey) -> KnownStream? {
        if let stream = young[name] { return stream }
        guard let stream = old.removeValue(forKey: name) else { return nil }
        insert(stream)
        return stream
    }

    mutating func insert(_ stream: KnownStream) {
        young[stream.name] = stream
        guard young.count >= Self.half + kept else { return }
        // What the running transaction has changed is known nowhere else yet.
        let pending = old.filter { $0.value.isPending }
        for stream in old.values { stream.isForgotten = !stream.isPending }
        (old, young, kept) = (young, pending, pending.count)
    }

    mutating func removeAll() {
        for stream in young.values { stream.isForgotten = true }
        for stream in old.values { stream.isForgotten = true }
        (young, old, kept) = ([:], [:], 0)
    }
}

extension EventLog {
    /// Notes that the open transaction changes a stream; returns its key.
    func change(_ stream: KnownStream) -> Int64 {
        let key = stream.key ?? nextStreamKey
        if stream.key == nil {
            nextStreamKey += 1
            (stream.key, stream.isNew) = (key, true)
        }
        if !stream.isPending {
            stream.isPending = true
            pending.append(stream)
        }
        journal.append((stream, stream.version))
        return key
    }

    /// Takes back all appends after the first `mark` of the open transaction.
    func takeBack(to mark: Int) {
        for (stream, version) in journal[mark...].reversed() { stream.version = version }
        journal.removeSubrange(mark...)
    }

    /// Writes the rows of streams that the transaction has begun.
    func writeStreams() throws(SQLiteError) {
        // One that was there before a savepoint was taken back is offered again.
        let insert = try connection.statement(
            "INSERT INTO streams(key, name) VALUES (?1, ?2) ON CONFLICT(key) DO NOTHING")
        for stream in pending where stream.isNew && stream.version > .none {
            guard let key = stream.key else { continue }
            try insert.bind(1, key)
            try insert.bind(2, stream.stream.description)
            try insert.run()
            stream.isNew = false
        }
    }

    /// Has all streams of the transaction written again, as their rows may have been taken back.
    func renewStreams() { for stream in pending { stream.isNew = true } }

    /// The transaction is over: what it did to streams counts, or never was.
    func settleStreams(_ isCommitted: Bool) {
        for stream in fresh.values { stream.isForgotten = !isCommitted || stream.version == .none }
        for stream in pending {
            (stream.isPending, stream.isNew) = (false, false)
            if isCommitted {
                stream.committed = stream.version
            } else {
                stream.version = stream.committed
            }
            if stream.isFresh, !stream.isForgotten { streams.insert(stream) }
            stream.isFresh = false
        }
        // To empty a dictionary takes as long as it once was large.
        fresh.removeAll(keepingCapacity: fresh.capacity < 1000)
        pending.removeAll(keepingCapacity: true)
        journal.removeAll(keepingCapacity: true)
        effects.settle(isCommitted)
    }
}

package import EventSourcing

/// What a stream holds at most, nil for any number; whatever is over is lost from the oldest on.
package struct StreamBounds: Hashable, Sendable {
    /// Of its records. Exact for what is in memory; what is only in files goes a file at once, an
    /// eighth of it.
    package var bytes: Int?
    /// As exact as `bytes`.
    package var age: Duration?

    package init() {}
}

/// How far a stream reaches.
package struct StreamExtent: Sendable {
    /// The oldest sequence kept; `last + 1` where nothing is.
    package let first: UInt64
    package let last: UInt64
    /// Bytes of the records that are kept.
    package let bytes: Int
    /// When the newest message was stored, where it is kept.
    package let newest: Timestamp?
}

/// What a wire's server needs of a stream: any part of it, and a say in what is kept.
extension SegmentStream {
    package var extent: StreamExtent {
        change {
            StreamExtent(
                first: $0.log.first, last: $0.log.last, bytes: $0.log.keptBytes,
                newest: $0.log.window.stored($0.log.last)?.time)
        }
    }

    /// Messages from `sequence` on whose subjects are wanted: at most `limit` and about 4 MiB.
    ///
    /// - Returns: them in order, and how far was looked; fewer than there are where a file ends,
    ///   but something is always looked at unless `sequence` is beyond the last one.
    /// - Throws: `unavailable` where a file cannot be read for now.
    package func read(from sequence: UInt64, limit: Int, wants: (String) -> Bool)
        throws(BrokerError) -> (messages: [StoredMessage], through: UInt64)
    {
        while true {
            let plan = change { (core) -> ReadPlan in
                let from = max(sequence, core.log.first)
                if from < core.log.window.first, let read = core.log.read(from: from) {
                    return .file(read)
                }
                let (found, through) = core.log.window.read(from: from, limit: limit, wants)
                return .memory(found, through: through)
            }
            switch plan {
            case .memory(let found, let through): return (found, max(through, sequence - 1))
            case .file(let read):
                guard let found = try run(read, limit: limit, wants) else { continue }
                return found
            }
        }
    }

    /// - Returns: nil where the file was given up, so that the stream begins later now.
    private func run(
        _ read: SegmentRead, limit: Int, _ wants: (String) -> Bool
    ) throws(BrokerError) -> (messages: [StoredMessage], through: UInt64)? {
        let outcome: SegmentRead.Outcome
        do throws(FileError) { outcome = try read.run(limit: limit, wants: wants) } catch {
            throw error.unavailable
        }
        switch outcome {
        case .damaged(let why):
            change { $0.log.giveUp(read.segment, because: why) }
            return nil
        case .found(let messages, let through, let index):
            change { $0.log.keep(index, for: read.segment) }
            return (messages, through)
        }
    }

    /// One message; nil where it is not kept.
    package func message(at sequence: UInt64) throws(BrokerError) -> StoredMessage? {
        let found = change { ($0.log.first, $0.log.last, $0.log.window.stored(sequence)) }
        guard sequence >= found.0, sequence <= found.1 else { return nil }
        if let message = found.2 { return message }
        return try read(from: sequence, limit: 1, wants: { _ in true }).messages
            .first { $0.sequence == sequence }
    }

    /// The first message that was stored at or after a time; one beyond the last where none was.
    package func sequence(at time: Timestamp) throws(BrokerError) -> UInt64 {
        var (at, last) = change { core in
            let begun = core.log.segments.last { $0.created < time }?.first
            return (max(begun ?? core.log.first, core.log.first), core.log.last)
        }
        while at <= last {
            let (messages, through) = try read(from: at, limit: 1024, wants: { _ in true })
            if let found = messages.first(where: { $0.time >= time }) { return found.sequence }
            at = through + 1
            last = extent.last
        }
        return at
    }

    /// Bounds what the stream holds, from now on and at once, in place of what the broker's
    /// settings say.
    package func bound(_ bounds: StreamBounds) {
        change {
            $0.log.bounds = bounds
            $0.log.retain(at: runtime.now())
        }
    }

    /// Gives up what is too old by now.
    package func retain() { change { $0.log.retain(at: runtime.now()) } }

    /// Gives up all before `sequence`; later ones keep their sequences. The next start has it
    /// again where it is in the file that is written to, unless it is told by `resume`.
    package func trim(before sequence: UInt64) { change { $0.log.trim(before: sequence) } }

    /// Makes known that all before `first` was given up, and that `last` had been given.
    package func resume(first: UInt64, last: UInt64) {
        change { $0.log.resume(first: first, last: last) }
    }

    /// Has somebody told, on the publisher's thread, when there is something new.
    package func listen(_ listener: (@Sendable () -> Void)?) {
        core.withLock { $0.listener = listener }
    }

    /// Wakes all that wait for it: it is about to be removed.
    func close() { core.wakeAll() }
}

private enum ReadPlan {
    case memory([StoredMessage], through: UInt64)
    case file(SegmentRead)
}

extension MessageWindow {
    /// What is wanted of the window from `sequence` on, and how far was looked.
    func read(from sequence: UInt64, limit: Int, _ wants: (String) -> Bool)
        -> ([StoredMessage], through: UInt64)
    {
        var found: [StoredMessage] = []
        var (at, bytes) = (max(sequence, first), 0)
        while found.count < limit, bytes < BrokerRules.maximumFetch, let stored = stored(at) {
            if wants(stored.message.subject) {
                found.append(stored)
                bytes += stored.message.size
            }
            at += 1
        }
        return (found, at - 1)
    }
}

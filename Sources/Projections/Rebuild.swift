import EventSourcing
import EventStore
package import Messaging
import SQLite

/// Brings an engine from its checkpoints to others by the feeds alone, in whatever mixture of the
/// logs.
///
/// One thread reads and understands the events; the caller's folds them, and writes a row when many
/// have changed.
struct Rebuild {
    let engine: ProjectionEngine
    let feeds: [(source: Source, feed: any Feed)]
    /// How far each source is read; one that is not named is not read. Nil reads all that the
    /// feeds have.
    let targets: [String: Checkpoint]?
    /// Asked now and then; false ends it with `.cancelled`.
    var goOn: () -> Bool = { true }

    /// - Parameter seed: decides how the logs are mixed.
    func run(seed: UInt64) throws(ComparisonError) {
        // 32 MB for as long: the pages of many orders are written at once.
        resize(kibibytes: 32_000)
        defer { resize(kibibytes: 8000) }
        while true {
            let parts = try missing()
            guard !parts.isEmpty else { return }
            let isWhole = try fold(PagesAhead(parts, seed: seed))
            // Without targets the feeds have no end: what came in meanwhile is not waited for.
            if isWhole, targets == nil { return }
        }
    }

    /// Gives SQLite's page cache a size; another one only costs time.
    private func resize(kibibytes: Int) {
        do throws(SQLiteError) {
            try engine.connection.execute("PRAGMA cache_size=-\(kibibytes)")
        } catch { return }
    }

    /// The logs that are not where they must come to; those that only begin a new epoch there are
    /// taken over into it.
    private func missing() throws(ComparisonError) -> [PagesAhead.Part] {
        var parts: [PagesAhead.Part] = []
        for (source, feed) in feeds {
            let checkpoint = engine.checkpoint(of: source)
            let target = targets?[source.description]
            if targets != nil {
                guard let target else { continue }
                if checkpoint.position >= target.position {
                    // What was read in an older epoch may be orphaned: only the feed tells.
                    let mustCross =
                        checkpoint.position == target.position && checkpoint.epoch < target.epoch
                    if mustCross { try cross(source, feed) }
                    continue
                }
            }
            parts.append(
                PagesAhead.Part(source: source, feed: feed, from: checkpoint, target: target))
        }
        return parts
    }

    /// Folds what was read, until there is none or a log must be taken over into another epoch.
    ///
    /// - Returns: whether all was folded.
    private func fold(_ pages: PagesAhead) throws(ComparisonError) -> Bool {
        defer { pages.stop() }
        while true {
            var failure: ComparisonError?
            let folded = engine.fold { () -> ReadPage? in
                guard goOn() else {
                    failure = .cancelled
                    return nil
                }
                do throws(ComparisonError) {
                    return try pages.next()
                } catch {
                    failure = error
                    return nil
                }
            }
            if let failure { throw failure }
            switch folded {
            case .full: continue
            case .over: return true
            case .failed(let why): throw .stopped(why)
            case .refused(let source, let output):
                try mend(source, output)
                return false
            }
        }
    }

    /// Goes on behind a page that was not taken.
    private func mend(_ source: Source, _ output: EngineOutput<NoAnswer>) throws(ComparisonError) {
        switch output {
        case .stopped(let why), .unavailable(let why), .unknown(let why): throw .stopped(why)
        case .foreign:
            guard let feed = feeds.first(where: { $0.source == source })?.feed else { return }
            let checkpoint = engine.checkpoint(of: source)
            try cross(source, feed)
            guard engine.checkpoint(of: source).epoch > checkpoint.epoch else {
                throw .changed("\(source) changed its epoch while it was read")
            }
        case .gap, .at, .keyReused, .answer, .taken, .done, .parked:
            throw .changed("\(source) changed while it was read")
        }
    }

    /// Goes on in the next epoch, where the feed says that it begins right here.
    private func cross(_ source: Source, _ feed: any Feed) throws(ComparisonError) {
        let checkpoint = engine.checkpoint(of: source)
        let verdict: CheckpointVerdict
        do throws(FeedError) {
            verdict = try feed.check(checkpoint)
        } catch { throw .unavailable(error.description) }
        switch verdict {
        case .good: return
        case .refused(let why): throw .unavailable(why)
        case .rewind(let epoch, let position, let leaf):
            guard position == checkpoint.position,
                case .done = engine.rewind(source, epoch, position, leaf, at: .epoch)
            else { throw .changed("\(source) changed its epoch while it was read") }
        }
    }
}

extension ReadStore {
    /// Folds all that the feeds have into the store, as a gateway does that has no rows yet.
    ///
    /// - Returns: how many events of all logs were looked at.
    package func fill(
        from feeds: [(source: Source, feed: any Feed)],
        notice: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(ComparisonError) -> Int64 {
        let engine: ProjectionEngine
        do throws(SQLiteError) {
            engine = try ProjectionEngine(
                store: self, sources: feeds.map(\.source), notice: notice)
        } catch { throw .unreadable(error.description) }
        try Rebuild(engine: engine, feeds: feeds, targets: nil).run(seed: 1)
        return engine.eventsRead
    }
}

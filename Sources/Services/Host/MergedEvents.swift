import EventSourcing
import EventStore

/// Several services' events in one order: by recorded time; at the same time those of one log by
/// position, a cause before its effect, then by the services' order. A page of each is in memory.
struct MergedEvents {
    /// Reads the events of one service after a place in it, at most so many; none where there are
    /// no more for now.
    typealias Page = (Int64, Int) throws -> [StoredRecord]

    private struct Source {
        let log: LogName
        let page: Page
        /// Where the next page is read from: of a log a position, of a stream a version.
        var place: Int64
        let key: (StoredRecord) -> Int64
        var waiting: ArraySlice<StoredRecord> = []
        /// Whether the last page was not full: there is nothing more for now.
        var isDry = false
    }

    /// Small, as an event may be hundreds of kilobytes.
    private static let pageSize = 100
    private var sources: [Source] = []

    /// - Parameters:
    ///   - place: where to begin; 0 for the first event.
    ///   - key: what `page` is told to read on from a record.
    mutating func add(
        _ log: LogName, after place: Int64 = 0, key: @escaping (StoredRecord) -> Int64,
        page: @escaping Page
    ) {
        sources.append(Source(log: log, page: page, place: place, key: key))
    }

    /// The next event; nil where there is none for now, later there may be.
    mutating func next() throws -> StoredRecord? {
        try fill()
        guard let time = sources.compactMap({ $0.waiting.first?.recordedAt }).min() else {
            return nil
        }
        let due = sources.indices.filter { sources[$0].waiting.first?.recordedAt == time }
            .sorted { place($0) < place($1) }
        // Causes never run in a circle; where a damaged file says so, the order of logs decides.
        let chosen = due.first { !isEarlierWaiting($0) && !isCauseWaiting($0) } ?? due.first
        return chosen.flatMap { sources[$0].waiting.popFirst() }
    }

    /// Reads on where somebody has come to the end of a page, or all have.
    private mutating func fill() throws {
        let isDue = sources.contains { $0.waiting.isEmpty && !$0.isDry }
        guard isDue || sources.allSatisfy({ $0.waiting.isEmpty }) else { return }
        var hasFound = true
        // As long as something comes: what led to it was on record before, perhaps in a log that
        // was asked too early.
        while hasFound {
            hasFound = false
            for index in sources.indices where sources[index].waiting.isEmpty {
                let page = try sources[index].page(sources[index].place, Self.pageSize)
                sources[index].isDry = page.count < Self.pageSize
                guard let last = page.last else { continue }
                sources[index].place = sources[index].key(last)
                sources[index].waiting = page[...]
                hasFound = true
            }
        }
    }

    /// What decides among events of the same time.
    private func place(_ index: Int) -> (Int, Int64) {
        let rank = Wiring.logs.firstIndex(of: sources[index].log) ?? Wiring.logs.count
        return (rank, sources[index].waiting.first?.position.value ?? 0)
    }

    /// Whether an earlier event of the same log and time is still to come from another source.
    private func isEarlierWaiting(_ index: Int) -> Bool {
        guard let record = sources[index].waiting.first else { return false }
        return sources.contains { source in
            guard source.log == record.identity.log, let head = source.waiting.first else {
                return false
            }
            return head.recordedAt == record.recordedAt && head.position < record.position
        }
    }

    /// Whether the event that led to this source's next one is still to come from another log.
    private func isCauseWaiting(_ index: Int) -> Bool {
        guard let record = sources[index].waiting.first,
            let metadata = try? Metadata(JSON(parsing: record.metadata)),
            let cause = metadata.cause
        else { return false }
        return sources.contains { source in
            guard source.log == cause.log, source.log != record.identity.log,
                let head = source.waiting.first
            else { return false }
            return head.recordedAt == record.recordedAt && head.identity.epoch <= cause.epoch
                && head.position <= cause.position
        }
    }
}

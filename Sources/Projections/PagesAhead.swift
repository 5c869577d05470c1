import EventSourcing
package import EventStore
package import Messaging

/// A page of a log's facts, and what each of them means.
package struct ReadPage: Sendable {
    let source: Source
    package let page: FeedPage
    let facts: [Result<OrderFact, UnreadableEvent>]

    init(_ page: FeedPage, of source: Source) {
        (self.source, self.page) = (source, page)
        facts = page.messages.map { message in
            Result { () throws(UnreadableEvent) in try OrderFact(message) }
        }
    }

    /// What a page counts for where memory is bounded: its data, and some for each message.
    fileprivate var weight: Int { page.messages.reduce(0) { $0 + $1.data.count + 500 } }
}

/// Pages of several logs, read and understood ahead by a thread of its own, a bounded number of
/// them.
///
/// The log that is behind the others by recorded time comes first, so that the events of one order
/// lie close together; now and then another one does, as a seed says.
package final class PagesAhead: Sendable {
    /// A log that is read from a position to another.
    package struct Part {
        let source: Source
        let feed: any Feed
        let from: Checkpoint
        let target: Checkpoint?

        /// - Parameter target: nil for all that the feed has.
        package init(source: Source, feed: any Feed, from: Checkpoint, target: Checkpoint?) {
            self.source = source
            self.feed = feed
            self.from = from
            self.target = target
        }
    }

    /// The most that waits to be taken; one page more may have been read.
    private static let waiting = 4_000_000

    private struct State: Sendable {
        var pages: [ReadPage] = []
        var weight = 0
        var failure: ComparisonError?
        var isOver = false
        var isStopping = false
    }

    /// How far the thread has read one log.
    private struct Progress: Sendable {
        let source: Source
        let feed: any Feed
        let epoch: Epoch
        let target: Checkpoint?
        var position: Position
        var time = Timestamp.epoch
    }

    private let state = Monitor(State())
    private let worker: Worker

    package init(_ parts: [Part], seed: UInt64) {
        let logs = parts.map {
            Progress(
                source: $0.source, feed: $0.feed, epoch: $0.from.epoch, target: $0.target,
                position: $0.from.position)
        }
        worker = Worker("pages-ahead") { [state] in Self.read(logs, seed: seed, into: state) }
    }

    /// The next page; nil behind the last, and where a log begins another epoch.
    package func next() throws(ComparisonError) -> ReadPage? {
        let found = state.wait(until: .now() + .seconds(86_400)) {
            (state) -> Monitor<State>.Look<Result<ReadPage?, ComparisonError>> in
            if !state.pages.isEmpty {
                let page = state.pages.removeFirst()
                state.weight -= page.weight
                return .done(.success(page))
            }
            if let failure = state.failure { return .done(.failure(failure)) }
            return state.isOver ? .done(.success(nil)) : .wait(atMost: nil)
        }
        state.wakeAll()
        return try found?.get()
    }

    /// Ends the thread, and waits for it. Called once.
    package func stop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        worker.join()
    }

    private static func read(_ logs: [Progress], seed: UInt64, into state: Monitor<State>) {
        var (logs, seed) = (logs, seed)
        var failure: ComparisonError?
        do throws(ComparisonError) {
            while !logs.isEmpty {
                let index = choose(logs, &seed)
                let page = try read(&logs[index])
                let log = logs[index]
                guard put(ReadPage(page, of: log.source), into: state) else { return }
                // The reader must go over to the next epoch first.
                if page.epoch > log.epoch { break }
                let isWhole = log.target.map { log.position >= $0.position } ?? !page.hasMore
                if isWhole { logs.remove(at: index) }
            }
        } catch { failure = error }
        state.withLock { state in
            state.failure = failure
            state.isOver = true
        }
        state.wakeAll()
    }

    private static func choose(_ logs: [Progress], _ seed: inout UInt64) -> Int {
        let random = SplitMix64.next(&seed)
        if random % 4 == 0 { return Int(random / 4 % UInt64(logs.count)) }
        return logs.indices.min { logs[$0].time < logs[$1].time } ?? 0
    }

    /// Reads a log's next page, and cuts off what is behind its target.
    private static func read(_ log: inout Progress) throws(ComparisonError) -> FeedPage {
        var page: FeedPage
        do throws(FeedError) {
            page = try log.feed.read(log.source.channel, after: log.position)
        } catch { throw .unavailable(error.description) }
        if let target = log.target {
            guard page.hasMore || page.through >= target.position else {
                throw .behind(log.source, has: page.through, wants: target.position)
            }
            if page.through > target.position {
                page = FeedPage(
                    after: page.after,
                    messages: page.messages.filter { $0.identity.position <= target.position },
                    through: target.position, epoch: page.epoch, leaf: target.leaf,
                    hasMore: false)
            }
        }
        log.position = max(log.position, page.through)
        if let last = page.messages.last { log.time = last.recordedAt }
        return page
    }

    /// - Returns: false where nobody wants more.
    private static func put(_ page: ReadPage, into state: Monitor<State>) -> Bool {
        let weight = page.weight
        let isTaken = state.wait(until: .now() + .seconds(86_400)) {
            (state) -> Monitor<State>.Look<Bool> in
            if state.isStopping { return .done(false) }
            guard state.weight < waiting else { return .wait(atMost: nil) }
            state.pages.append(page)
            state.weight += weight
            return .done(true)
        }
        state.wakeAll()
        return isTaken ?? false
    }
}

/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (2014).
enum SplitMix64 {
    static func next(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

import EventSourcing
import EventStore

/// Brings one source's bulletins to whoever applies them, without threads: what it is told decides
/// its next request.
///
/// It shows the source's feed its checkpoint first; fetches from the broker; fills gaps from the
/// feed; acknowledges only what was applied. It never skips: what was fetched behind a gap is
/// offered again after the gap is filled.
package struct Courier {
    /// What the courier wants done next.
    package enum Request: Sendable {
        /// Show the source's feed this checkpoint.
        case check
        /// Read the feed after the checkpoint.
        case readFeed
        /// Fetch from the broker.
        case fetch
        /// Apply what was fetched.
        case offer([Delivered])
        /// Acknowledge what was applied.
        case acknowledge(through: UInt64)
        /// Say that what was fetched was not applied; it comes again after a pause.
        case reject(from: UInt64)
        /// The source stands still; look again after a pause.
        case rest(String)
    }

    package let source: Source
    package let subscription: Subscription
    private var hasChecked = false
    private var fetched: [Delivered] = []
    private var applied: UInt64?
    private var hasGap = false
    /// Whether the feed had nothing for the gap.
    private var isAtEnd = false
    private var standstill: String?
    private var mustReject = false

    /// - Parameter consumer: the durable name at the broker.
    package init(source: Source, consumer: String) {
        self.source = source
        subscription = Subscription(
            stream: source.stream, consumer: consumer, filter: source.subject)
    }

    package var next: Request {
        if let standstill { return .rest(standstill) }
        if !hasChecked { return .check }
        if mustReject, let first = fetched.first { return .reject(from: first.sequence) }
        if hasGap { return .readFeed }
        if let applied { return .acknowledge(through: applied) }
        return fetched.isEmpty ? .fetch : .offer(fetched)
    }

    package mutating func didCheck(_ verdict: CheckpointVerdict) {
        switch verdict {
        case .good: hasChecked = true
        // The new checkpoint is shown again: several epochs may have passed.
        case .rewind: break
        case .refused(let why): standstill = why
        }
    }

    package mutating func didRest() {
        standstill = nil
        hasChecked = false
    }

    package mutating func didFetch(_ deliveries: [Delivered]) {
        (fetched, isAtEnd) = (deliveries, false)
    }

    /// A page was read and applied.
    ///
    /// - Parameter advanced: whether it goes beyond where the reader was.
    package mutating func didReadFeed(hasMore: Bool, advanced: Bool) {
        (hasGap, isAtEnd) = (hasMore, !advanced)
    }

    package mutating func didAcknowledge() {
        applied = nil
        fetched = []
    }

    package mutating func didReject() {
        mustReject = false
        fetched = []
    }

    /// What came of offering the fetched bulletins, or a page of the feed.
    package mutating func didOffer<Answer>(_ output: EngineOutput<Answer>) {
        switch output {
        case .taken, .done: applied = fetched.last?.sequence
        // The rest of an old epoch may be missing: only the feed tells where it ends. And what lies
        // behind a gap may be of a part that a new epoch has orphaned, which no feed fills.
        case .gap where isAtEnd:
            isAtEnd = false
            standstill = "\(source) ends before what the broker holds of it"
        case .gap, .foreign:
            hasChecked = false
            hasGap = true
        case .stopped(let why): standstill = why
        case .answer, .keyReused, .at, .unknown, .unavailable, .parked:
            mustReject = !fetched.isEmpty
        }
    }

    /// The reader died and came back: everything is asked anew.
    package mutating func restart() {
        hasChecked = false
        (hasGap, isAtEnd) = (false, false)
        applied = nil
        standstill = nil
        mustReject = !fetched.isEmpty
    }
}

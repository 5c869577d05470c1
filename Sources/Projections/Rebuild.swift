import EventSourcing
import EventStore
import Messaging

/// Brings an engine from its checkpoints to others by the feeds alone, in whatever mixture of the
/// logs.
struct Rebuild {
    let engine: ProjectionEngine
    let feeds: [(source: Source, feed: any Feed)]
    /// How far each source is read; one that is not named is not read.
    let targets: [String: Checkpoint]
    /// Asked after each page; false ends it with `.cancelled`.
    var goOn: () -> Bool = { true }

    /// - Parameter seed: decides which source's page is next.
    func run(seed: UInt64) throws(ComparisonError) {
        var seed = seed
        var open = feeds
        while !open.isEmpty {
            let index = Int(Self.next(&seed) % UInt64(open.count))
            if try step(open[index].source, open[index].feed) { open.remove(at: index) }
            guard goOn() else { throw .cancelled }
        }
    }

    /// Folds one page; true when the source is where it must come to.
    private func step(_ source: Source, _ feed: any Feed) throws(ComparisonError) -> Bool {
        guard let target = targets[source.description] else { return true }
        let checkpoint = engine.checkpoint(of: source)
        let position = checkpoint.position
        guard position < target.position else {
            // What was read in an older epoch may be orphaned: only the feed tells.
            let mustCross = position == target.position && checkpoint.epoch < target.epoch
            if mustCross { try cross(source, feed) }
            return true
        }
        var page: FeedPage
        do throws(FeedError) {
            page = try feed.read(source.channel, after: position)
        } catch { throw .unavailable(error.description) }
        guard page.hasMore || page.through >= target.position else {
            throw .behind(source, has: page.through, wants: target.position)
        }
        if page.through > target.position {
            page = FeedPage(
                after: page.after,
                messages: page.messages.filter { $0.identity.position <= target.position },
                through: target.position, epoch: page.epoch, leaf: target.leaf, hasMore: false)
        }
        switch engine.take(page, of: source, at: .epoch) {
        case .taken, .done: return false
        case .stopped(let why), .unavailable(let why), .unknown(let why): throw .stopped(why)
        case .foreign:
            try cross(source, feed)
            guard engine.checkpoint(of: source).epoch > checkpoint.epoch else {
                throw .changed("\(source) changed its epoch while it was read")
            }
            return false
        case .gap, .at, .keyReused, .answer:
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

    /// SplitMix64. Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators"
    /// (2014).
    private static func next(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

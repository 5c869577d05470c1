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

    /// - Parameter seed: decides which source's page is next.
    func run(seed: UInt64) throws(ComparisonError) {
        var seed = seed
        var open = feeds
        while !open.isEmpty {
            let index = Int(Self.next(&seed) % UInt64(open.count))
            if try step(open[index].source, open[index].feed) { open.remove(at: index) }
        }
    }

    /// Folds one page; true when the source is where it must come to.
    private func step(_ source: Source, _ feed: any Feed) throws(ComparisonError) -> Bool {
        guard let target = targets[source.description] else { return true }
        let position = engine.checkpoint(of: source).position
        guard position < target.position else { return true }
        var page: FeedPage
        do throws(FeedError) {
            page = try feed.read(source.channel, after: position)
        } catch { throw .unreadable(error.description) }
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
        case .foreign: return try cross(source, feed)
        case .gap, .at, .keyReused, .answer:
            throw .unreadable("\(source) changed while it was read")
        }
    }

    /// Goes on in the next epoch, where the feed says that it begins right here.
    private func cross(_ source: Source, _ feed: any Feed) throws(ComparisonError) -> Bool {
        let checkpoint = engine.checkpoint(of: source)
        let verdict: CheckpointVerdict
        do throws(FeedError) {
            verdict = try feed.check(checkpoint)
        } catch { throw .unreadable(error.description) }
        guard case .rewind(let epoch, let position, let leaf) = verdict,
            position == checkpoint.position,
            case .done = engine.rewind(source, epoch, position, leaf, at: .epoch)
        else { throw .unreadable("\(source) changed its epoch while it was read") }
        return false
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

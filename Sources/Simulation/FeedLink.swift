package import EventSourcing
package import EventStore
package import Messaging
import Synchronization

/// A process's connection to another one that serves the feed of its log.
package final class FeedLink: Feed {
    private let process: String
    private let owner: String
    private let feed: any Feed
    private let network: SimulatedNetwork
    /// For what is planted: whether its reader does not hear of newer epochs.
    private let isDeaf = Atomic(false)

    package init(
        of process: String, to owner: LogName, _ feed: any Feed, over network: SimulatedNetwork
    ) {
        (self.process, self.owner, self.feed, self.network) = (process, owner.value, feed, network)
    }

    func deafen() { isDeaf.store(true, ordering: .relaxed) }

    private static let lost = FeedError.unavailable("simulated: no answer")

    package func read(
        _ channel: String, after position: Position, limit: Int
    ) throws(FeedError) -> FeedPage {
        try network.ask(owner, for: process, lost: Self.lost) { () throws(FeedError) in
            try feed.read(channel, after: position, limit: limit)
        }
    }

    package func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict {
        let verdict = try network.ask(owner, for: process, lost: Self.lost) {
            () throws(FeedError) in try feed.check(checkpoint)
        }
        if case .rewind = verdict, isDeaf.load(ordering: .relaxed) { return .good }
        return verdict
    }
}

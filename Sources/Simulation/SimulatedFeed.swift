import EventSourcing
import EventStore
import Messaging
import Synchronization

/// The feed that a process serves of its log: with the process its open files go.
final class SimulatedFeed: Feed {
    private let make: @Sendable () -> LogFeed
    private let serving = Mutex<LogFeed?>(nil)

    init(_ make: @escaping @Sendable () -> LogFeed) { self.make = make }

    func start() { serving.withLock { $0 = make() } }
    func stop() { serving.withLock { $0 = nil } }

    private var feed: LogFeed {
        get throws(FeedError) {
            guard let feed = serving.withLock({ $0 }) else {
                throw .unavailable("the service is down")
            }
            return feed
        }
    }

    func read(_ channel: String, after position: Position, limit: Int) throws(FeedError)
        -> FeedPage
    {
        try feed.read(channel, after: position, limit: limit)
    }

    func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict {
        try feed.check(checkpoint)
    }
}

import EventSourcing
import EventStore
import Messaging
import Testing

@Suite struct CourierTests {
    private static let source = Source(LogName("probe"), "first")

    /// A log that was put back: it ends before its reader, in a newer epoch.
    private final class ShortFeed: Feed {
        func read(_ channel: String, after position: Position, limit: Int) throws(FeedError)
            -> FeedPage
        {
            FeedPage(
                after: position, messages: [], through: position, epoch: .first,
                leaf: MerkleTree.emptyRoot, hasMore: false)
        }

        func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict {
            checkpoint.epoch == .first
                ? .rewind(Epoch(2), Position(48), MerkleTree.emptyRoot) : .good
        }
    }

    /// A reader that a gap keeps from what the broker holds, until it is in the newer epoch.
    private final class Reader: BulletinSink {
        var at = Checkpoint.start

        func checkpoint(of source: Source) -> EngineOutput<NoAnswer> { .at(at) }
        func take(_ received: [Received], of source: Source) -> EngineOutput<NoAnswer> {
            at.epoch == .first ? .gap(at) : .taken
        }
        func take(_ page: FeedPage, of source: Source) -> EngineOutput<NoAnswer> { .taken }
        func rewind(_ source: Source, to epoch: Epoch, _ position: Position, _ leaf: Digest)
            -> EngineOutput<NoAnswer>
        {
            (at.epoch, at.position, at.leaf) = (epoch, position, leaf)
            return .done
        }
    }

    private var delivered: Delivered {
        Delivered(
            sequence: 1, attempt: 1,
            message: BrokerMessage(subject: "kassa.probe.first", id: "1", headers: [], payload: []))
    }

    @Test func `at a gap the checkpoint is shown again before the feed is read`() {
        var courier = Courier(source: Self.source, consumer: "reader")
        courier.didCheck(.good)
        courier.didFetch([delivered])
        courier.didOffer(EngineOutput<NoAnswer>.gap(.start))
        guard case .check = courier.next else {
            Issue.record("\(courier.next)")
            return
        }
        courier.didCheck(.good)
        guard case .readFeed = courier.next else {
            Issue.record("\(courier.next)")
            return
        }
        courier.didReadFeed(hasMore: false, advanced: true)
        guard case .offer = courier.next else {
            Issue.record("\(courier.next)")
            return
        }
    }

    @Test func `a gap that the feed has nothing for is waited at, not asked about for ever`() {
        var courier = Courier(source: Self.source, consumer: "reader")
        courier.didCheck(.good)
        courier.didFetch([delivered])
        for _ in 0..<2 {
            courier.didOffer(EngineOutput<NoAnswer>.gap(.start))
            courier.didCheck(.good)
            courier.didReadFeed(hasMore: false, advanced: false)
            courier.didOffer(EngineOutput<NoAnswer>.gap(.start))
            guard case .rest(let why) = courier.next else {
                Issue.record("\(courier.next)")
                return
            }
            #expect(why.contains("ends before what the broker holds"))
            courier.didRest()
            courier.didCheck(.good)
            guard case .offer = courier.next else {
                Issue.record("\(courier.next)")
                return
            }
        }
        courier.didOffer(EngineOutput<NoAnswer>.taken)
        guard case .acknowledge(through: 1) = courier.next else {
            Issue.record("\(courier.next)")
            return
        }
    }

    @Test func `a reader in a gap of what a new epoch has orphaned is told of that epoch`() throws {
        let (reader, broker) = (Reader(), OneMessage(delivered))
        reader.at.position = Position(68)
        var driver = CourierDriver(
            courier: Courier(source: Self.source, consumer: "reader"), broker: broker,
            feed: GoodAtFirst(ShortFeed()))
        for _ in 0..<12 { _ = driver.step(into: reader, wait: .zero) }
        #expect(reader.at.epoch == Epoch(2))
        #expect(reader.at.position == Position(48))
    }

    /// The log is put back after the first look at it.
    private final class GoodAtFirst: Feed {
        private let feed: any Feed
        private let looks = Monitor(0)

        init(_ feed: any Feed) { self.feed = feed }

        func read(_ channel: String, after position: Position, limit: Int) throws(FeedError)
            -> FeedPage
        {
            try feed.read(channel, after: position, limit: limit)
        }

        func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict {
            let isFirst = looks.withLock { looks in
                looks += 1
                return looks == 1
            }
            return isFirst ? .good : try feed.check(checkpoint)
        }
    }

    private final class OneMessage: Broker {
        private let message: Delivered

        init(_ message: Delivered) { self.message = message }

        func publish(_ messages: [BrokerMessage], to stream: String, expectedLast: UInt64)
            -> UInt64
        {
            expectedLast
        }
        func state(of stream: String) -> StreamState { StreamState(first: 1, last: 1, newest: nil) }
        func fetch(_ subscription: Subscription, limit: Int, wait: Duration) -> [Delivered] {
            [message]
        }
        func acknowledge(_ subscription: Subscription, through sequence: UInt64) {}
        func reject(_ subscription: Subscription, from sequence: UInt64, delay: Duration) {}
    }
}

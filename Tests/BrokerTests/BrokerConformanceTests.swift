import EventSourcing
import Messaging
import Simulation
import TestKit
import Testing

@Suite struct BrokerConformanceTests {
    @Test(arguments: BrokerConformance.checks)
    func `the broker in memory conforms`(check: BrokerConformance.Check) throws {
        let runtime = SteppedRuntime()
        let broker = MemoryBroker(runtime: runtime)
        try check.run(BrokerFixture(open: { broker }, advance: { runtime.advance(by: $0) }))
    }

    @Test(arguments: BrokerConformance.checks + BrokerConformance.durableChecks)
    func `the broker on disk conforms`(check: BrokerConformance.Check) throws {
        try conforms(check, SegmentBroker.Settings())
    }

    @Test(arguments: BrokerConformance.checks + BrokerConformance.durableChecks)
    func `the broker on disk conforms with small segments and no memory`(
        check: BrokerConformance.Check
    ) throws {
        try conforms(check, SegmentBroker.Settings(segmentBytes: 1024, cachedBytes: 0))
    }

    private func conforms(
        _ check: BrokerConformance.Check, _ settings: SegmentBroker.Settings
    ) throws {
        let folder = try TemporaryFolder()
        let runtime = SteppedRuntime()
        let notices = Notices()
        try check.run(
            BrokerFixture(
                open: {
                    try SegmentBroker(
                        folder: folder.path, settings: settings, runtime: runtime,
                        notices: notices.take)
                }, advance: { runtime.advance(by: $0) }))
        #expect(notices.all == [])
    }

    @Test func `the broker in memory keeps the newest, and may lose everything`() throws {
        let broker = MemoryBroker(runtime: SteppedRuntime(), retainedMessages: 3)
        _ = try broker.publish(messages(1...5), to: "orders", expectedLast: 0)
        #expect(
            try broker.state(of: "orders")
                == StreamState(first: 3, last: 5, newest: message(5)))
        #expect(try sequences(broker.fetch(payments, limit: 9, wait: .zero)) == [3, 4, 5])
        try broker.acknowledge(payments, through: 4)
        broker.loseEverything()
        #expect(
            try broker.state(of: "orders") == StreamState(first: 1, last: 0, newest: nil))
        _ = try broker.publish(messages(1...2), to: "orders", expectedLast: 0)
        #expect(try sequences(broker.fetch(payments, limit: 9, wait: .zero)) == [1, 2])
    }
}

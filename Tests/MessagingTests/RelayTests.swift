import EventSourcing
import EventStore
import Messaging
import SQLite
import Simulation
import TestKit
import Testing

/// One publisher a log: no hole and no double in its stream, whatever the broker does.
@Suite struct RelayTests {
    private let runtime = SimulatedRuntime(seed: 1)

    private func relay(_ bench: Bench<ProbeCore>, _ broker: any Broker) -> Relay {
        Relay(
            log: ProbeCore.log, path: bench.path, publication: ProbeCore.publication,
            broker: broker, board: bench.board)
    }

    private func append(_ bench: Bench<ProbeCore>, _ count: Int) throws {
        for number in 0..<count { try bench.send(.command("\(number)", context())) }
    }

    /// Steps until nothing is left to publish.
    @discardableResult
    private func drain(_ relay: Relay) -> [Relay.Progress] {
        var all: [Relay.Progress] = []
        for _ in 0..<30 {
            all.append(relay.step(at: runtime.now()))
            if all.last == .idle { break }
        }
        return all
    }

    /// The stream's events, as `position/channel`, in order; watermarks are left out.
    private func stream(_ broker: any Broker) throws -> [String] {
        let name = "spy\(runtime.random() % 1_000_000)"
        let subscription = Subscription(stream: "kassa-probe", consumer: name, filter: "")
        var got: [Delivered] = []
        // Where they are large not all come at once.
        while true {
            let more = try broker.fetch(subscription, limit: 4000, wait: .zero)
            if more.isEmpty { break }
            got += more
        }
        return try got.compactMap { delivered in
            guard case .event(let message) = try Bulletin(delivered.message) else { return nil }
            return "\(message.identity.position)/\(message.channel)"
        }
    }

    private func whole(_ positions: ClosedRange<Int>) -> [String] {
        positions.flatMap { ["\($0)/first", "\($0)/second"] }
    }

    @Test func `two relays of one log make no hole and no double between them`() throws {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        let broker = MemoryBroker(runtime: runtime)
        let relays = [relay(bench, broker), relay(bench, broker)]
        for round in 0..<6 {
            try append(bench, 2)
            drain(relays[round % 2])
        }
        let waited = drain(relays[0]) + drain(relays[1])
        #expect(waited.contains { if case .waiting = $0 { true } else { false } })
        #expect(try stream(broker) == whole(1...12))
    }

    @Test func `it shows up to where it has published, and where the broker holds more`() throws {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        let broker = CuttingBroker(MemoryBroker(runtime: runtime))
        let relay = relay(bench, broker)
        #expect(bench.board.published == nil)
        try append(bench, 3)
        broker.cutAfter = 0
        #expect(relay.step(at: runtime.now()) != .idle)
        #expect(bench.board.published ?? .start == .start)
        drain(relay)
        #expect(bench.board.published == Position(3))
        // The log of another shop, which ends before what this broker holds.
        let other = try Bench(runtime: runtime) { ProbeCore() }
        try append(other, 2)
        guard case .refused = self.relay(other, broker).step(at: runtime.now()) else {
            Issue.record("a broker that holds more is not refused")
            return
        }
        #expect(other.board.published == Position(3))
    }

    @Test func `an answer that was lost after all was stored repeats nothing`() throws {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        let broker = CuttingBroker(MemoryBroker(runtime: runtime))
        let relay = relay(bench, broker)
        try append(bench, 3)
        broker.cutAfter = 8
        drain(relay)
        try append(bench, 2)
        drain(relay)
        #expect(try stream(broker) == whole(1...5))
    }

    @Test(arguments: 0..<8)
    func `a publish that was stored in part is completed, no channel has a hole`(stored: Int) throws
    {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        let broker = CuttingBroker(MemoryBroker(runtime: runtime))
        try append(bench, 3)
        broker.cutAfter = stored
        drain(relay(bench, broker))
        // Also by a relay that knows nothing of what the first one did.
        drain(relay(bench, broker))
        let published = try stream(broker)
        #expect(Set(published) == Set(whole(1...3)))
        for channel in ["first", "second"] {
            var reader = Checkpoint.start
            for delivered in try broker.fetch(
                Subscription(
                    stream: "kassa-probe", consumer: channel, filter: "kassa.probe.\(channel)"),
                limit: 100, wait: .zero)
            {
                let bulletin = try Bulletin(delivered.message)
                #expect(Intake.judge(bulletin, at: reader) != .gap)
                if case .event(let message) = bulletin, message.identity.position > reader.position
                {
                    reader.advance(to: message)
                }
            }
            #expect(reader.position == Position(3))
        }
    }

    @Test(arguments: [0, 2])
    func `an event that no broker takes holds up nothing, and is read from the feed`(behind: Int)
        throws
    {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        let broker = MemoryBroker(runtime: runtime)
        try append(bench, 2)
        let long = String(repeating: "x", count: BrokerLimits.maximumPayload)
        try bench.send(.command(long, context()))
        try append(bench, behind)
        let steps = drain(relay(bench, broker))
        #expect(!steps.contains { if case .waiting = $0 { true } else { false } })
        #expect(try stream(broker) == whole(1...2) + (behind > 0 ? whole(4...5) : []))
        #expect(bench.board.published == Position(Int64(3 + behind)))

        let feed = LogFeed(path: bench.path, publication: ProbeCore.publication) { _ in }
        var reader = Checkpoint.start
        (reader.position, reader.leaf) = (Position(2), try bench.records()[1].leaf)
        // What comes next, be it a watermark, tells that something is missing.
        let next = try broker.fetch(
            Subscription(stream: "kassa-probe", consumer: "r", filter: "kassa.probe.first"),
            limit: 9, wait: .zero
        ).map { try Bulletin($0.message) }.first { Intake.judge($0, at: reader) != .duplicate }
        #expect(Intake.judge(try #require(next), at: reader) == .gap)
        let page = try feed.read("first", after: reader.position)
        #expect(page.messages.map(\.identity.position.value) == Array(3...Int64(3 + behind)))
    }

    @Test func `large events are published and read few at a time, and none is missing`() throws {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        let broker = MemoryBroker(runtime: runtime)
        let long = String(repeating: "x", count: 1_000_000)
        for _ in 0..<12 { try bench.send(.command(long, context())) }
        let steps = drain(relay(bench, broker))
        let published = steps.filter { if case .published = $0 { true } else { false } }
        #expect(published.count >= 3)
        #expect(try stream(broker) == whole(1...12))
        let feed = LogFeed(path: bench.path, publication: ProbeCore.publication) { _ in }
        var (seen, pages) = ([Int64](), 0)
        var place = Position.start
        while true {
            let page = try feed.read("second", after: place)
            seen += page.messages.map(\.identity.position.value)
            (place, pages) = (page.through, pages + 1)
            #expect(page.messages.count <= 5)
            if !page.hasMore { break }
        }
        #expect(seen == Array(1...12) && pages == 3)
    }

    @Test func `the newest events are kept for the relay within a number of bytes`() throws {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        let long = String(repeating: "x", count: 1_000_000)
        for number in 1...40 {
            try bench.send(.command(long, context()))
            let first = Position(Int64(number) - 1)
            #expect(bench.board.tail(after: first, limit: 1)?.count == 1)
        }
        // Half of 16 MiB at least, all of it at most.
        #expect(bench.board.tail(after: Position(33), limit: 1) != nil)
        #expect(bench.board.tail(after: Position(23), limit: 1) == nil)
    }

    @Test
    func `after the broker lost everything it goes on from the cursor, and readers see the gap`()
        throws
    {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        let broker = MemoryBroker(runtime: runtime)
        try append(bench, 6)
        drain(relay(bench, broker))
        try bench.send(.published(Position(4)))
        try append(bench, 1)
        broker.loseEverything()
        drain(relay(bench, broker))
        #expect(try stream(broker) == whole(5...7))

        // A reader that had come to the second one asks the feed for what is between.
        var reader = Checkpoint.start
        (reader.position, reader.leaf) = (Position(2), try bench.records()[1].leaf)
        let first = try #require(
            broker.fetch(
                Subscription(stream: "kassa-probe", consumer: "r", filter: "kassa.probe.first"),
                limit: 1, wait: .zero
            ).first)
        #expect(try Intake.judge(Bulletin(first.message), at: reader) == .gap)
        let feed = LogFeed(path: bench.path, publication: ProbeCore.publication) { _ in }
        #expect(try feed.check(reader) == .good)
        let page = try feed.read("first", after: reader.position)
        #expect(page.messages.map(\.identity.position.value) == Array(3...7))
    }

    @Test func `a message of somebody else at the stream's end does not hold up the relay`() throws
    {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        let broker = MemoryBroker(runtime: runtime)
        try append(bench, 2)
        drain(relay(bench, broker))
        try bench.send(.published(Position(2)))
        let last = try broker.state(of: "kassa-probe").last
        _ = try broker.publish(
            [BrokerMessage(subject: "kassa.probe.first.x", id: "x", headers: [1], payload: [2])],
            to: "kassa-probe", expectedLast: last)
        try append(bench, 1)
        drain(relay(bench, broker))
        #expect(try broker.state(of: "kassa-probe").last > last + 1)
    }

    @Test func `a core that recovered from an unknown commit leaves no hole in the relay's tail`()
        throws
    {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        let broker = MemoryBroker(runtime: runtime)
        let relay = relay(bench, broker)
        try append(bench, 3)
        drain(relay)
        bench.fault = { $0 == .after ? .init(code: 10, message: "fsync", action: "COMMIT") : nil }
        #expect(try bench.send(.command("unknown", context())).isUnknown)
        bench.fault = nil
        // The same process goes on with the same board: the commit was there.
        try bench.crash()
        #expect(try bench.engine.log.head == Position(4))
        try append(bench, 2)
        drain(relay)
        #expect(try stream(broker) == whole(1...6))
    }

    @Test func `the tail kept for the relay is bounded, and what is older is read from the file`()
        throws
    {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        let commands = (0..<1000).map { EngineInput<ProbeCore>.command("\($0)", context()) }
        for _ in 0..<10 { try bench.send(commands) }
        #expect(bench.board.tail(after: .start, limit: 1) == nil)
        let newest = try #require(bench.board.tail(after: Position(9_990), limit: 100))
        #expect(newest.map(\.position.value) == Array(9_991...10_000))
        let kept = (0..<10_000).first {
            bench.board.tail(after: Position(Int64($0)), limit: 1) != nil
        }
        #expect(10_000 - (try #require(kept)) <= 8192)
        let broker = MemoryBroker(runtime: runtime)
        drain(relay(bench, broker))
        #expect(try stream(broker).count >= 4000)
        let state = try broker.state(of: "kassa-probe")
        guard case .watermark(let watermark)? = try state.newest.map({ try Bulletin($0) }) else {
            Issue.record("the newest message is no watermark")
            return
        }
        #expect(watermark.through == Position(10_000))
    }

    @Test func `a page of the feed is bounded, and says that there is more`() throws {
        let bench = try Bench(runtime: runtime) { ProbeCore() }
        let commands = (0..<1500).map { EngineInput<ProbeCore>.command("\($0)", context()) }
        try bench.send(commands)
        let feed = LogFeed(path: bench.path, publication: ProbeCore.publication) { _ in }
        let first = try feed.read("first", after: .start)
        #expect(first.messages.count == 1000 && first.hasMore)
        let second = try feed.read("first", after: first.through)
        #expect(second.messages.first?.previous == first.through)
        #expect(second.messages.count == 500 && !second.hasMore)
        #expect(try feed.read("none", after: .start).through == Position(1000))
    }
}

/// Stores only the first few messages of a publish, once, and loses the answer.
private final class CuttingBroker: Broker {
    private let broker: MemoryBroker
    nonisolated(unsafe) var cutAfter: Int?

    init(_ broker: MemoryBroker) { self.broker = broker }

    func publish(_ messages: [BrokerMessage], to stream: String, expectedLast: UInt64)
        throws(BrokerError) -> UInt64
    {
        guard let cut = cutAfter else {
            return try broker.publish(messages, to: stream, expectedLast: expectedLast)
        }
        cutAfter = nil
        let part = Array(messages.prefix(cut))
        if !part.isEmpty { _ = try broker.publish(part, to: stream, expectedLast: expectedLast) }
        throw .unavailable("the answer was lost")
    }

    func state(of stream: String) throws(BrokerError) -> StreamState {
        try broker.state(of: stream)
    }

    func fetch(_ subscription: Subscription, limit: Int, wait: Duration) throws(BrokerError)
        -> [Delivered]
    {
        try broker.fetch(subscription, limit: limit, wait: wait)
    }

    func acknowledge(_ subscription: Subscription, through sequence: UInt64) throws(BrokerError) {
        try broker.acknowledge(subscription, through: sequence)
    }

    func reject(_ subscription: Subscription, from sequence: UInt64, delay: Duration)
        throws(BrokerError)
    {
        try broker.reject(subscription, from: sequence, delay: delay)
    }
}

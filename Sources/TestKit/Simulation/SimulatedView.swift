import EventSourcing
import EventStore
package import Messaging
package import Projections

/// A gateway's projections as production runs them, but for the threads.
package final class SimulatedView: SimulatedProcess {
    package let name: String
    package let store: ReadStore
    package private(set) var engine: ProjectionEngine?
    private let broker: any Broker
    package let feeds: [(source: Source, feed: any Feed)]
    private let runtime: SimulatedRuntime
    private var drivers: [CourierDriver] = []

    package init(
        path: String, broker: any Broker, feeds: [(source: Source, feed: any Feed)],
        runtime: SimulatedRuntime, name: String = "gateway"
    ) throws {
        self.name = name
        store = try ReadStore(path: path)
        self.broker = broker
        self.feeds = feeds
        self.runtime = runtime
    }

    package var isUp: Bool { engine != nil }

    package func start() throws {
        engine = try ProjectionEngine(store: store, sources: feeds.map(\.source)) { _ in }
        drivers = feeds.map {
            CourierDriver(
                courier: Courier(source: $0.source, consumer: name), broker: broker, feed: $0.feed)
        }
    }

    package func crash() {
        engine = nil
        drivers = []
    }

    package func step(_ random: inout SeededRandom) throws -> Bool {
        let index = random.below(drivers.count)
        var driver = drivers[index]
        let step = driver.step(into: ViewSink(view: self, now: runtime.now()), wait: .zero)
        if engine?.isBroken == true { crash() }
        guard isUp else { return true }
        if case .paused = step { driver.restart() }
        drivers[index] = driver
        return step == .busy
    }
}

private struct ViewSink: BulletinSink {
    let view: SimulatedView
    let now: Timestamp

    func checkpoint(of source: Source) -> EngineOutput<NoAnswer> {
        view.engine.map { .at($0.checkpoint(of: source)) } ?? .unavailable("down")
    }

    func take(_ received: [Received], of source: Source) -> EngineOutput<NoAnswer> {
        view.engine?.take(received, of: source, at: now) ?? .unavailable("down")
    }

    func take(_ page: FeedPage, of source: Source) -> EngineOutput<NoAnswer> {
        view.engine?.take(page, of: source, at: now) ?? .unavailable("down")
    }

    func rewind(_ source: Source, to epoch: Epoch, _ position: Position, _ leaf: Digest)
        -> EngineOutput<NoAnswer>
    {
        view.engine?.rewind(source, epoch, position, leaf, at: now) ?? .unavailable("down")
    }
}

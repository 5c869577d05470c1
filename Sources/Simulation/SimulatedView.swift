package import EventSourcing
import EventStore
import Foundation
package import Messaging
package import Projections

/// A gateway's projections as production runs them, but for the threads.
package final class SimulatedView: SimulatedProcess {
    package let name: String
    package let machine: SimulatedMachine?
    let path: String
    /// What is planted in it.
    var mistake: Mistake?
    /// How far it has projected, for readers with a token.
    package private(set) var freshness = Freshness()
    private var opened: ReadStore?
    package private(set) var engine: ProjectionEngine?
    private let broker: any Broker
    package let feeds: [(source: Source, feed: any Feed)]
    private let runtime: any Runtime
    private var drivers: [CourierDriver] = []

    package init(
        path: String, machine: SimulatedMachine?, broker: any Broker,
        feeds: [(source: Source, feed: any Feed)], runtime: any Runtime, name: String = "gateway"
    ) {
        self.name = name
        (self.path, self.machine) = (path, machine)
        self.broker = broker
        self.feeds = feeds
        self.runtime = runtime
    }

    package var isUp: Bool { engine != nil }

    /// What it answers from; a process that is down answers nothing.
    package var store: ReadStore {
        get throws {
            guard let opened else { throw ReadError.unavailable("the gateway is down") }
            return opened
        }
    }

    package func start() throws {
        let store = try ReadStore(path: path)
        freshness = Freshness(logs: feeds.map(\.source.log))
        engine = try ProjectionEngine(
            store: store, sources: feeds.map(\.source), freshness: freshness
        ) { _ in }
        opened = store
        drivers = feeds.map {
            CourierDriver(
                courier: Courier(source: $0.source, consumer: name), broker: broker, feed: $0.feed)
        }
    }

    package func crash() {
        machine?.isDead = true
        end()
        machine?.revive()
    }

    private func end() {
        engine = nil
        opened = nil
        drivers = []
    }

    /// Deletes its files: it is a new one. It must be down.
    package func loseEverything() throws {
        precondition(!isUp)
        let folder = (path as NSString).deletingLastPathComponent
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
    }

    package func step(_ random: inout SeededRandom) throws -> Bool {
        guard isUp else { return false }
        let index = random.below(drivers.count)
        var driver = drivers[index]
        let step = driver.step(into: ViewSink(view: self, now: runtime.now()), wait: .zero)
        if engine?.isBroken == true { end() }
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
        let read = view.engine?.checkpoint(of: source) ?? .start
        let received = view.mistake?.altered(received, for: view.name, at: read) ?? received
        return view.engine?.take(received, of: source, at: now) ?? .unavailable("down")
    }

    func take(_ page: FeedPage, of source: Source) -> EngineOutput<NoAnswer> {
        let read = view.engine?.checkpoint(of: source) ?? .start
        let page = view.mistake?.altered(page, for: view.name, at: read) ?? page
        return view.engine?.take(page, of: source, at: now) ?? .unavailable("down")
    }

    func rewind(_ source: Source, to epoch: Epoch, _ position: Position, _ leaf: Digest)
        -> EngineOutput<NoAnswer>
    {
        view.engine?.rewind(source, epoch, position, leaf, at: now) ?? .unavailable("down")
    }
}

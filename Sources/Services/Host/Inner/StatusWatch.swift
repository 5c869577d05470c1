import EventSourcing
import Gateway
import HTTP
import Messaging
import Synchronization
import Telemetry

/// Asks the shop's services several times a second how they are, and remembers what they said.
final class StatusWatch: Sendable {
    private struct Known: Sendable {
        var status: PartStatus
        var heardAt: Timestamp
        /// What is counted more seldom.
        var counted: ServiceSight?
        var streams: [StreamHoldings] = []
    }

    private struct State: Sendable {
        var known: [ShopPart: Known] = [:]
        /// Who has been asked and has not answered.
        var asked: Set<ShopPart> = []
        var isStopping = false
    }

    private static let pause = Duration.milliseconds(200)
    /// Of so many looks one has what must be counted.
    private static let countsEvery = 5
    /// What is older says nothing of now.
    private static let patience = Duration.seconds(2)

    private let peers: Peers
    /// Where the broker is, `nats://10.0.0.5:4222`.
    private let broker: String
    private let runtime: any Runtime
    private let state = Monitor(State())
    private let worker = Mutex<Worker?>(nil)

    init(_ peers: Peers, broker: String, _ runtime: any Runtime) {
        (self.peers, self.broker, self.runtime) = (peers, broker, runtime)
    }

    func start() {
        worker.withLock { $0 = Worker("status-watch", .awaited) { [self] in run() } }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        worker.withLock { worker in
            defer { worker = nil }
            return worker
        }?.join()
    }

    private func run() {
        var round = 0
        while true {
            for part in ShopPart.services { ask(part, counts: round % Self.countsEvery == 0) }
            round += 1
            // Quicker as long as not all are known.
            let pause = isWhole ? Self.pause : .milliseconds(30)
            let isOver = state.wait(until: .now() + pause) { (state) -> Monitor<State>.Look<Bool> in
                state.isStopping ? .done(true) : .wait(atMost: nil)
            }
            if isOver == true { return }
        }
    }

    private func ask(_ part: ShopPart, counts: Bool) {
        guard peers.roster.home(of: part, key: "") != nil,
            state.withLock({ $0.asked.insert(part).inserted })
        else { return }
        let call = Peers.Call(
            part: part, method: .get, target: "/status?counts=\(counts ? 1 : 0)",
            within: .seconds(1))
        peers.send(call) { [weak self] result in self?.took(result, part) }
    }

    private func took(_ result: Result<HTTPResponse, Peers.Failure>, _ part: ShopPart) {
        let now = runtime.now()
        let status = (try? result.get()).flatMap { try? PartStatus($0.body) }
        if let status { peers.find(status.announcement) }
        state.withLock { state in
            state.asked.remove(part)
            guard let status else { return }
            var known = Known(status: status, heardAt: now)
            if status.isCounted {
                (known.counted, known.streams) = (status.sight, status.streams)
            } else if let before = state.known[part] {
                (known.counted, known.streams) = (before.counted, before.streams)
            }
            state.known[part] = known
        }
    }

    // MARK: What is known

    private func known(_ part: ShopPart) -> (Known, isFresh: Bool)? {
        let now = runtime.now()
        return state.withLock { $0.known[part] }.map { ($0, now - $0.heardAt < Self.patience) }
    }

    /// Whether all services do their work, as far as was heard of late.
    var isWhole: Bool {
        ShopPart.services.allSatisfy { part in
            known(part).map { $0.isFresh && $0.0.status.sight?.isUp == true } ?? false
        }
    }

    /// A service as the gateway sees it.
    @Sendable func seen(_ part: ShopPart) -> SeenService? {
        part.log.map { log in
            SeenService(part: part, log: log, sources: Wiring.sources[part] ?? []) { _ in
                self.sight(of: part)
            }
        }
    }

    private func sight(of part: ShopPart) -> ServiceSight {
        guard let (known, isFresh) = known(part), var sight = known.status.sight else {
            return ServiceSight()
        }
        sight.isUp = sight.isUp && isFresh
        sight.calls = known.counted?.calls
        sight.parked = known.counted?.parked
        sight.parkedBySource = known.counted?.parkedBySource
        sight.openCheckouts = known.counted?.openCheckouts
        sight.oldestParked = known.counted?.oldestParked
        sight.sagas = known.counted?.sagas ?? []
        return sight
    }

    var mails: PartStatus.Mails {
        known(.notifications)?.0.status.mails ?? PartStatus.Mails()
    }

    var streams: [StreamHoldings] {
        ShopPart.services.flatMap { known($0)?.0.streams ?? [] }.sorted { $0.stream < $1.stream }
    }

    /// What became of the services' spans, as far as they tell any.
    var spans: [(part: String, counts: SpanCounts)] {
        ShopPart.services.compactMap { part in
            known(part)?.0.status.spans.map { (part.rawValue, $0) }
        }
    }

    /// The shop's disks, of which one part may keep the reserve for all that share it: the least
    /// that is free on any, all that is kept, and whether any is nearly full.
    ///
    /// - Parameter own: what the gateway sees.
    func disk(with own: DiskWatch.Reading) -> DiskWatch.Reading {
        ShopPart.services.reduce(into: own) { disk, part in
            guard let (known, isFresh) = known(part), isFresh else { return }
            let other = known.status.disk
            disk.free = min(disk.free, other.free)
            disk.held += other.held
            disk.isStopped = disk.isStopped || other.isStopped
        }
    }

    /// Every process that was heard of, but for the own one.
    var parts: [ShopReadings.Part] {
        let (now, lines) = (runtime.now(), peers.statuses)
        var parts: [ShopReadings.Part] = []
        for entry in peers.roster.all {
            let announcement = entry.announcement
            let isSilent = now - entry.heardAt >= Roster.patience
            guard announcement.instance != peers.own else { continue }
            var part = ShopReadings.Part(
                announcement, state: isSilent ? "silent" : announcement.health.rawValue)
            // It answers, and only the broker between us is silent.
            if isSilent, let (known, isFresh) = known(announcement.part), isFresh,
                known.status.announcement.instance == announcement.instance
            {
                part.state = known.status.announcement.health.rawValue
            }
            if let line = lines.first(where: { $0.instance == announcement.instance }) {
                part.calls = .init(
                    breaker: line.breaker, made: line.calls, failed: line.failures,
                    repeated: line.retries)
            }
            parts.append(part)
        }
        for part in [.broker] + ShopPart.services
        where !parts.contains(where: { $0.part == part.rawValue }) {
            parts.append(unannounced(part, at: now))
        }
        return parts
    }

    /// A part that nobody was told of: a service that is down, or a broker that is none of ours,
    /// or has told nothing yet. That it carries what others tell of themselves shows that it is
    /// there.
    private func unannounced(_ part: ShopPart, at now: Timestamp) -> ShopReadings.Part {
        var reading = ShopReadings.Part(
            part: part.rawValue, instance: "", state: "down", version: "", process: 0,
            startedAt: .epoch)
        if part == .broker {
            let isHeard = peers.roster.all.contains { now - $0.heardAt < Roster.patience }
            (reading.state, reading.address) = (isHeard ? "elsewhere" : "silent", broker)
        }
        return reading
    }
}

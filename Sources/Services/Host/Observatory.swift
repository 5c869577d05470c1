import EventSourcing
import EventStore
import Gateway
import HTTP
import Messaging
import Orders
import Projections

/// Where all that can be measured of a running shop is read off. Nothing here waits for a writer:
/// it reads what writers show after each commit, and counts in the files as any reader does.
struct Observatory: Sendable {
    let services: GatewayPart.Services
    let projections: ProjectionRunner
    let freshness: Freshness
    let load: LoadWatch
    /// With the names that they are told of by.
    let sidework: [(name: String, work: Sidework)]
    let runtime: any Runtime
    let startedAt: Timestamp
    /// The logs whose facts the rows had all of, when their service was last seen.
    private let caughtUp = Monitor<Set<LogName>>([])
    private let hops = Monitor(HopWatch())
    /// The server's to count in.
    let statistics = HTTPServerStatistics()

    init(
        services: GatewayPart.Services, projections: ProjectionRunner, freshness: Freshness,
        load: LoadWatch, sidework: [(name: String, work: Sidework)], runtime: any Runtime
    ) {
        (self.services, self.projections) = (services, projections)
        (self.freshness, self.load, self.sidework) = (freshness, load, sidework)
        (self.runtime, startedAt) = (runtime, runtime.now())
    }

    @Sendable func readings() -> ShopReadings {
        var readings = ShopReadings()
        readings.at = runtime.now()
        readings.build = .init(
            version: Build.version, configuration: Build.configuration,
            storeFormat: Schema.format)
        let sights = services.seen.map { ($0, $0.look(true)) }
        for (service, sight) in sights {
            var reading = ShopReadings.Service(
                name: service.log.value, isUp: sight.isUp, inputs: sight.inputs,
                refused: sight.refused, log: sight.log.map { ($0.head, $0.haltReason != nil) },
                calls: sight.calls, parked: sight.parked, oldestParked: sight.oldestParked)
            reading.published = sight.log?.published
            readings.services.append(reading)
            if let open = sight.openCheckouts {
                (readings.openCheckouts, readings.waitingCheckouts) = (open.all, open.waiting)
            }
            readings.sagas += sight.sagas.map {
                .init(
                    step: $0.step, direction: $0.direction.rawValue, open: $0.open,
                    stuck: $0.stuck, oldest: $0.oldest)
            }
        }
        readings.lags = lags(sights)
        readings.hops = hops(sights)
        readings.streams = services.holdings()
        readings.projectionLag = projections.lag
        readings.orderDurations = projections.durations
        readings.isProjectionStale = freshness.staleReason != nil
        let mails = services.mails()
        (readings.mailsSent, readings.mailsFailed) = (mails.sent, mails.failed)
        let (disk, load) = (services.disk(), load.reading)
        readings.disk = .init(
            free: disk.free, reserve: disk.held, isIntakeStopped: disk.isStopped)
        readings.load = .init(backlog: load.backlog, isIntakeStopped: load.isStopped)
        readings.queues = queues
        readings.server = statistics
        readings.process = .read()
        readings.parts = services.parts()
        readings.spans = services.spans()
        return readings
    }

    /// What waits in the gateway's own queues.
    private var queues: [(name: String, waiting: Int64)] {
        var queues = sidework.map { ($0.name, Int64($0.work.count)) }
        queues.append(("reads", Int64(freshness.waiterCount)))
        if let peers = services.peers {
            let waiting = peers.waiting
            queues.append(("calls", Int64(waiting.calls)))
            queues.append(("repetitions", Int64(waiting.repetitions)))
        }
        return queues
    }

    /// Why nothing new is taken; nil where it is.
    @Sendable func intakeRefusal() -> IntakeRefusal? {
        if services.disk().isStopped { return .diskFull }
        return load.reading.isStopped ? .overloaded : nil
    }

    /// How far each reader of a log is, how many orders wait, and what was refused.
    @Sendable func sight() -> LoadWatch.Sight {
        let sights = services.seen.map { ($0, $0.look(false)) }
        _ = hops(sights)
        let waiting = sights.lazy.compactMap { $0.1.log?.waiting }.first
        return LoadWatch.Sight(
            readers: lags(sights).map {
                .init(name: "\($0.consumer)<\($0.source)", behind: $0.events, read: $0.position)
            },
            waiting: waiting.map {
                .init(name: "waiting", behind: Int64($0.count), read: $0.taken)
            },
            refused: sights.reduce(services.peers?.surplus ?? 0) { $0 + $1.1.refused })
    }

    /// Why a log writes no more; nil where all do.
    var haltReason: String? {
        services.seen.lazy.compactMap { $0.look(false).log?.haltReason }.first
    }

    @Sendable func readiness() -> Readiness {
        let heartbeat = projections.heartbeat
        return Readiness(
            heartbeatAge: heartbeat == .epoch ? nil : runtime.now() - heartbeat,
            isCaughtUp: isCaughtUp,
            staleReason: freshness.staleReason ?? haltReason)
    }

    /// What is older is behind.
    private static let patience = Duration.seconds(10)

    /// Whether the rows have what every service that is up has recorded, and had once what those
    /// had that are away: there is no more to be had of them.
    private var isCaughtUp: Bool {
        guard projections.lag != nil else { return false }
        let (now, checkpoints) = (runtime.now(), projections.checkpoints)
        let sights = services.seen.map { ($0.log, $0.look(false)) }
        return caughtUp.withLock { caughtUp in
            for (log, sight) in sights where sight.isUp {
                let asOf = checkpoints[Source(log, Publication.facts)]?.asOf ?? .epoch
                if now - asOf < Self.patience {
                    caughtUp.insert(log)
                } else {
                    caughtUp.remove(log)
                }
            }
            return sights.allSatisfy { caughtUp.contains($0.0) }
        }
    }

    /// How far each log is published and read, and what is wrong with that.
    private func hops(_ sights: [(service: SeenService, sight: ServiceSight)])
        -> ShopReadings.Hops
    {
        let checkpoints = projections.checkpoints.sorted { $0.key < $1.key }
        var readers: [HopWatch.Reader] = []
        for (service, sight) in sights {
            guard let log = sight.log else { continue }
            readers += service.sources.map { source in
                HopWatch.Reader(
                    name: service.log.value, source: source,
                    applied: log.read[source.description]?.position.value ?? 0,
                    parked: sight.parkedBySource.map { $0[source.description] ?? 0 },
                    isUp: sight.isUp && log.haltReason == nil)
            }
        }
        readers += checkpoints.map {
            HopWatch.Reader(
                name: "gateway", source: $0.key, applied: $0.value.position.value, isUp: true)
        }
        let logs = sights.compactMap { service, sight -> HopWatch.Log? in
            guard let log = sight.log else { return nil }
            return HopWatch.Log(
                log: service.log,
                channels: Wiring.publications.first { $0.0 == service.log }?.1.channels ?? [],
                recorded: log.head.value, published: log.published?.value, isUp: sight.isUp,
                haltReason: log.haltReason)
        }
        return hops.withLock { $0.look(logs, readers, at: runtime.now()) }
    }

    private func lags(_ sights: [(service: SeenService, sight: ServiceSight)])
        -> [ShopReadings.Lag]
    {
        var heads: [LogName: Position] = [:]
        for (service, sight) in sights { heads[service.log] = sight.log?.head }
        let now = runtime.now()
        func lag(_ consumer: String, _ source: Source, _ position: Position?, _ asOf: Timestamp?)
            -> ShopReadings.Lag?
        {
            guard let head = heads[source.log] else { return nil }
            let read = position ?? .start
            // Whoever has read nothing yet has been behind since the start.
            let since = asOf.map { $0 == .epoch ? startedAt : $0 } ?? startedAt
            return ShopReadings.Lag(
                consumer: consumer, source: source, position: read.value,
                events: max(0, head.value - read.value), time: max(.zero, now - since))
        }
        var lags: [ShopReadings.Lag] = []
        for (service, sight) in sights {
            guard let log = sight.log else { continue }
            lags += service.sources.compactMap {
                let mark = log.read[$0.description]
                return lag(service.log.value, $0, mark?.position, mark?.asOf)
            }
        }
        let checkpoints = projections.checkpoints.sorted { $0.key < $1.key }
        return lags
            + checkpoints.compactMap { lag("gateway", $0.key, $0.value.position, $0.value.asOf) }
    }
}

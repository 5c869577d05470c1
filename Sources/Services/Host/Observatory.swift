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
    /// A service as it is seen from here.
    struct Service: Sendable {
        let log: LogName
        let path: String
        let board: LogBoard
        let sources: [Source]
        let isUp: @Sendable () -> Bool
        let backlog: @Sendable () -> Int
        /// How many commands were refused for want of room.
        let refused: @Sendable () -> Int64
    }

    let services: [Service]
    /// What the broker holds of each log.
    let holdings: @Sendable () -> [StreamHoldings]
    let projections: ProjectionRunner
    let freshness: Freshness
    let mails: CountedMailer
    let disk: DiskWatch
    let load: LoadWatch
    let runtime: any Runtime
    let startedAt: Timestamp
    /// The server's to count in.
    let statistics = HTTPServerStatistics()

    @Sendable func readings() -> ShopReadings {
        var readings = ShopReadings()
        readings.build = .init(
            version: Build.version, configuration: Build.configuration,
            storeFormat: Schema.format)
        for service in services {
            // A file that cannot be read now leaves its numbers out.
            let queries = try? LogReader(path: service.path).queries
            readings.services.append(reading(of: service, queries))
            if service.log == OrdersCore.log {
                let open = try? queries.map { try OrdersCore.underWay($0) }
                readings.openCheckouts = open.map { Int64($0.all) }
                readings.waitingCheckouts = open.map { Int64($0.waiting) }
            }
        }
        readings.lags = lags()
        readings.streams = holdings()
        readings.projectionLag = projections.lag
        readings.isProjectionStale = freshness.staleReason != nil
        (readings.mailsSent, readings.mailsFailed) = (mails.sent, mails.failed)
        let (disk, load) = (disk.reading, load.reading)
        readings.disk = .init(
            free: disk.free, reserve: disk.held, isIntakeStopped: disk.isStopped)
        readings.load = .init(backlog: load.backlog, isIntakeStopped: load.isStopped)
        readings.server = statistics
        readings.process = .read()
        return readings
    }

    /// Why nothing new is taken; nil where it is.
    @Sendable func intakeRefusal() -> IntakeRefusal? {
        if disk.reading.isStopped { return .diskFull }
        return load.reading.isStopped ? .overloaded : nil
    }

    /// How far each reader of a log is, how many orders wait, and what was refused.
    @Sendable func sight() -> LoadWatch.Sight {
        let waiting = services.lazy.compactMap { $0.board.status?.waiting }.first
        return LoadWatch.Sight(
            readers: lags().map {
                .init(name: "\($0.consumer)<\($0.source)", behind: $0.events, read: $0.position)
            },
            waiting: waiting.map {
                .init(name: "waiting", behind: Int64($0.count), read: $0.taken)
            },
            refused: services.reduce(0) { $0 + $1.refused() })
    }

    /// Why a log writes no more; nil where all do.
    private var haltReason: String? {
        services.lazy.compactMap { $0.board.status?.haltReason }.first
    }

    @Sendable func readiness() -> Readiness {
        let heartbeat = projections.heartbeat
        return Readiness(
            heartbeatAge: heartbeat == .epoch ? nil : runtime.now() - heartbeat,
            isCaughtUp: (projections.lag ?? .seconds(3600)) < .seconds(10),
            staleReason: freshness.staleReason ?? haltReason)
    }

    private func reading(of service: Service, _ queries: LogQueries?) -> ShopReadings.Service {
        let status = service.board.status
        let calls = try? queries?.countEffects()
        let parked = try? queries?.countParked()
        return ShopReadings.Service(
            name: service.log.value, isUp: service.isUp(), inputs: Int64(service.backlog()),
            log: status.map { ($0.head, $0.haltReason != nil) }, calls: calls.map { Int64($0) },
            parked: parked.map { Int64($0) })
    }

    private func lags() -> [ShopReadings.Lag] {
        var heads: [LogName: Position] = [:]
        for service in services { heads[service.log] = service.board.status?.head }
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
        for service in services {
            guard let status = service.board.status else { continue }
            lags += service.sources.compactMap {
                lag(
                    service.log.value, $0, status.read[$0.description]?.position,
                    status.readAsOf[$0.description])
            }
        }
        let checkpoints = projections.checkpoints.sorted { $0.key < $1.key }
        return lags
            + checkpoints.compactMap { lag("gateway", $0.key, $0.value.position, $0.value.asOf) }
    }
}

extension Observatory.Service {
    init<Core: ServiceCore>(_ runner: ServiceRunner<Core>) {
        self.init(
            log: Core.log, path: runner.settings.path, board: runner.board, sources: Core.sources,
            isUp: { runner.isUp }, backlog: { runner.backlog }, refused: { runner.refused })
    }
}

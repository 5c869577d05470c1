import EventSourcing
import Gateway
import HTTP
import Messaging
import Projections
import Telemetry

/// The gateway with what it is made of: the read store, the projections that fill it, who watches
/// the load, and the threads that read files. The services may be in this process or in others.
final class GatewayPart: Sendable {
    /// The shop behind the gateway.
    struct Services: Sendable {
        let orders: any OrdersClient
        let stock: any StockClient
        let desk: any OperatorClient
        /// Of all four logs.
        let feeds: [LogName: any Feed]
        let seen: [SeenService]
        /// What the broker holds of each log.
        let holdings: @Sendable () -> [StreamHoldings]
        let mails: @Sendable () -> PartStatus.Mails
        /// The disks that they and the gateway write to, as one.
        let disk: @Sendable () -> DiskWatch.Reading
        /// The processes that the shop is made of; the gateway's own is added.
        let parts: @Sendable () -> [ShopReadings.Part]
        /// Who calls them; nil where they are in this process.
        let peers: Peers?
        /// What became of their spans; empty where none are told.
        let spans: @Sendable () -> [(part: String, counts: SpanCounts)]
    }

    let store: ReadStore
    let projections: ProjectionRunner
    let observatory: Observatory
    private let freshness = Freshness(logs: Wiring.logs)
    private let load = LoadWatch()
    private let sidework = Sidework("gateway-files")
    /// Of its own, so that slow reports do not hide how the shop does.
    private let scrapes = Sidework("gateway-metrics")
    private let gateway: Gateway
    private let runtime: SystemRuntime

    /// Opens its files; nothing runs yet.
    ///
    /// - Parameter consumer: its name at the broker; gateways that have one must not share a name.
    init(
        _ services: Services, _ settings: Shop.Settings, broker: any Broker, consumer: String,
        disk: DiskWatch, runtime: SystemRuntime, tracing: Tracing
    ) throws {
        let data = settings.data
        let tracer = tracing.tracer(of: "gateway")
        self.runtime = runtime
        store = try ReadStore(path: DataFolder.firstReadStore(in: data))
        projections = ProjectionRunner(
            store: store, freshness: freshness, sources: Wiring.facts, broker: broker,
            feeds: services.feeds, consumer: consumer, runtime: runtime,
            isDiskShort: { disk.reading.isStopped }, tracer: tracer,
            notice: settings.say(as: "gateway"))
        observatory = Observatory(
            services: services, projections: projections, freshness: freshness, load: load,
            sidework: [("files", sidework), ("metrics", scrapes)], runtime: runtime)
        gateway = Gateway(
            runtime: runtime, readStore: store, freshness: freshness, orders: services.orders,
            stock: services.stock, desk: services.desk,
            projections: ProjectionsAdapter(runner: projections),
            cursorKey: try KeyFile.load(
                DataFolder.cursorKey(in: data), runtime, advice: DataFolder.cursorKeyAdvice),
            feeds: services.feeds, readings: observatory.readings, aside: sidework.take,
            asideForMetrics: scrapes.take, intakeRefusal: observatory.intakeRefusal,
            tracer: tracer,
            log: RequestLog(all: settings.logsAll, runtime: runtime, notice: settings.notice),
            readiness: observatory.readiness)
    }

    /// Starts the threads, and listens.
    ///
    /// - Parameter addRoutes: adds what is served besides the shop.
    func start(
        _ settings: Shop.Settings, _ limits: HTTPServerLimits,
        addRoutes: (inout Router) -> Void = { _ in }
    ) throws -> HTTPServer {
        projections.start()
        load.start(runtime, observatory.sight)
        var router = gateway.router
        addRoutes(&router)
        return try HTTPServer.start(
            address: settings.address, port: settings.port, limits: limits,
            renderError: gateway.renderError, statistics: observatory.statistics,
            handler: router.handle)
    }

    /// Whether reads are answered from rows that are whole and have caught up.
    var isReady: Bool { gateway.isReady }
    /// Whether it does what it will by itself: it is ready, or its rows are filled and a log has
    /// stopped, which only an operator can mend and reads go on beside.
    var isSettled: Bool {
        isReady || projections.lag != nil && observatory.haltReason != nil
    }

    func askToStop() { projections.askToStop() }

    /// Ends all but the server, which is to be stopped before.
    func stop() {
        sidework.stop()
        scrapes.stop()
        load.stop()
        projections.stop()
    }
}

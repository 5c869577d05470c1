import Deliveries
import Domain
import EventSourcing
import EventStore
import Gateway
import HTTP
import Messaging
package import NATS
import Notifications
import Orders
import Payments
import Projections

/// The whole shop in one process: each service with its own file, writer and threads, the broker,
/// and a gateway.
package final class Shop: Sendable {
    package struct Settings: Sendable {
        package var data: String
        package var address = "127.0.0.1"
        /// 0 takes a free one.
        package var port: UInt16 = 8080
        /// How long a customer has to pay; nil for the usual time.
        package var payWithin: Duration?
        /// How long stock stays reserved for an order that is not packed.
        package var holdFor = Duration.seconds(86_400)
        /// How long the built-in carrier has a parcel on the way, and then before the door.
        package var inTransit = Duration.zero
        package var outForDelivery = Duration.zero
        /// Bytes kept on the folder's disk for what is under way when the rest is full; with less
        /// than that free beside them nothing new is taken.
        package var diskReserve: Int64 = 0
        /// A broker over NATS in place of the built-in one.
        package var broker: NATSAddress?
        /// Where the built-in broker lets NATS' clients listen; 0 takes a free port, nil lets
        /// nobody.
        package var brokerPort: UInt16?
        /// Told, from any thread, what an operator should know.
        package var notice: @Sendable (String) -> Void = { _ in }

        package init(data: String) { self.data = data }
    }

    package enum Failure: Error, CustomStringConvertible {
        case cannotStart(String)
        package var description: String {
            switch self {
            case .cannotStart(let why): why
            }
        }
    }

    private let folder: DataFolder
    private let disk: DiskWatch
    private let load = LoadWatch()
    let runtime: SystemRuntime
    let orders: ServiceRunner<OrdersCore>
    let payments: ServiceRunner<PaymentsCore>
    let deliveries: ServiceRunner<DeliveriesCore>
    let notifications: ServiceRunner<NotificationsCore>
    private let store: ReadStore
    private let freshness = Freshness(logs: Wiring.logs)
    private let projections: ProjectionRunner
    private let sidework = Sidework("gateway-files")
    /// Of its own, so that slow reports do not hide how the shop does.
    private let scrapes = Sidework("gateway-metrics")
    private let server: HTTPServer
    private let brokerServer: BrokerServer?
    /// Where NATS' clients find the broker; nil where they do not.
    package var brokerPort: UInt16? { brokerServer?.port }
    /// The port it listens on.
    package var port: UInt16 { server.port }

    /// Starts everything, or nothing.
    ///
    /// - Throws: `Failure`, `DataFolder.Failure`, with what to do about it.
    package static func start(_ settings: Settings) throws -> Shop {
        let files = try OpenFiles.prepare()
        var settings = settings
        settings.notice = Notices(settings.notice).tell
        let folder = try DataFolder(path: settings.data)
        let disk = DiskWatch(
            folder: settings.data, reserve: settings.diskReserve, notice: settings.notice)
        do {
            return try Shop(settings, folder, disk, files)
        } catch {
            disk.stop()
            let free = DiskWatch.free(settings.data) ?? .max
            folder.discardIfNew()
            guard free < leastRoom else { throw Failure.cannotStart("\(error)") }
            throw Failure.cannotStart(
                "the disk of \(settings.data) is full, \(Doctor.size(free)) are free; make room, "
                    + "and start again (\(error))")
        }
    }

    /// With less a start that fails does so for lack of room: the files of an empty shop take more.
    private static let leastRoom: Int64 = 1 << 20

    private init(
        _ settings: Settings, _ folder: DataFolder, _ disk: DiskWatch, _ files: OpenFiles
    ) throws {
        let (data, notice) = (settings.data, settings.notice)
        let runtime = SystemRuntime(notice: notice)
        (self.runtime, self.folder, self.disk) = (runtime, folder, disk)
        let (broker, holdings) = try Self.openBroker(settings, runtime)
        let wiring = Wiring(data: data)
        func settingsOf(_ log: LogName) -> ServiceSettings { Self.settings(of: log, data, disk) }
        orders = ServiceRunner(
            settings: settingsOf(OrdersCore.log),
            makeCore: { OrdersCore(runtime: runtime, payWithin: settings.payWithin) },
            broker: broker, feeds: wiring.feeds, handler: NoCalls(), runtime: runtime,
            notice: notice)
        payments = ServiceRunner(
            settings: settingsOf(PaymentsCore.log), makeCore: { PaymentsCore() }, broker: broker,
            feeds: wiring.feeds, handler: PaymentCalls(provider: BuiltInPaymentProvider()),
            runtime: runtime, notice: notice)
        deliveries = ServiceRunner(
            settings: settingsOf(DeliveriesCore.log),
            makeCore: { DeliveriesCore(holdFor: settings.holdFor) }, broker: broker,
            feeds: wiring.feeds, handler: CarrierCalls(carrier: settings.carrier(runtime)),
            runtime: runtime, notice: notice)
        let mails = CountedMailer(
            try MailFolder(folder: DataFolder.mails(in: data), runtime: runtime))
        let keys = SealedContacts(
            keys: OrdersKeys(path: DataFolder.log(OrdersCore.log.value, in: data)))
        notifications = ServiceRunner(
            settings: settingsOf(NotificationsCore.log), makeCore: { NotificationsCore() },
            broker: broker, feeds: wiring.feeds, handler: MailCalls(mailer: mails, keys: keys),
            runtime: runtime, notice: notice)
        store = try ReadStore(path: DataFolder.firstReadStore(in: data))
        projections = ProjectionRunner(
            store: store, freshness: freshness, sources: Wiring.facts, broker: broker,
            feeds: wiring.feeds, consumer: "gateway", runtime: runtime,
            isDiskShort: { disk.reading.isStopped }, notice: notice)
        let observatory = Observatory(
            services: [.init(orders), .init(payments), .init(deliveries), .init(notifications)],
            holdings: holdings, projections: projections, freshness: freshness, mails: mails,
            disk: disk, load: load, runtime: runtime, startedAt: runtime.now())
        let gateway = Gateway(
            runtime: runtime, readStore: store, freshness: freshness,
            orders: OrdersAdapter(orders), stock: StockAdapter(deliveries),
            projections: ProjectionsAdapter(runner: projections),
            cursorKey: try CursorKey.load(DataFolder.cursorKey(in: data), runtime),
            feeds: wiring.feeds, readings: observatory.readings, aside: sidework.take,
            asideForMetrics: scrapes.take, intakeRefusal: observatory.intakeRefusal,
            readiness: observatory.readiness)
        wiring.connect(
            orders: orders, payments: payments, deliveries: deliveries,
            notifications: notifications)
        do {
            brokerServer = try Self.serve(broker, settings)
            try orders.start()
            try payments.start()
            try deliveries.start()
            try notifications.start()
            projections.start()
            load.start(runtime, observatory.sight)
            server = try HTTPServer.start(
                address: settings.address, port: settings.port, limits: files.limits,
                renderError: gateway.renderError,
                statistics: observatory.statistics, handler: gateway.router.handle)
        } catch {
            load.stop()
            Self.stop(orders, payments, deliveries, notifications, projections)
            throw error
        }
    }

    private static func settings(of log: LogName, _ data: String, _ disk: DiskWatch)
        -> ServiceSettings
    {
        var settings = ServiceSettings(path: DataFolder.log(log.value, in: data))
        // Who places an order waits for it to be written; all else follows in its own time.
        if log == OrdersCore.log { (settings.urgency, settings.fetchLimit) = (.awaited, 128) }
        settings.isDiskShort = { disk.reading.isStopped }
        return settings
    }

    /// Opens the broker, and sees to it that no log is behind what others have read of it, nor the
    /// time behind what the logs have recorded.
    private static func openBroker(_ settings: Settings, _ runtime: SystemRuntime) throws
        -> (any Broker, holdings: @Sendable () -> [StreamHoldings])
    {
        let (broker, holdings): (any Broker, @Sendable () -> [StreamHoldings])
        if let address = settings.broker {
            let far = NATSBroker(address, name: "kassa", runtime: runtime)
            (broker, holdings) = (far, far.holdings)
        } else {
            let own = try SegmentBroker(
                folder: "\(settings.data)/broker", runtime: runtime, notices: settings.notice)
            (broker, holdings) = (own, own.holdings)
        }
        runtime.notBefore(
            try Handshake.check(
                data: settings.data, broker: broker, at: runtime.now(), notice: settings.notice))
        return (broker, holdings)
    }

    /// Lets NATS' clients listen to the built-in broker.
    private static func serve(_ broker: any Broker, _ settings: Settings) throws -> BrokerServer? {
        guard let port = settings.brokerPort, let own = broker as? SegmentBroker else { return nil }
        return try BrokerServer.start(
            own, address: settings.address, port: port, login: .anybody, notices: settings.notice)
    }

    /// How many orders the read store shows as completed.
    func completedOrders() throws(ReadError) -> Int { try store.count(of: .completed) }

    /// Finishes what was begun, and closes all files cleanly.
    package func stop() {
        server.stop(within: .seconds(5))
        brokerServer?.stop(within: .seconds(1))
        sidework.stop()
        scrapes.stop()
        load.stop()
        Self.stop(orders, payments, deliveries, notifications, projections)
        disk.stop()
    }

    /// All are told before any is waited for: nobody complains of another that is gone already.
    private static func stop(
        _ orders: ServiceRunner<OrdersCore>, _ payments: ServiceRunner<PaymentsCore>,
        _ deliveries: ServiceRunner<DeliveriesCore>,
        _ notifications: ServiceRunner<NotificationsCore>, _ projections: ProjectionRunner
    ) {
        projections.askToStop()
        orders.askToStop()
        payments.askToStop()
        deliveries.askToStop()
        notifications.askToStop()
        projections.stop()
        orders.stop()
        payments.stop()
        deliveries.stop()
        notifications.stop()
    }
}

extension Shop.Settings {
    fileprivate func carrier(_ runtime: any Runtime) -> BuiltInCarrier {
        BuiltInCarrier(
            times: .init(inTransit: inTransit, outForDelivery: outForDelivery), runtime: runtime)
    }
}

/// The feeds of the four logs, each told when its service is up and when a reader shows it is
/// behind.
final class Wiring: Sendable {
    private struct Line: Sendable {
        var isUp: @Sendable () -> Bool = { false }
        var onBehind: @Sendable (String) -> Void = { _ in }
    }

    static let logs = [
        OrdersCore.log, PaymentsCore.log, DeliveriesCore.log, NotificationsCore.log,
    ]
    static var facts: [Source] { logs.map { Source($0, Publication.facts) } }
    let feeds: [LogName: any Feed]
    private let lines: Monitor<[LogName: Line]>

    init(data: String) {
        let lines = Monitor<[LogName: Line]>([:])
        self.lines = lines
        var feeds: [LogName: any Feed] = [:]
        for (log, publication) in Self.publications {
            feeds[log] = LogFeed(
                path: DataFolder.log(log.value, in: data), publication: publication,
                isUp: { lines.withLock { $0[log] }?.isUp() ?? false },
                onBehind: { lines.withLock { $0[log] }?.onBehind($0) })
        }
        self.feeds = feeds
    }

    static let publications: [(LogName, Publication)] = [
        (OrdersCore.log, OrdersCore.publication), (PaymentsCore.log, PaymentsCore.publication),
        (DeliveriesCore.log, DeliveriesCore.publication),
        (NotificationsCore.log, NotificationsCore.publication),
    ]

    func connect(
        orders: ServiceRunner<OrdersCore>, payments: ServiceRunner<PaymentsCore>,
        deliveries: ServiceRunner<DeliveriesCore>,
        notifications: ServiceRunner<NotificationsCore>
    ) {
        connect(orders)
        connect(payments)
        connect(deliveries)
        connect(notifications)
    }

    /// The line holds its runner weakly: the runner holds the feeds.
    private func connect<Core>(_ runner: ServiceRunner<Core>) {
        let line = Line(
            isUp: { [weak runner] in runner?.isUp ?? false },
            onBehind: { [weak runner] in runner?.halt($0) })
        lines.withLock { $0[Core.log] = line }
    }
}

import Deliveries
import Domain
package import EventSourcing
import EventStore
import Gateway
import Glibc
import HTTP
import Messaging
package import NATS
import Notifications
import Orders
import Payments
import Projections
package import Telemetry

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
        /// Where a part is one of several on a disk whose reserve another one keeps: with less
        /// free than so many bytes it takes as little of it as it can.
        package var diskFloor: Int64 = 0
        /// A broker over NATS in place of the built-in one.
        package var broker: NATSAddress?
        /// Where the built-in broker lets NATS' clients listen; 0 takes a free port, nil lets
        /// nobody.
        package var brokerPort: UInt16?
        /// Who is told of spans; nil for nobody.
        package var tracing: TracingSettings?
        /// Told, from any thread, what an operator should know.
        package var notice: @Sendable (LogLine) -> Void = { _ in }
        /// Whether each request, command, message and call has a line of the log.
        package var logsAll = false

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
    let runtime: SystemRuntime
    let orders: ServiceRunner<OrdersCore>
    let payments: ServiceRunner<PaymentsCore>
    let deliveries: ServiceRunner<DeliveriesCore>
    let notifications: ServiceRunner<NotificationsCore>
    private let gateway: GatewayPart
    private let tracing: Tracing
    private let server: HTTPServer
    private let brokerServer: BrokerServer?
    /// Where NATS' clients find the broker; nil where they do not.
    package var brokerPort: UInt16? { brokerServer?.port }
    /// The port it listens on.
    package var port: UInt16 { server.port }
    /// What became of its spans; nil where none are told.
    var spans: SpanCounts? { tracing.counts }

    /// Starts everything, or nothing.
    ///
    /// - Throws: `Failure`, `DataFolder.Failure`, with what to do about it.
    package static func start(_ settings: Settings) throws -> Shop {
        let files = try OpenFiles.prepare()
        var settings = settings
        settings.notice = Notices(settings.notice).tell
        let folder = try DataFolder(path: settings.data)
        // Of when the parts were processes.
        DiskWatch.dropReserve(in: "\(settings.data)/\(ShopPart.orders)")
        let disk = DiskWatch(
            folder: settings.data, reserve: settings.diskReserve, notice: settings.notice)
        do {
            return try Shop(settings, folder, disk, files)
        } catch {
            disk.stop()
            let failure = failure(error, in: settings.data)
            folder.discardIfNew()
            throw failure
        }
    }

    /// Why a start came to nothing, where that may be for want of room.
    static func failure(_ error: any Error, in data: String) -> Failure {
        let free = DiskWatch.free(data) ?? .max
        guard free < leastRoom else { return .cannotStart("\(error)") }
        return .cannotStart(
            "the disk of \(data) is full, \(Doctor.size(free)) are free; make room, "
                + "and start again (\(error))")
    }

    /// With less a start that fails does so for lack of room: the files of an empty shop take more.
    private static let leastRoom: Int64 = 1 << 20

    private init(
        _ settings: Settings, _ folder: DataFolder, _ disk: DiskWatch, _ files: OpenFiles
    ) throws {
        let (data, notice) = (settings.data, settings.say())
        let runtime = SystemRuntime(notice: notice)
        (self.runtime, self.folder, self.disk) = (runtime, folder, disk)
        let instance = runtime.newID()
        let tracing = try Tracing(
            settings.tracing, .own(instance: instance), runtime: runtime, notice: notice)
        self.tracing = tracing
        let (broker, holdings) = try Self.openBroker(settings, runtime)
        let wiring = Wiring(data: data)
        let around = Surroundings(
            settings: settings, broker: broker, feeds: wiring.feeds, disk: disk, runtime: runtime,
            tracing: tracing)
        orders = ServiceParts.orders(around)
        payments = ServiceParts.payments(around)
        deliveries = ServiceParts.deliveries(around)
        let mails = CountedMailer(
            try MailFolder(folder: DataFolder.mails(in: data), runtime: runtime))
        let keys = SealedContacts(
            keys: OrdersKeys(path: DataFolder.log(OrdersCore.log.value, in: data)))
        notifications = ServiceParts.notifications(around, mails, keys: keys)
        let seen: [SeenService] = [
            .init(.orders, orders), .init(.payments, payments), .init(.deliveries, deliveries),
            .init(.notifications, notifications),
        ]
        let parts = Self.parts(seen, instance, runtime.now())
        let services = GatewayPart.Services(
            orders: OrdersAdapter(orders), stock: StockAdapter(deliveries),
            desk: LocalDesk(
                data: data, runtime: runtime, orders, payments, deliveries, notifications),
            feeds: wiring.feeds,
            seen: seen, holdings: holdings,
            mails: { PartStatus.Mails(sent: mails.sent, failed: mails.failed) },
            disk: { disk.reading }, parts: parts, peers: nil,
            spans: { tracing.counts.map { [("shop", $0)] } ?? [] })
        gateway = try GatewayPart(
            services, settings, broker: broker, consumer: "gateway", disk: disk, runtime: runtime,
            tracing: tracing)
        wiring.connect(
            orders: orders, payments: payments, deliveries: deliveries,
            notifications: notifications)
        do {
            brokerServer = try Self.serve(broker, settings)
            try orders.start()
            try payments.start()
            try deliveries.start()
            try notifications.start()
            server = try gateway.start(settings, files.limits)
        } catch {
            Self.stop(orders, payments, deliveries, notifications, gateway)
            tracing.stop()
            throw error
        }
    }

    /// All parts are this one process.
    private static func parts(_ seen: [SeenService], _ instance: String, _ now: Timestamp)
        -> @Sendable () -> [ShopReadings.Part]
    {
        {
            seen.map { service in
                var part = ShopReadings.Part(
                    part: service.part.rawValue, instance: instance,
                    state: service.look(false).state, version: Build.version,
                    process: Int64(getpid()), startedAt: now)
                part.residentBytes = ProcessMemory.resident
                return part
            }
        }
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
                folder: "\(settings.data)/broker", runtime: runtime,
                notices: settings.say(as: "broker"))
            (broker, holdings) = (own, own.holdings)
        }
        runtime.notBefore(
            try Handshake.check(
                data: settings.data, broker: broker, at: runtime.now(), notice: settings.say()))
        return (broker, holdings)
    }

    /// Lets NATS' clients listen to the built-in broker.
    private static func serve(_ broker: any Broker, _ settings: Settings) throws -> BrokerServer? {
        guard let port = settings.brokerPort, let own = broker as? SegmentBroker else { return nil }
        return try BrokerServer.start(
            own, address: settings.address, port: port, login: .anybody,
            notices: settings.say(as: "broker"))
    }

    /// How many orders the read store shows as completed.
    func completedOrders() throws(ReadError) -> Int { try gateway.store.count(of: .completed) }

    /// Finishes what was begun, and closes all files cleanly.
    package func stop() {
        server.stop(within: .seconds(5))
        brokerServer?.stop(within: .seconds(1))
        Self.stop(orders, payments, deliveries, notifications, gateway)
        tracing.stop()
        disk.stop()
    }

    /// All are told before any is waited for: nobody complains of another that is gone already.
    private static func stop(
        _ orders: ServiceRunner<OrdersCore>, _ payments: ServiceRunner<PaymentsCore>,
        _ deliveries: ServiceRunner<DeliveriesCore>,
        _ notifications: ServiceRunner<NotificationsCore>, _ gateway: GatewayPart
    ) {
        gateway.askToStop()
        orders.askToStop()
        payments.askToStop()
        deliveries.askToStop()
        notifications.askToStop()
        gateway.stop()
        orders.stop()
        payments.stop()
        deliveries.stop()
        notifications.stop()
    }
}

package import Deliveries
import Domain
import EventSourcing
import EventStore
import Foundation
import Gateway
import Glibc
import Host
import Messaging
package import Notifications
package import Orders
package import Payments
import Projections

/// The four services, their broker and the world outside, in one thread.
package final class SimulatedShop {
    package let runtime: SimulatedRuntime
    package let network: SimulatedNetwork
    package let broker: SimulatedBroker
    package let outside: SimulatedOutside
    package let orders: SimulatedService<OrdersCore>
    package let payments: SimulatedService<PaymentsCore>
    package let deliveries: SimulatedService<DeliveriesCore>
    package let notifications: SimulatedService<NotificationsCore>
    package let gateway: SimulatedGateway
    private let ordersLink: CommandLink<OrdersCore>
    /// Each process's own, by its name.
    package let clocks: [String: SimulatedClock]
    private let machines: [SimulatedMachine]

    /// - Parameter folder: where the files are kept; it must exist and be empty.
    package init(folder: String, seed: UInt64, mistake: Mistake? = nil) throws {
        let runtime = SimulatedRuntime(seed: seed)
        let network = SimulatedNetwork(seed: seed)
        (self.runtime, self.network) = (runtime, network)
        var site = Site(folder: folder, seed: seed, runtime: runtime)
        let brokersClock = site.clock(for: "broker")
        let broker = SimulatedBroker(folder: "\(folder)/broker", runtime: brokersClock)
        self.broker = broker
        let outside = SimulatedOutside(runtime: runtime)
        self.outside = outside
        let asked = MistakenOutside(outside: outside, mistake: mistake)
        func service<Core: ServiceCore>(
            _ handler: any EffectHandler, _ makeCore: @escaping (any Runtime) -> Core
        ) throws -> SimulatedService<Core> {
            let machine = try site.machine(for: Core.log.value)
            let clock = site.clock(for: Core.log.value)
            return SimulatedService(
                path: "\(machine.folder)/\(Core.log).db", machine: machine,
                broker: BrokerLink(of: Core.log.value, to: broker, over: network),
                handler: handler, runtime: clock, makeCore: { makeCore(clock) })
        }
        orders = try service(NoCalls()) {
            // Few, so that orders wait for their checkout to begin.
            OrdersCore(runtime: $0, startLimit: 1 + Int(seed % 5), payWithin: .seconds(20))
        }
        payments = try service(PaymentCalls(provider: asked)) { _ in PaymentsCore() }
        deliveries = try service(CarrierCalls(carrier: asked)) { _ in
            DeliveriesCore(holdFor: .seconds(1800), snapshotEvery: 50)
        }
        let mails = MailCalls(mailer: outside, keys: SimulatedKeys(path: orders.path))
        notifications = try service(mails) { _ in NotificationsCore() }
        let feeds: [LogName: any Feed] = [
            OrdersCore.log: orders.feed, PaymentsCore.log: payments.feed,
            DeliveriesCore.log: deliveries.feed, NotificationsCore.log: notifications.feed,
        ]
        func links(of process: String) -> [LogName: any Feed] {
            var links: [LogName: any Feed] = [:]
            for (log, feed) in feeds {
                links[log] = FeedLink(of: process, to: log, feed, over: network)
            }
            return links
        }
        let machine = try site.machine(for: "gateway")
        let clock = site.clock(for: "gateway")
        let viewed = links(of: "gateway")
        let view = SimulatedView(
            path: "\(machine.folder)/read.db", machine: machine,
            broker: BrokerLink(of: "gateway", to: broker, over: network),
            feeds: [OrdersCore.log, PaymentsCore.log, DeliveriesCore.log, NotificationsCore.log]
                .compactMap { log in
                    viewed[log].map { (Source(log, Publication.facts), $0) }
                }, runtime: clock)
        ordersLink = orders.link(of: "gateway", over: network)
        let (toOrders, toStock) = (ordersLink, deliveries.link(of: "gateway", over: network))
        gateway = SimulatedGateway(view: view, runtime: clock, network: network) {
            Self.gateway(
                readStore: $0, $1, toOrders, toStock, feeds: viewed, runtime: clock, aside: $2)
        }
        (clocks, machines) = (site.clocks, site.machines)
        orders.feeds = links(of: orders.name)
        payments.feeds = links(of: payments.name)
        deliveries.feeds = links(of: deliveries.name)
        notifications.feeds = links(of: notifications.name)
        greet(orders, in: folder)
        greet(payments, in: folder)
        greet(deliveries, in: folder)
        greet(notifications, in: folder)
        if let mistake { plant(mistake) }
    }

    /// A run may end in the middle: no file is open any more when its disk goes.
    deinit { for process in processes { process.crash() } }

    private static func gateway(
        readStore: ReadStore, _ freshness: Freshness, _ orders: CommandLink<OrdersCore>,
        _ deliveries: CommandLink<DeliveriesCore>, feeds: [LogName: any Feed],
        runtime: any Runtime, aside: @escaping Gateway.Aside
    ) -> Gateway {
        Gateway(
            runtime: runtime, readStore: readStore, freshness: freshness,
            orders: OrdersAdapter(orders), stock: StockAdapter(deliveries),
            desk: SimulatedDesk(orders: OrdersAdapter(orders)), projections: NoProjections(),
            cursorKey: Array(repeating: 7, count: 32),
            feeds: feeds, readings: { ShopReadings() }, aside: aside, asideForMetrics: aside,
            readiness: { Readiness(heartbeatAge: .zero, isCaughtUp: true) })
    }

    private func greet<Core>(_ service: SimulatedService<Core>, in folder: String) {
        service.shakeHands = { [runtime, broker = service.broker] in
            try Handshake.check([Core.log], data: folder, broker: broker, at: runtime.now()) { _ in
            }
        }
    }

    package var processes: [any SimulatedProcess] {
        [orders, payments, deliveries, notifications, gateway, broker]
    }

    private func plant(_ mistake: Mistake) {
        let paths = [
            orders.name: orders.path, payments.name: payments.path,
            deliveries.name: deliveries.path, notifications.name: notifications.path,
        ]
        func plant<Core>(in service: SimulatedService<Core>) {
            service.mistake = mistake
            service.pathOfLog = { paths[$0.value] }
            if mistake == .relaySkips { (service.broker as? BrokerLink)?.skipSome() }
            if mistake == .epochNotChecked { Self.deafen(service.feeds.values) }
        }
        plant(in: orders)
        plant(in: payments)
        plant(in: deliveries)
        plant(in: notifications)
        view.mistake = mistake
        if mistake == .epochNotChecked { Self.deafen(view.feeds.map(\.feed)) }
        guard mistake == .acknowledgedBeforeCommit else { return }
        ordersLink.answerAhead { [board = orders.board] command in
            guard case .place(let order, _) = command, let status = board.status else { return nil }
            return .accepted(order, Version(1), status.head.next)
        }
    }

    private static func deafen(_ feeds: some Sequence<any Feed>) {
        for feed in feeds { (feed as? FeedLink)?.deafen() }
    }

    /// What the gateway projects.
    package var view: SimulatedView { gateway.view }

    var services: [any LoggingProcess] { [orders, payments, deliveries, notifications] }

    /// A service's log; nil while it is down.
    func log(_ name: LogName) -> EventLog? {
        switch name {
        case OrdersCore.log: orders.log
        case PaymentsCore.log: payments.log
        case DeliveriesCore.log: deliveries.log
        default: notifications.log
        }
    }

    /// Nothing goes wrong from here on; clocks are right.
    package func stopFaults() {
        network.stopFaults()
        broker.mend()
        for machine in machines { machine.mend() }
        for clock in clocks.values {
            clock.drift(0)
            clock.set(.zero)
        }
    }
}

/// Where the processes run, each with a machine and a clock of its own.
private struct Site {
    let folder: String
    let seed: UInt64
    let runtime: SimulatedRuntime
    private(set) var clocks: [String: SimulatedClock] = [:]
    private(set) var machines: [SimulatedMachine] = []

    init(folder: String, seed: UInt64, runtime: SimulatedRuntime) {
        (self.folder, self.seed, self.runtime) = (folder, seed, runtime)
    }

    mutating func machine(for process: String) throws -> SimulatedMachine {
        let own = "\(folder)/\(process)"
        try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
        let machine = try SimulatedMachine(
            folder: own, seed: seed &* 31 &+ UInt64(machines.count))
        machines.append(machine)
        return machine
    }

    mutating func clock(for process: String) -> SimulatedClock {
        let clock = SimulatedClock(in: runtime)
        clocks[process] = clock
        return clock
    }
}

private struct NoCalls: EffectHandler {
    func run(_ effect: Effect) -> EffectResult { .noAnswer("the orders service calls nobody") }
}

private struct NoProjections: ProjectionsClient {
    var statuses: [ProjectionStatus] { [] }
    func rebuild(_ name: String) -> RebuildAnswer { .unknown }
}

private struct SimulatedKeys: KeyRing {
    let path: String
    func keys(of owners: Set<String>) throws -> [String: SealingKey] {
        try OrdersKeys(path: path).keys(of: owners)
    }
}

/// A folder that is gone when its owner is.
package final class TemporaryFolder {
    package let path: String

    /// Makes a folder in memory where the system has one, since simulated disks need not be slow.
    package init() throws {
        let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(parent)/kassa.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FolderError(number: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    struct FolderError: Error { let number: Int32 }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != "." && name != ".." { remove("\(path)/\(name)") }
            }
            closedir(folder)
        }
        _ = Glibc.remove(path)
    }
}

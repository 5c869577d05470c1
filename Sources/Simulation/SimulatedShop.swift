package import Deliveries
import Domain
import EventSourcing
import EventStore
import Foundation
import Glibc
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
    package let view: SimulatedView
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
            DeliveriesCore(holdFor: .seconds(1800))
        }
        let keys = SimulatedKeys(path: orders.path)
        notifications = try service(MailCalls(mailer: outside, keys: keys)) { _ in
            NotificationsCore()
        }
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
        let viewed = links(of: "gateway")
        view = SimulatedView(
            path: "\(machine.folder)/read.db", machine: machine,
            broker: BrokerLink(of: "gateway", to: broker, over: network),
            feeds: [OrdersCore.log, PaymentsCore.log, DeliveriesCore.log, NotificationsCore.log]
                .compactMap { log in
                    viewed[log].map { (Source(log, Publication.facts), $0) }
                }, runtime: site.clock(for: "gateway"))
        (clocks, machines) = (site.clocks, site.machines)
        orders.feeds = links(of: orders.name)
        payments.feeds = links(of: payments.name)
        deliveries.feeds = links(of: deliveries.name)
        notifications.feeds = links(of: notifications.name)
        if let mistake { plant(mistake) }
    }

    package var processes: [any SimulatedProcess] {
        [orders, payments, deliveries, notifications, view, broker]
    }

    private func plant(_ mistake: Mistake) {
        let paths = [
            orders.name: orders.path, payments.name: payments.path,
            deliveries.name: deliveries.path, notifications.name: notifications.path,
        ]
        func plant<Core>(in service: SimulatedService<Core>) {
            service.mistake = mistake
            service.pathOfLog = { paths[$0.value] }
        }
        plant(in: orders)
        plant(in: payments)
        plant(in: deliveries)
        plant(in: notifications)
        view.mistake = mistake
    }

    /// Those whose next commit may fail.
    var failable: [any FailableService] { [orders, payments, deliveries, notifications] }

    /// Where a log ends; nil while its owner is down.
    func head(of log: LogName) -> Position? {
        switch log {
        case OrdersCore.log: orders.engine?.log.head
        case PaymentsCore.log: payments.engine?.log.head
        case DeliveriesCore.log: deliveries.engine?.log.head
        default: notifications.engine?.log.head
        }
    }

    /// Nothing goes wrong from here on; clocks are right.
    package func stopFaults() {
        network.stopFaults()
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

package import Deliveries
import Domain
import EventSourcing
import EventStore
import Glibc
import Messaging
package import Notifications
package import Orders
package import Payments
import Projections

/// The four services, their broker and the world outside, in one thread.
package final class SimulatedShop {
    package let runtime: SimulatedRuntime
    package let broker: FaultyBroker
    package let outside: SimulatedOutside
    package let orders: SimulatedService<OrdersCore>
    package let payments: SimulatedService<PaymentsCore>
    package let deliveries: SimulatedService<DeliveriesCore>
    package let notifications: SimulatedService<NotificationsCore>
    package let view: SimulatedView

    /// - Parameter folder: where the files are kept; it must exist and be empty.
    package init(folder: String, seed: UInt64) throws {
        let runtime = SimulatedRuntime(seed: seed)
        let broker = FaultyBroker(runtime: runtime, seed: seed)
        (self.runtime, self.broker) = (runtime, broker)
        let outside = SimulatedOutside(runtime: runtime)
        self.outside = outside
        let ordersPath = "\(folder)/orders.db"
        orders = SimulatedService(
            path: ordersPath, broker: broker, handler: NoCalls(), runtime: runtime,
            // Few, so that orders wait for their checkout to begin.
            makeCore: {
                OrdersCore(
                    runtime: runtime, startLimit: 1 + Int(seed % 5), payWithin: .seconds(20))
            })
        payments = SimulatedService(
            path: "\(folder)/payments.db", broker: broker,
            handler: PaymentCalls(provider: outside), runtime: runtime,
            makeCore: { PaymentsCore() })
        deliveries = SimulatedService(
            path: "\(folder)/deliveries.db", broker: broker,
            handler: CarrierCalls(carrier: outside), runtime: runtime,
            makeCore: { DeliveriesCore(holdFor: .seconds(1800)) })
        notifications = SimulatedService(
            path: "\(folder)/notifications.db", broker: broker,
            handler: MailCalls(mailer: outside, keys: SimulatedKeys(path: ordersPath)),
            runtime: runtime, makeCore: { NotificationsCore() })
        view = try SimulatedView(
            path: "\(folder)/read.db", broker: broker,
            feeds: [
                (Source(OrdersCore.log, Publication.facts), orders.feed),
                (Source(PaymentsCore.log, Publication.facts), payments.feed),
                (Source(DeliveriesCore.log, Publication.facts), deliveries.feed),
                (Source(NotificationsCore.log, Publication.facts), notifications.feed),
            ], runtime: runtime)
        orders.feeds = [
            PaymentsCore.log: payments.feed, DeliveriesCore.log: deliveries.feed,
        ]
        payments.feeds = [OrdersCore.log: orders.feed]
        deliveries.feeds = [OrdersCore.log: orders.feed]
        notifications.feeds = [
            OrdersCore.log: orders.feed, DeliveriesCore.log: deliveries.feed,
        ]
    }

    package var processes: [any SimulatedProcess] {
        [orders, payments, deliveries, notifications, view]
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

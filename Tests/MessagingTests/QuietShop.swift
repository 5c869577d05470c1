import Domain
import EventSourcing
import EventStore
import Foundation
import Messaging
import Orders
import Simulation
import Testing

/// The simulated shop without faults but those a test makes.
final class QuietShop {
    let folder: TemporaryFolder
    let shop: SimulatedShop
    private var random = SeededRandom(seed: 3)

    init() throws {
        folder = try TemporaryFolder()
        shop = try SimulatedShop(folder: folder.path, seed: 3)
        shop.stopFaults()
        try shop.broker.start()
    }

    var orders: SimulatedService<OrdersCore> { shop.orders }

    /// The broker, as another process reaches it.
    func broker(for process: String) -> BrokerLink {
        BrokerLink(of: process, to: shop.broker, over: shop.network)
    }

    func place(_ name: String, token: String = "tok_ok", contact: String? = "a@example.org") throws
        -> EngineOutput<OrdersAnswer>
    {
        let draft = try draft(token: token, contact: contact)
        return orders.submit(.place(try orderID(name), draft), context(name))
    }

    /// Lets processes work, each several steps a round.
    func run(_ processes: [any SimulatedProcess], rounds: Int = 60) throws {
        for _ in 0..<rounds {
            for process in processes where process.isUp {
                for _ in 0..<8 { _ = try process.step(&random) }
            }
            shop.runtime.advance(by: .milliseconds(60))
        }
    }

    /// Kills the orders service and puts `backup` in its file's place.
    func restoreOrders(from backup: String) throws {
        orders.crash()
        try copyDatabase(backup, to: orders.path)
    }

    func backUpOrders() throws -> String {
        let path = "\(folder.path)/backup\(shop.runtime.random()).db"
        try #require(orders.engine).log.backup(to: path)
        return path
    }

    /// As an operator does while the service is down.
    func openEpoch() throws {
        let now = shop.runtime.now()
        let log = try EventLog(
            path: orders.path, name: OrdersCore.log, at: now, durability: .none)
        try log.openEpoch(why: "restored", at: now)
        log.close()
    }

    func head() throws -> Position { try #require(orders.engine).log.head }

    /// How far the notifications service has read the orders.
    func read() throws -> Checkpoint {
        try #require(shop.notifications.engine).checkpoint(of: QuietShop.facts)
    }

    static let facts = Source(OrdersCore.log, Publication.facts)

    /// The orders whose mails the notifications service has asked for.
    func notified() throws -> [String] {
        let queries = try LogReader(path: shop.notifications.path).queries
        return try queries.log(after: .start, limit: 1000)
            .filter { $0.type.name == "notification.requested" }.map(\.stream.id)
    }

    /// Every message that a log's stream holds.
    func published(_ log: LogName = OrdersCore.log) throws -> [BrokerMessage] {
        let spy = Subscription(
            stream: Source(log, Publication.facts).stream,
            consumer: "spy\(shop.runtime.random() % 1_000_000)", filter: "")
        let broker = broker(for: "spy")
        var all: [BrokerMessage] = []
        while case let got = try broker.fetch(spy, limit: 1000, wait: .zero), !got.isEmpty {
            all += got.map(\.message)
        }
        return all
    }
}

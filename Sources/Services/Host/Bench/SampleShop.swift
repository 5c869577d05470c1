import Deliveries
import Domain
import EventSourcing
import EventStore
import Foundation
import Glibc
import Messaging
import Orders

/// A shop with whole orders in its files, as the services themselves have recorded them.
enum SampleShop {
    /// The most orders that are on their way at once, as in a shop that is busy.
    private static let open = 4000

    /// Runs a shop on the folder until all orders have come to their end, and stops it.
    ///
    /// - Throws: `Shop.Failure` where an order is refused, or nothing moves for two minutes.
    static func make(_ data: String, orders: Int, lines: Int, progress: (String) -> Void) throws {
        var settings = Shop.Settings(data: data)
        settings.port = 0
        let shop = try Shop.start(settings)
        defer { shop.stop() }
        let skus = try (0..<lines).map { line in
            guard let sku = SKU("sku-\(line)") else {
                throw Shop.Failure.cannotStart("sku-\(line) is no SKU")
            }
            return sku
        }
        for sku in skus {
            let context = CommandContext(metadata: Metadata(correlation: "bench", actor: "bench"))
            let output = shop.deliveries.request(
                .command(.receive(sku, quantity: orders, reference: nil), context))
            guard case .answer(.received(_, _, _), _) = output else {
                throw Shop.Failure.cannotStart("the goods were not received: \(output)")
            }
        }
        for number in 0..<orders {
            if number % 256 == 0 { try wait(for: shop, toEnd: number - open, progress) }
            try place(number, skus, in: shop)
        }
        try wait(for: shop, toEnd: orders, progress)
        try waitForQuiet(shop)
    }

    private static func place(_ number: Int, _ skus: [SKU], in shop: Shop) throws {
        let draft = try Order.Draft(
            customer: CustomerID("c-\(number % 1000)"), contact: "customer@example.org",
            currency: .gbp,
            lines: skus.map {
                try OrderLine(sku: $0, quantity: 1, unitPrice: Money(minor: 1250, currency: .gbp))
            }, token: "tok_ok")
        guard let id = OrderID(shop.runtime.newID()) else { return }
        let context = CommandContext(metadata: Metadata(correlation: id.value, actor: "bench"))
        shop.orders.submit(.place(id, draft), context) { _ in }
    }

    private static func wait(for shop: Shop, toEnd count: Int, _ progress: (String) -> Void) throws
    {
        var last = (completed: -1, at: Stopwatch.wall())
        while true {
            let completed = try shop.completedOrders()
            if completed >= count { return }
            progress("\(completed) orders completed")
            if completed > last.completed { last = (completed, Stopwatch.wall()) }
            guard Stopwatch.wall() - last.at < 120 else {
                throw Shop.Failure.cannotStart("no order was completed for two minutes")
            }
            usleep(20_000)
        }
    }

    /// Parcels and mails go on behind an order's end.
    private static func waitForQuiet(_ shop: Shop) throws {
        var last = shop.eventCount
        var since = Stopwatch.wall()
        while Stopwatch.wall() - since < 2 {
            usleep(100_000)
            let count = shop.eventCount
            if count != last { (last, since) = (count, Stopwatch.wall()) }
        }
    }
}

extension Shop {
    /// How many events all logs hold.
    fileprivate var eventCount: Int64 {
        [
            orders.board.status, payments.board.status, deliveries.board.status,
            notifications.board.status,
        ].reduce(0) { $0 + ($1?.head.value ?? 0) }
    }
}

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
        // No more at a time than may wait for a writer.
        for first in stride(from: 0, to: orders, by: 256) {
            try wait(for: shop, toEnd: first - open, progress)
            try place(first..<min(first + 256, orders), skus, in: shop)
        }
        try wait(for: shop, toEnd: orders, progress)
        try waitForQuiet(shop)
    }

    /// Places orders, and waits until each is on record.
    private static func place(_ numbers: Range<Int>, _ skus: [SKU], in shop: Shop) throws {
        let answers = Monitor<[EngineOutput<OrdersAnswer>]>([])
        for number in numbers {
            let draft = try Order.Draft(
                customer: CustomerID("c-\(number % 1000)"), contact: "customer@example.org",
                currency: .gbp,
                lines: skus.map {
                    try OrderLine(
                        sku: $0, quantity: 1, unitPrice: Money(minor: 1250, currency: .gbp))
                }, token: "tok_ok")
            guard let id = OrderID(shop.runtime.newID()) else {
                throw Shop.Failure.cannotStart("a new id is no order's")
            }
            let context = CommandContext(metadata: Metadata(correlation: id.value, actor: "bench"))
            shop.orders.submit(.place(id, draft), context) { answer in
                answers.withLock { $0.append(answer) }
                answers.wakeAll()
            }
        }
        let all = answers.wait(until: .now() + .seconds(120)) { answers in
            answers.count == numbers.count ? .done(answers) : .wait(atMost: nil)
        }
        guard let all else { throw Shop.Failure.cannotStart("no answer for two minutes") }
        for answer in all {
            guard case .answer(.accepted, _) = answer else {
                throw Shop.Failure.cannotStart("an order was not accepted: \(answer)")
            }
        }
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

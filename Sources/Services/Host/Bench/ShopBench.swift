import Deliveries
import Domain
import EventSourcing
import EventStore
import Foundation
import Glibc
import Messaging
import Orders

/// Orders through the whole shop: placed at once by the service's own queue, and on until every
/// projection has them.
package enum ShopBench {
    /// - Parameter data: a folder that is made, and removed afterwards.
    package static func run(data: String, orders: Int, lines: Int, progress: (String) -> Void)
        throws -> BenchReport
    {
        defer { try? FileManager.default.removeItem(atPath: data) }
        var settings = Shop.Settings(data: data)
        settings.port = 0
        let shop = try Shop.start(settings)
        defer { shop.stop() }
        try receiveGoods(shop, orders: orders, lines: lines)
        let threadsBefore = Stopwatch.threads()
        let (wall, processor) = (Stopwatch.wall(), Stopwatch.processor())
        let accepted = try place(shop, orders: orders, lines: lines)
        let acceptedAt = Stopwatch.wall()
        try waitForCompletion(shop, orders: orders, progress: progress)
        let (wallEnd, processorEnd) = (Stopwatch.wall(), Stopwatch.processor())
        var report = BenchReport()
        report.add("accepted", Double(accepted) / (acceptedAt - wall), "orders/s")
        report.add(
            "completed, projections caught up", Double(orders) / (wallEnd - wall), "orders/s")
        report.add("events", Double(shop.eventCount) / (wallEnd - wall), "events/s")
        report.add("events an order", Double(shop.eventCount) / Double(orders), "events")
        let count = Double(orders)
        report.add("processor time", (processorEnd - processor) / count * 1e6, "us an order")
        for (name, seconds) in Stopwatch.threads().sorted(by: { $0.key < $1.key }) {
            let spent = (seconds - (threadsBefore[name] ?? 0)) / count * 1e6
            if spent >= 0.5 { report.add("  \(name)", spent, "us an order") }
        }
        report.add("peak memory", Stopwatch.peakMemory(), "MiB")
        return report
    }

    private static func receiveGoods(_ shop: Shop, orders: Int, lines: Int) throws {
        for line in 0..<lines {
            guard let sku = SKU("sku-\(line)") else { continue }
            let output = shop.deliveries.request(
                .command(
                    .receive(sku, quantity: orders, reference: nil),
                    CommandContext(metadata: Metadata(correlation: "bench", actor: "bench"))))
            guard case .answer(.received(_, _, _), _) = output else {
                throw Shop.Failure.cannotStart("the goods were not received: \(output)")
            }
        }
    }

    /// Places all orders, as many at once as the service lets wait; returns how many were accepted.
    private static func place(_ shop: Shop, orders: Int, lines: Int) throws -> Int {
        let counter = Monitor((done: 0, accepted: 0))
        for number in 0..<orders {
            let placed = try draft(number, lines: lines)
            // Not so many that the service would refuse.
            _ = counter.wait(until: .now() + .seconds(60)) {
                number - $0.done < 5000 ? .done(()) : .wait(atMost: nil)
            }
            guard let id = OrderID(shop.runtime.newID()) else { continue }
            let metadata = Metadata(correlation: id.value, actor: "bench")
            shop.orders.submit(.place(id, placed), CommandContext(metadata: metadata)) { output in
                counter.withLock { counter in
                    counter.done += 1
                    if case .answer(.accepted(_, _, _), _) = output { counter.accepted += 1 }
                }
                counter.wakeAll()
            }
        }
        _ = counter.wait(until: .now() + .seconds(60)) {
            $0.done == orders ? .done(()) : .wait(atMost: nil)
        }
        return counter.withLock { $0.accepted }
    }

    private static func draft(_ number: Int, lines: Int) throws -> Order.Draft {
        var ordered: [OrderLine] = []
        for line in 0..<lines {
            guard let sku = SKU("sku-\(line)") else { continue }
            ordered.append(
                try OrderLine(
                    sku: sku, quantity: 1, unitPrice: Money(minor: 1250, currency: .gbp)))
        }
        return try Order.Draft(
            customer: CustomerID("c-\(number % 1000)"), contact: "customer@example.org",
            currency: .gbp, lines: ordered, token: "tok_ok")
    }

    private static func waitForCompletion(
        _ shop: Shop, orders: Int, progress: (String) -> Void
    ) throws {
        for _ in 0..<60_000 {
            let completed = try shop.completedOrders()
            progress("\(completed) of \(orders) orders completed")
            if completed >= orders { return }
            usleep(20_000)
        }
        throw Shop.Failure.cannotStart("the orders were not completed within twenty minutes")
    }
}

extension Shop {
    /// How many events all logs hold.
    var eventCount: Int64 {
        [
            orders.board.status, payments.board.status, deliveries.board.status,
            notifications.board.status,
        ].reduce(0) { $0 + ($1?.head.value ?? 0) }
    }
}

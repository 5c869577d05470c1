import EventSourcing
import Foundation
import Glibc
import HTTP

/// Many times what a shop carries, placed at even distances whatever becomes of it: what is
/// refused, how long what is taken waits, and how soon the shop is itself again.
package enum OverloadBench {
    package struct Settings: Sendable {
        /// How many times as many orders are placed as are completed at full load.
        package var times = 10.0
        package var seconds = 20
        /// How long full load is held before, and looked at again after it.
        package var fullSeconds = 10
        /// Enough that no request waits for a connection while others are answered.
        package var clients = 2000
        package var lines = 3
        /// A process each, instead of one.
        package var processes = false

        package init() {}
    }

    /// So long after the last request of the overload all is to be as before.
    private static let recovery = 5.0
    /// How much of full speed is full speed: as much as two runs differ by.
    private static let tolerance = 0.8

    /// - Parameters:
    ///   - data: where to put the files; there is nothing there yet.
    ///   - progress: told, now and then, what is done.
    package static func run(_ settings: Settings, data: String, progress: (String) -> Void) throws
        -> BenchReport
    {
        let process = settings.processes ? try ShopProcess(data, []) : nil
        defer { process?.end(SIGTERM) }
        let shop = try process.map { try BenchedShop(of: $0) } ?? BenchedShop(data: data)
        defer { shop.stop() }
        try shop.receiveGoods(lines: settings.lines)
        let requests = shop.requests(lines: settings.lines)
        try shop.waitUntilQuiet()
        let full = try FullLoad.hold(
            shop, try shop.driver(connections: 64), seconds: settings.fullSeconds, requests,
            progress)
        guard full.accepted > 0 else {
            throw BenchedShop.Failure.refused("no order was accepted at full load")
        }
        try shop.waitUntilQuiet()

        let before = try shop.completedOrders()
        let rate = full.completedPerSecond * settings.times
        var surplus = try Placing(shop, clients: settings.clients)
        progress("overload")
        try surplus.run(.open(perSecond: rate), .seconds(settings.seconds), requests)
        let memory = process?.memory ?? ProcessState.read().peakBytes
        let end = Stopwatch.wall()
        let waiting = try shop.settledStanding().openCheckouts

        while Stopwatch.wall() - end < recovery { usleep(20_000) }
        progress("after it")
        let (then, since) = (try shop.settledStanding(), Stopwatch.wall())
        var again = try Placing(shop, clients: 64)
        let load = FullLoad()
        try load.follow(shop) {
            try again.run(.upTo(load.limit), .seconds(settings.fullSeconds), requests)
        }
        // As the log has them: rows come later, behind all that waits.
        let now = try shop.settledStanding()
        let ended = then.openCheckouts + again.accepted - now.openCheckouts
        let recovered = Double(ended) / max(Stopwatch.wall() - since, 1e-6)
        try shop.waitUntilCompleted(surplus.accepted + again.accepted, after: before) {
            progress("draining: \($0)")
        }

        var report = BenchReport()
        report.begin("full load before")
        report.add("completed a second", full.completedPerSecond, "orders/s")
        report.add("placing: due to 201", full.placing)
        report.begin("overload: \(settings.clients) clients, for \(settings.seconds) s")
        report.add("asked for a second", rate, "orders/s")
        surplus.describe(in: &report)
        report.add("waiting at its end", Double(waiting), "orders")
        report.add(
            process == nil ? "memory at its peak" : "memory of all, at its end",
            ShopBench.mebibytes(memory), "MB", .atMost(400))
        report.add(
            "p99 of what was accepted", surplus.placing.milliseconds(0.99), "ms", .atMost(1000))
        report.begin("full load again, from \(Int(recovery)) s after it on")
        again.describe(in: &report)
        report.add("ended a second, as the log has them", recovered, "orders/s")
        report.add("events that the rows lack by then", Double(now.behind), "events")
        report.add(
            "of what was completed before", recovered / full.completedPerSecond, "times",
            .atLeast(tolerance))
        // To work off what waits is not to be open again.
        report.add("refused of what was asked for", again.refusedPart * 100, "%", .atMost(1))
        return report
    }

    /// Requests at one pace, and what became of them; nobody waits for their orders.
    private struct Placing {
        private let driver: LoadDriver
        private(set) var accepted = 0
        private var refused = 0
        private var failed = 0
        private(set) var placing = Latencies()
        private var refusing = Latencies()
        private var seconds = 0.0

        init(_ shop: BenchedShop, clients: Int) throws {
            driver = try shop.driver(connections: clients)
        }

        mutating func run(
            _ pace: LoadDriver.Pace, _ time: Duration, _ requests: [[UInt8]]
        ) throws {
            seconds =
                try driver.run(pace, .time(time), requests: requests) { answer in
                    switch answer.status {
                    case 201:
                        accepted += 1
                        placing.add(microseconds: answer.nanoseconds / 1000)
                    case 503:
                        refused += 1
                        refusing.add(microseconds: answer.nanoseconds / 1000)
                    default: failed += 1
                    }
                }.seconds
        }

        var refusedPart: Double {
            Double(refused + failed) / Double(max(1, accepted + refused + failed))
        }

        func describe(in report: inout BenchReport) {
            let all = Double(accepted + refused + failed)
            report.add("answered a second", all / max(seconds, 1e-6), "requests/s")
            report.add("accepted", Double(accepted), "orders")
            report.add("accepted a second", Double(accepted) / max(seconds, 1e-6), "orders/s")
            report.add("refused with 503", Double(refused), "orders")
            report.add("failed", Double(failed), "orders")
            report.add("placing: due to 201", placing)
            report.add("refused: due to 503", refusing)
        }
    }
}

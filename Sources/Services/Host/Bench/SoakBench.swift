import EventSourcing
import Foundation
import Glibc
import HTTP
import Messaging

/// Half of what the shop carries, for long: what leaks shows in memory and descriptors.
package enum SoakBench {
    package struct Settings: Sendable {
        package var seconds = 3600.0
        /// Orders a second; nil for half of what a short burst completes.
        package var rate: Double?
        package var clients = 64
        package var lines = 3

        package init() {}

        /// Every ten seconds, oftener in a short run.
        fileprivate var interval: Double { min(10, max(1, seconds / 30)) }
    }

    /// What was seen at one moment.
    package struct Sample: Sendable {
        package let seconds: Double
        package let state: ProcessState
        package let wal: Int64
        package let data: Int64
        package let accepted: Int
        package let refused: Int
        package let failed: Int
        /// Of the orders since the sample before, in milliseconds.
        package let p99: Double
        package let openCheckouts: Int

        package static let titles = [
            "seconds", "memory MB", "descriptors", "threads", "WAL MB", "data MB", "accepted",
            "refused", "failed", "p99 ms", "open",
        ]

        /// Cells under the titles.
        package var texts: [String] {
            func mebibytes(_ bytes: Int64) -> String {
                String(format: "%.1f", ShopBench.mebibytes(bytes))
            }
            return [
                String(format: "%.0f", seconds), mebibytes(state.residentBytes),
                "\(state.descriptors)", "\(state.threads)", mebibytes(wal), mebibytes(data),
                "\(accepted)", "\(refused)", "\(failed)", String(format: "%.1f", p99),
                "\(openCheckouts)",
            ]
        }
    }

    /// How much more there may be in the last third of a run than in its first: memory may still
    /// fill caches, a descriptor more or less is a connection.
    private static let memoryTolerance = (part: 0.10, bytes: 32.0 * 1_048_576)
    private static let descriptorTolerance = 8.0
    /// Ten minutes' worth; what grows before that is no leak.
    private static let leastSamples = 60
    /// On disk, all logs and the rows together; an hour with three lines an order took 15,200.
    private static let bytesPerOrder = 17_000.0

    private struct Load: Sendable {
        var accepted = 0
        var refused = 0
        var failed = 0
        var recent = Latencies()
        var all = Latencies()
        /// Why it ended early, or that it ended.
        var end: Result<Void, HTTPClientError>?
    }

    /// - Parameters:
    ///   - data: where to put the files; there is nothing there yet.
    ///   - progress: told, now and then, what is done.
    ///   - show: told each sample.
    /// - Returns: the figures, and what grew beyond the tolerance; nothing where all is flat.
    package static func run(
        _ settings: Settings, data: String, progress: (String) -> Void, show: (Sample) -> Void
    ) throws -> (report: BenchReport, growth: [String]) {
        let shop = try BenchedShop(data: data)
        defer { shop.stop() }
        try shop.receiveGoods(lines: settings.lines)
        let requests = shop.requests(lines: settings.lines)
        var driver = try shop.driver(connections: settings.clients)
        let rate =
            try settings.rate
            ?? {
                let burst = try LoadPhase(
                    shop, driver, .closed, .time(.seconds(5)), requests: requests
                ) { progress("burst: \($0)") }
                return max(1, burst.completedPerSecond / 2)
            }()
        try refuseWhereDiskIsShort(data, orders: rate * settings.seconds)
        try shop.waitUntilQuiet()
        driver = try shop.driver(connections: settings.clients)
        let before = try shop.standing().unavailable
        let completed = try shop.completedOrders()
        let load = Monitor(Load())
        let worker = start(driver, load, rate, settings, requests)
        let samples = try watch(shop, load, settings, show)
        worker.join()
        let end = load.withLock { $0 }
        if case .failure(let error)? = end.end { throw error }
        progress("waiting for the last orders")
        try shop.waitUntilCompleted(end.accepted, after: completed, progress: progress)
        let refusals = try shop.standing().unavailable.merging(before, uniquingKeysWith: -)
        return judge(samples, end, rate, refusals)
    }

    /// A disk that fills up at the end of an hour would tell of something else.
    private static func refuseWhereDiskIsShort(_ data: String, orders: Double) throws {
        let (needed, free) = (orders * bytesPerOrder, Double(BenchFolder.freeBytes(at: data)))
        guard needed > free * 0.9 else { return }
        func gigabytes(_ bytes: Double) -> String { String(format: "%.1f GB", bytes / 1e9) }
        throw BenchedShop.Failure.refused(
            "\(Int(orders)) orders take about \(gigabytes(needed)), and the disk under \(data) has "
                + "\(gigabytes(free)) left; give a lower --rate, fewer --minutes or another --data")
    }

    /// The driver is made here and used by the one thread that is started.
    private static func start(
        _ driver: LoadDriver, _ load: Monitor<Load>, _ rate: Double, _ settings: Settings,
        _ requests: [[UInt8]]
    ) -> Worker {
        nonisolated(unsafe) let driver = driver
        return Worker("clients", .awaited) {
            do throws(HTTPClientError) {
                try driver.run(
                    .open(perSecond: rate), .time(.seconds(settings.seconds)), requests: requests
                ) { answer in
                    load.withLock { load in
                        switch answer.status {
                        case 201:
                            load.accepted += 1
                            load.recent.add(microseconds: answer.nanoseconds / 1000)
                            load.all.add(microseconds: answer.nanoseconds / 1000)
                        case 503: load.refused += 1
                        default: load.failed += 1
                        }
                    }
                }
                load.withLock { $0.end = .success(()) }
            } catch { load.withLock { $0.end = .failure(error) } }
            load.wakeAll()
        }
    }

    private static func watch(
        _ shop: BenchedShop, _ load: Monitor<Load>, _ settings: Settings, _ show: (Sample) -> Void
    ) throws -> [Sample] {
        let begin = Stopwatch.wall()
        var samples: [Sample] = []
        while true {
            let due = begin + settings.interval * Double(samples.count + 1)
            let hasEnded =
                load.wait(until: .now() + .seconds(max(0, due - Stopwatch.wall()))) { load in
                    load.end == nil ? .wait(atMost: nil) : .done(true)
                } ?? false
            if hasEnded { return samples }
            let open = try shop.standing().openCheckouts
            let seen = load.withLock { load in
                defer { load.recent = Latencies() }
                return load
            }
            let sample = Sample(
                seconds: Stopwatch.wall() - begin, state: .read(),
                wal: shop.bytes(suffixes: ["-wal"]), data: shop.bytes(suffixes: [".db", "-wal"]),
                accepted: seen.accepted, refused: seen.refused, failed: seen.failed,
                p99: seen.recent.milliseconds(0.99), openCheckouts: open)
            samples.append(sample)
            show(sample)
        }
    }

    /// - Parameter refusals: answers with 503, by reason.
    private static func judge(
        _ samples: [Sample], _ load: Load, _ rate: Double, _ refusals: [String: Int]
    ) -> (report: BenchReport, growth: [String]) {
        var report = BenchReport()
        report.begin("load")
        report.add("asked for a second", rate, "orders/s")
        report.add("accepted", Double(load.accepted), "orders")
        report.add("refused with 503", Double(load.refused), "orders")
        for (reason, count) in refusals.sorted(by: { $0.key < $1.key }) where count > 0 {
            report.add("  as \(reason)", Double(count), "requests")
        }
        report.add("failed", Double(load.failed), "orders")
        report.add("placing: due to 201", load.all)
        var growth: [String] = []
        func add(_ name: String, _ unit: String, _ value: (Sample) -> Double) -> Trend {
            let trend = Trend(samples.map { ($0.seconds, value($0)) })
            report.begin(name)
            report.add("median of the first third", trend.first, unit)
            report.add("median of the last third", trend.last, unit)
            report.add("slope", trend.perHour, "\(unit) an hour")
            return trend
        }
        let memory = add("memory", "MB") { ShopBench.mebibytes($0.state.residentBytes) }
        let allowed = max(
            memory.first * memoryTolerance.part, memoryTolerance.bytes / 1_048_576)
        if memory.last > memory.first + allowed {
            growth.append(
                "memory grew from \(Int(memory.first)) to \(Int(memory.last)) MB; "
                    + "\(Int(allowed)) MB more are allowed")
        }
        let files = add("descriptors", "descriptors") { Double($0.state.descriptors) }
        if files.last > files.first + descriptorTolerance {
            growth.append(
                "descriptors grew from \(Int(files.first)) to \(Int(files.last)); "
                    + "\(Int(descriptorTolerance)) more are allowed")
        }
        _ = add("threads", "threads") { Double($0.state.threads) }
        _ = add("WAL", "MB") { ShopBench.mebibytes($0.wal) }
        _ = add("data", "MB") { ShopBench.mebibytes($0.data) }
        _ = add("placing, p99 of each interval", "ms") { $0.p99 }
        if samples.count < leastSamples {
            report.note(
                "fewer than \(leastSamples) samples: caches still fill, and growth says nothing")
            growth = []
        }
        return (report, growth)
    }
}

/// How a figure went over a run.
package struct Trend {
    /// Medians of the first and the last third.
    package let first: Double
    package let last: Double
    /// By least squares.
    package let perHour: Double

    package init(_ points: [(seconds: Double, value: Double)]) {
        let third = max(1, points.count / 3)
        func median(_ part: some Collection<(seconds: Double, value: Double)>) -> Double {
            let sorted = part.map(\.value).sorted()
            return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
        }
        first = median(points.prefix(third))
        last = median(points.suffix(third))
        let count = Double(max(1, points.count))
        let middle = points.reduce(0) { $0 + $1.seconds } / count
        let mean = points.reduce(0) { $0 + $1.value } / count
        let spread = points.reduce(0) { $0 + ($1.seconds - middle) * ($1.seconds - middle) }
        let shared = points.reduce(0) { $0 + ($1.seconds - middle) * ($1.value - mean) }
        perHour = spread > 0 ? shared / spread * 3600 : 0
    }
}

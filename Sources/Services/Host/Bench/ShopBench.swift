import EventSourcing
import Foundation
import HTTP

/// Orders through the whole shop over HTTP: as many as it completes, then half of that, then a
/// burst as fast as it accepts them, each until every order is completed and the rows show it.
package enum ShopBench {
    /// Which shop is driven.
    package enum Target: Sendable {
        /// One that is started in this process, with its files at this path, where there is
        /// nothing yet.
        case fresh(String)
        /// One that runs.
        case running(host: String, port: UInt16)
    }

    package struct Settings: Sendable {
        /// How much the burst is.
        package enum Burst: Sendable {
            case orders(Int)
            case seconds(Int)
        }

        package var burst = Burst.orders(10_000)
        package var clients = 64
        package var lines = 3
        /// How long all of what is completed is placed, and half of it.
        package var fullSeconds = 10
        package var halfSeconds = 5

        package init() {}

        fileprivate var amount: LoadDriver.Amount {
            switch burst {
            case .orders(let count): .requests(count)
            case .seconds(let seconds): .time(.seconds(seconds))
            }
        }
    }

    /// - Parameter progress: told, now and then, what is done.
    /// - Throws: where the shop does not start or cannot be reached, or orders are not completed.
    package static func run(_ settings: Settings, _ target: Target, progress: (String) -> Void)
        throws -> BenchReport
    {
        let shop =
            switch target {
            case .fresh(let data): try BenchedShop(data: data)
            case .running(let host, let port): try BenchedShop(host: host, port: port)
            }
        var isRunning = true
        defer { if isRunning { shop.stop() } }
        try shop.receiveGoods(lines: settings.lines)
        let requests = shop.requests(lines: settings.lines)
        let driver = try shop.driver(connections: settings.clients)
        try shop.waitUntilQuiet()

        var report = BenchReport()
        let sampler = StageSampler()
        let full = try FullLoad.hold(
            shop, driver, seconds: settings.fullSeconds, requests, progress)
        let (stages, spent, samples) = sampler.end()
        guard full.accepted > 0 else {
            throw BenchedShop.Failure.refused(
                "no order was accepted: \(full.refused) refused, \(full.failed) failed")
        }
        try shop.waitUntilQuiet()
        let rate = full.completedPerSecond / 2
        // Connections of its own: others may have been idle for too long by now.
        let half = try LoadPhase(
            shop, try shop.driver(connections: settings.clients), .open(perSecond: rate),
            .time(.seconds(settings.halfSeconds)), requests: requests
        ) { progress("half load: \($0)") }
        try shop.waitUntilQuiet()
        let burst = try LoadPhase(
            shop, try shop.driver(connections: settings.clients), .closed, settings.amount,
            requests: requests
        ) { progress("burst: \($0)") }
        try shop.waitUntilQuiet()

        // Before all logs are read, which is no part of what a shop does.
        let memory = ProcessState.read()
        progress("reading the logs")
        report.begin(
            "full load: as many as are completed, \(settings.clients) clients, "
                + "\(settings.lines) lines an order")
        try describe(full, of: shop, .atLeast(2000, target: 5000), in: &report)
        report.begin("half load: half of what was completed, at even distances")
        report.add("asked for a second", rate, "orders/s")
        try describe(half, of: shop, nil, in: &report)
        report.begin("burst: as fast as they are accepted")
        report.add("accepted a second", burst.acceptedPerSecond, "orders/s", .atLeast(4000))
        report.add("placing took", burst.placingSeconds, "s")
        try describe(burst, of: shop, nil, in: &report)
        if let data = shop.data {
            add(
                stages, samples, isPrecise: sampler.isPrecise, spent, orders: full.accepted,
                to: &report)
            report.begin("memory")
            report.add("peak", mebibytes(memory.peakBytes), "MB", .atMost(400, target: 300))
            report.add("at the end", mebibytes(memory.residentBytes), "MB")
            shop.stop()
            isRunning = false
            addSizes(
                of: data, orders: full.accepted + half.accepted + burst.accepted, to: &report)
        } else {
            report.note(
                "the shop runs in another process: its processor time by stage, memory and files "
                    + "cannot be seen from here")
        }
        return report
    }

    private static func describe(
        _ phase: LoadPhase, of shop: BenchedShop, _ goal: BenchReport.Bounds?,
        in report: inout BenchReport
    ) throws {
        add(phase, to: &report)
        report.add("completed a second", phase.completedPerSecond, "orders/s", goal)
        report.add("drained after", phase.drainSeconds, "s")
        report.add("events a second", phase.eventsPerSecond, "events/s")
        report.add("events an order", Double(phase.events) / Double(phase.accepted), "events")
        let recorded = try phase.recorded(in: shop)
        report.add("placing: due to 201", phase.placing)
        report.add("placed to delivered", recorded.delivered)
        report.add("placed to completed", recorded.completed)
    }

    private static func add(_ phase: LoadPhase, to report: inout BenchReport) {
        report.add("accepted", Double(phase.accepted), "orders")
        report.add("refused with 503", Double(phase.refused), "orders")
        report.add("failed", Double(phase.failed), "orders")
    }

    private static func add(
        _ stages: [(name: String, seconds: Double)], _ samples: Int, isPrecise: Bool,
        _ spent: Double, orders: Int, to report: inout BenchReport
    ) {
        report.begin("processor time an order, at full load")
        for (name, seconds) in stages {
            report.add(name, seconds / Double(orders) * 1e6, "us")
        }
        report.add("all of the process", spent / Double(orders) * 1e6, "us")
        report.add("samples", Double(samples), "samples")
        if !isPrecise {
            report.note(
                "sampled at the kernel's ticks, as performance events are not allowed here: "
                    + "threads that run shortly are seen too little")
        }
    }

    /// Of files that are closed: nothing waits in a `-wal`.
    private static func addSizes(of data: String, orders: Int, to report: inout BenchReport) {
        report.begin("on disk")
        var all = 0.0
        for (name, folder) in EventListing.services.map({ ("\($0) log", $0) })
            + [("read store", "gateway")]
        {
            let bytes = Double(BenchFolder.bytes(in: "\(data)/\(folder)", suffixes: [".db"]))
            report.add(name, bytes / Double(orders), "bytes an order")
            all += bytes
        }
        report.add("logs and read store", all / Double(orders), "bytes an order")
        let mails = Double(BenchFolder.bytes(in: DataFolder.mails(in: data)))
        report.add("mails", mails / Double(orders), "bytes an order")
        report.add(
            "broker, a window of bounded size",
            mebibytes(brokerBytes(in: data)), "MB")
    }

    /// A folder a stream.
    static func brokerBytes(in data: String) -> Int64 {
        let streams = (try? FileManager.default.contentsOfDirectory(atPath: "\(data)/broker")) ?? []
        return streams.reduce(0) { $0 + BenchFolder.bytes(in: "\(data)/broker/\($1)") }
    }

    static func mebibytes(_ bytes: Int64) -> Double { Double(bytes) / 1_048_576 }
}

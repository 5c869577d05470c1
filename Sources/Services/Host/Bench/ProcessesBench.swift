import Glibc
import HTTP

/// The shop as it is run without being told, a process each, beside the same shop in one process:
/// each in turn, at full load.
package enum ProcessesBench {
    package struct Settings: Sendable {
        package var clients = 64
        package var lines = 3
        /// How long full load is held each time.
        package var seconds = 10
        /// How often each is measured.
        package var rounds = 2

        package init() {}
    }

    private struct Seen {
        var completed: [Double] = []
        /// By part: microseconds of processor time an order, and bytes.
        var spent: [(part: String, microseconds: Double, bytes: Int64)] = []
        var placing: [Latencies] = []
        var failed = 0

        var best: Double { completed.max() ?? 0 }
    }

    /// - Parameter progress: told, now and then, what is done.
    /// - Throws: where a shop does not start, or orders are not completed.
    package static func run(
        _ settings: Settings, data: String, progress: (String) -> Void
    ) throws -> BenchReport {
        var (processes, single) = (Seen(), Seen())
        for round in 1...settings.rounds {
            try hold(settings, "\(data)/processes-\(round)", [], into: &processes) {
                progress("a process each, \(round): \($0)")
            }
            try hold(settings, "\(data)/single-\(round)", ["--single-process"], into: &single) {
                progress("one process, \(round): \($0)")
            }
        }
        var report = BenchReport()
        report.begin("a process each: full load, \(settings.clients) clients")
        describe(processes, .atLeast(1500), in: &report)
        for part in processes.spent {
            report.add("\(part.part), processor time", part.microseconds, "us an order")
        }
        let memory = processes.spent.reduce(0) { $0 + $1.bytes }
        report.add("memory of all, at the end", Double(memory) / 1_048_576, "MB", .atMost(400))
        report.begin("the same in one process")
        describe(single, nil, in: &report)
        let time = single.spent.reduce(0) { $0 + $1.microseconds }
        report.add("processor time", time, "us an order")
        report.begin("a process each, beside one process")
        report.add(
            "completed a second", processes.best / max(single.best, 1e-6), "times", .atLeast(0.6))
        return report
    }

    private static func describe(
        _ seen: Seen, _ bounds: BenchReport.Bounds?, in report: inout BenchReport
    ) {
        report.add("completed a second, at best", seen.best, "orders/s", bounds)
        report.add("completed a second, at worst", seen.completed.min() ?? 0, "orders/s")
        report.add("refused or failed", Double(seen.failed), "orders")
        for (round, latencies) in seen.placing.enumerated() {
            report.add("placing: due to 201, round \(round + 1)", latencies)
        }
    }

    private static func hold(
        _ settings: Settings, _ data: String, _ options: [String], into seen: inout Seen,
        progress: (String) -> Void
    ) throws {
        progress("starting")
        let process = try ShopProcess(data, options)
        defer { process.end(SIGTERM) }
        let shop = try BenchedShop(of: process)
        try shop.receiveGoods(lines: settings.lines)
        let requests = shop.requests(lines: settings.lines)
        let driver = try shop.driver(connections: settings.clients)
        try shop.waitUntilQuiet()
        let before = spent(process)
        let full = try FullLoad.hold(
            shop, driver, seconds: settings.seconds, requests, progress)
        let after = spent(process)
        guard full.accepted > 0 else {
            throw BenchedShop.Failure.refused("no order was accepted")
        }
        seen.completed.append(full.completedPerSecond)
        seen.placing.append(full.placing)
        seen.failed += full.refused + full.failed
        seen.spent = after.map { part, now in
            let seconds = now.seconds - (before[part]?.seconds ?? 0)
            return (part, seconds / Double(full.accepted) * 1e6, now.bytes)
        }.sorted { $0.part < $1.part }
    }

    private static func spent(_ process: ShopProcess)
        -> [String: (seconds: Double, bytes: Int64)]
    {
        var spent: [String: (seconds: Double, bytes: Int64)] = [:]
        for (part, number) in process.all {
            spent[part] = (
                ShopProcess.processorTime(of: number), ShopProcess.memory(of: number)
            )
        }
        return spent
    }
}

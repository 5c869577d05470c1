import HTTP
import Telemetry

/// What it costs to tell of every span: the same shop at full load, without tracing and with it,
/// in turn. Whoever is told is a thread of the same process that answers at once.
package enum TracingBench {
    package struct Settings: Sendable {
        package var clients = 64
        package var lines = 3
        /// How long full load is held each time.
        package var seconds = 10
        /// How often each is measured.
        package var rounds = 3

        package init() {}
    }

    private struct Seen {
        var completed: [Double] = []
        /// Microseconds of processor time an order.
        var spent: [Double] = []
        var placing: [Latencies] = []
        var orders = 0
        var failed = 0
        var spans = SpanCounts()

        var mean: Double { Self.mean(completed) }

        static func mean(_ values: [Double]) -> Double {
            values.reduce(0, +) / Double(max(1, values.count))
        }
    }

    /// - Parameter progress: told, now and then, what is done.
    /// - Throws: where a shop does not start, or orders are not completed.
    package static func run(
        _ settings: Settings, data: String, progress: (String) -> Void
    ) throws -> BenchReport {
        let sink = try TraceSink()
        defer { sink.stop() }
        var (without, with) = (Seen(), Seen())
        for round in 1...settings.rounds {
            try hold(settings, "\(data)/without-\(round)", nil, into: &without) {
                progress("without spans, \(round): \($0)")
            }
            try hold(
                settings, "\(data)/with-\(round)", TracingSettings(sink.url), into: &with
            ) { progress("with spans, \(round): \($0)") }
        }
        var report = BenchReport()
        report.begin("full load without tracing: \(settings.clients) clients, in one process")
        describe(without, in: &report)
        report.begin("the same, with a span of everything")
        describe(with, in: &report)
        let orders = Double(max(1, with.orders))
        report.add(
            "spans an order", Double(with.spans.exported + with.spans.dropped) / orders, "spans")
        report.add("spans exported", Double(with.spans.exported), "spans")
        report.add("spans dropped", Double(with.spans.dropped), "spans")
        report.add("posts", Double(sink.postCount), "posts")
        report.add(
            "bytes a span", Double(sink.byteCount) / Double(max(1, with.spans.exported)), "bytes")
        report.begin("with tracing, beside without")
        report.add(
            "completed a second", with.mean / max(without.mean, 1e-6), "times", .atLeast(0.9))
        for (round, pair) in zip(without.completed, with.completed).enumerated() {
            report.add("  round \(round + 1)", pair.1 / max(pair.0, 1e-6), "times")
        }
        return report
    }

    private static func describe(_ seen: Seen, in report: inout BenchReport) {
        report.add("completed a second, on average", seen.mean, "orders/s")
        report.add("processor time, on average", Seen.mean(seen.spent), "us an order")
        report.add("refused or failed", Double(seen.failed), "orders")
        for (round, latencies) in seen.placing.enumerated() {
            report.add("placing: due to 201, round \(round + 1)", latencies)
        }
    }

    private static func hold(
        _ settings: Settings, _ data: String, _ tracing: TracingSettings?, into seen: inout Seen,
        progress: (String) -> Void
    ) throws {
        progress("starting")
        let shop = try BenchedShop(data: data, tracing: tracing)
        var isRunning = true
        defer { if isRunning { shop.stop() } }
        try shop.receiveGoods(lines: settings.lines)
        let requests = shop.requests(lines: settings.lines)
        let driver = try shop.driver(connections: settings.clients)
        try shop.waitUntilQuiet()
        let before = Stopwatch.processor()
        let full = try FullLoad.hold(
            shop, driver, seconds: settings.seconds, requests, progress)
        let spent = Stopwatch.processor() - before
        guard full.accepted > 0 else {
            throw BenchedShop.Failure.refused("no order was accepted")
        }
        try shop.waitUntilQuiet()
        shop.stop()
        isRunning = false
        seen.completed.append(full.completedPerSecond)
        seen.spent.append(spent / Double(full.accepted) * 1e6)
        seen.placing.append(full.placing)
        seen.orders += full.accepted
        seen.failed += full.refused + full.failed
        if let spans = shop.spans {
            seen.spans.exported += spans.exported
            seen.spans.full += spans.full
            seen.spans.refused += spans.refused
            seen.spans.unanswered += spans.unanswered
        }
    }
}

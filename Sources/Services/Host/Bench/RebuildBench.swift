import EventSourcing
import Foundation
import Glibc
import Messaging
import Projections

/// What a shop of many orders can be made of again, and how fast: its rows from the logs, the proof
/// that its logs are whole, and the running shop after a kill and after a clean stop.
package enum RebuildBench {
    package struct Settings: Sendable {
        /// A folder that is made, and removed afterwards.
        package var data: String
        /// A stopped shop that is looked at, and not changed; nil makes one in `data`.
        package var shop: String?
        package var orders = 30_000
        package var lines = 3

        package init(data: String) { self.data = data }
    }

    /// - Throws: `Shop.Failure`, and where a file cannot be read or written.
    package static func run(_ settings: Settings, progress: (String) -> Void) throws -> BenchReport
    {
        try FileManager.default.createDirectory(
            atPath: settings.data, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: settings.data) }
        var report = BenchReport()
        let shop = settings.shop ?? "\(settings.data)/shop"
        if settings.shop == nil {
            try SampleShop.make(
                shop, orders: settings.orders, lines: settings.lines, progress: progress)
        }
        try rebuild(shop, "\(settings.data)/read.db", &report, progress)
        try audit(shop, "\(settings.data)/notes.db", &report, progress)
        if settings.shop == nil {
            progress("starting after a kill, and after a clean stop")
            try StartBench.run(shop, &report)
        }
        return report
    }

    private static func rebuild(
        _ shop: String, _ path: String, _ report: inout BenchReport, _ progress: (String) -> Void
    ) throws {
        progress("building all rows")
        let feeds = Wiring.publications.map { log, publication in
            (
                source: Source(log, Publication.facts),
                feed: LogFeed(
                    path: DataFolder.log(log.value, in: shop), publication: publication,
                    onBehind: { _ in }) as any Feed
            )
        }
        PeakMemory.reset()
        let (begun, processor) = (Stopwatch.wall(), Stopwatch.processor())
        let events = Double(try ReadStore(path: path).fill(from: feeds))
        let (ended, spent) = (Stopwatch.wall(), Stopwatch.processor() - processor)
        report.add("events", events, "events")
        report.add("rebuild of all projections", events / (ended - begun), "events/s")
        report.add("  processor time", spent / events * 1e6, "us an event")
        report.add("  memory, at most", PeakMemory.read(), "MiB")
    }

    private static func audit(
        _ shop: String, _ notes: String, _ report: inout BenchReport,
        _ progress: (String) -> Void
    ) throws {
        for whole in [false, true] {
            PeakMemory.reset()
            let (begun, processor) = (Stopwatch.wall(), Stopwatch.processor())
            let audit =
                whole
                ? try Audit(data: shop, scratch: notes, progress: progress)
                : try Audit(logsOf: shop, scratch: notes, progress: progress)
            let (ended, spent) = (Stopwatch.wall(), Stopwatch.processor() - processor)
            let events = audit.counts.filter { $0.unit == "events" }.reduce(0) { $0 + $1.count }
            report.add(
                whole ? "audit, with the read store" : "audit of the logs",
                Double(events) / (ended - begun), "events/s")
            report.add("  processor time", spent / Double(max(1, events)) * 1e6, "us an event")
            report.add("  memory, at most", PeakMemory.read(), "MiB")
            if let first = audit.findings.first {
                throw Shop.Failure.cannotStart(
                    "\(shop) is not whole: \(audit.findingCount) differences, the first in "
                        + "\(first.place): \(first.what)")
            }
        }
    }
}

/// The most memory that the process has held since a moment.
enum PeakMemory {
    /// From here on; proc(5), `clear_refs`.
    static func reset() {
        let file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = write(file, "5", 1)
        close(file)
    }

    /// In MiB; of this process where none is named.
    static func read(of process: Int32? = nil) -> Double {
        let name = process.map { "\($0)" } ?? "self"
        let text = (try? String(contentsOfFile: "/proc/\(name)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        let kibibytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
        return (kibibytes.flatMap { Double($0) } ?? 0) / 1024
    }
}

import EventSourcing
import EventStore
import Foundation
import Gateway
import Glibc

/// One log that grows to millions of events: what appending, opening and reading cost by then.
///
/// Every batch is durable. The file stays in the system's page cache as far as memory goes.
package enum GrowthBench {
    /// What an event takes on disk at most, the `-wal` and the indexes counted.
    private static let bytesPerEvent: Int64 = 500
    /// The rates of so many equal parts are reported; of ten million events that is each million.
    private static let parts = 10
    private static let batch = 252
    private static let samples = 1000

    /// - Parameter data: a folder that is made, and removed afterwards.
    /// - Throws: `Shop.Failure` where the disk has too little room.
    package static func run(data: String, events: Int, progress: (String) -> Void) throws
        -> BenchReport
    {
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: data) }
        try checkRoom(data, events: events)
        var report = BenchReport()
        let path = "\(data)/growth.db"
        let runtime = SystemRuntime()
        var growing = GrowingOrders(runtime: runtime)
        let old = try grow(&growing, path, events, runtime, &report, progress)
        progress("reading streams")
        try read(path, old: old, new: growing.newest(samples), &report)
        report.add("memory, at the end", residentMemory(), "MiB")
        report.add("memory, at most", PeakMemory.read(), "MiB")
        return report
    }

    /// Appends all, and opens the log again after a kill and after a clean stop.
    ///
    /// - Returns: the ids of the oldest orders.
    private static func grow(
        _ growing: inout GrowingOrders, _ path: String, _ events: Int, _ runtime: SystemRuntime,
        _ report: inout BenchReport, _ progress: (String) -> Void
    ) throws -> [String] {
        var log: EventLog? = try EventLog(path: path, name: LogName("growth"), at: runtime.now())
        var old: [String] = []
        var written = 0
        var rates: [Double] = []
        for part in 1...parts {
            let end = events / parts * part
            let (begun, processor) = (Stopwatch.wall(), Stopwatch.processor())
            let first = written
            while written < end {
                try log?.commit(at: runtime.now()) { (transaction) throws(StoreError) in
                    var count = 0
                    while count < batch { count += try growing.advance(in: transaction) }
                    written += count
                }
                if old.isEmpty, written > 100 * samples { old = growing.newest(samples) }
            }
            let count = Double(written - first)
            rates.append(count / (Stopwatch.wall() - begun))
            let spent = (Stopwatch.processor() - processor) / count * 1e6
            progress("\(written) of \(events) events, \(Int(rates.last ?? 0)) a second")
            report.add(
                "append, up to \(end)", rates.last ?? 0, "events/s", .atLeast(100_000))
            if part == 1 || part == parts {
                report.add("  processor time", spent, "us an event")
                report.add("  memory", residentMemory(), "MiB")
            }
        }
        report.add(
            "append, last part against first", (rates.last ?? 0) / rates[0], "",
            .towards(0.9))
        if old.isEmpty { old = growing.newest(samples) }
        // What a killed process leaves: the file, and beside it all commits since a checkpoint.
        // (Whatever the copy holds is in the file as well once the log is closed.)
        try FileManager.default.copyItem(atPath: path + "-wal", toPath: path + "-killed")
        log?.close()
        log = nil
        report.add("on disk", size(of: path) / Double(written), "bytes an event")
        report.add("opening after a clean stop", try opening(path, runtime), "ms")
        try? FileManager.default.removeItem(atPath: path + "-wal")
        try FileManager.default.moveItem(atPath: path + "-killed", toPath: path + "-wal")
        report.add("opening after a kill", try opening(path, runtime), "ms")
        return old
    }

    private static func opening(_ path: String, _ runtime: SystemRuntime) throws -> Double {
        let begun = Stopwatch.wall()
        let log = try EventLog(path: path, name: LogName("growth"), at: runtime.now())
        let spent = (Stopwatch.wall() - begun) * 1e3
        log.close()
        return spent
    }

    private static func read(
        _ path: String, old: [String], new: [String], _ report: inout BenchReport
    ) throws {
        let queries = try LogReader(path: path).queries
        for (name, ids) in [("an old stream", old), ("a new stream", new)] {
            var times: [Double] = []
            for id in ids {
                let begun = Stopwatch.wall()
                let found = try queries.stream(
                    StreamID("checkout", id), after: .none, limit: 500)
                times.append((Stopwatch.wall() - begun) * 1e6)
                guard !found.isEmpty else {
                    throw Shop.Failure.cannotStart("checkout-\(id) cannot be read again")
                }
            }
            add("reading \(name) of 9 events", times, to: &report)
        }
        var times: [Double] = []
        var version = Version.none
        while true {
            let begun = Stopwatch.wall()
            let page = try queries.stream(GrowingOrders.long, after: version, limit: 100)
            guard let last = page.last else { break }
            times.append((Stopwatch.wall() - begun) * 1e6)
            version = last.version
        }
        add("reading 100 of the \(version) events of a long stream", times, to: &report)
    }

    private static func add(_ name: String, _ times: [Double], to report: inout BenchReport) {
        guard !times.isEmpty else { return }
        let sorted = times.sorted()
        report.add("\(name), p50", sorted[sorted.count / 2], "us")
        report.add("\(name), p99", sorted[min(sorted.count - 1, sorted.count * 99 / 100)], "us")
    }

    private static func checkRoom(_ data: String, events: Int) throws {
        var status = statvfs()
        guard statvfs(data, &status) == 0 else { return }
        let free = Int64(clamping: UInt64(status.f_bavail)) * Int64(clamping: status.f_frsize)
        let needed = Int64(events) * bytesPerEvent
        guard free < needed else { return }
        throw Shop.Failure.cannotStart(
            "\(events) events need up to \(needed >> 20) MiB below \(data), where \(free >> 20) "
                + "MiB are free; name another disk with --data, or fewer --events")
    }

    private static func size(of path: String) -> Double {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? NSNumber)?.doubleValue ?? 0
    }

    private static func residentMemory() -> Double {
        Double(ShopReadings.Process.read()?.residentBytes ?? 0) / Double(1 << 20)
    }
}

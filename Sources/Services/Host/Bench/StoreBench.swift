import EventSourcing
import EventStore
import Foundation

/// One writer appending in batches, every batch durable, leaves and tree included.
package enum StoreBench {
    private static let perStream = 3

    /// - Parameter data: a folder that is made.
    package static func run(data: String, events: Int, progress: (String) -> Void) throws
        -> BenchReport
    {
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        var report = BenchReport()
        for batch in [1, 64, 256, 1024] {
            progress("batches of \(batch)")
            let count = batch == 1 ? min(events, 3000) : events
            let rate = try measure("\(data)/\(batch).db", batch: batch, events: count)
            let floor = batch == 1024 ? BenchReport.Bounds.atLeast(100_000) : nil
            report.add("append, batches of \(batch)", rate.perSecond, "events/s", floor)
            if batch == 256 { report.add("on disk", rate.bytesPerEvent, "bytes an event") }
        }
        return report
    }

    private static func measure(_ path: String, batch: Int, events: Int) throws
        -> (perSecond: Double, bytesPerEvent: Double)
    {
        let runtime = SystemRuntime()
        let log = try EventLog(path: path, name: LogName("bench"), at: runtime.now())
        let event = NewEvent(
            type: EventType("order.placed"), data: sample(311),
            metadata: Array(
                #"{"correlation":"0198c7d2-0000-7000-8000-000000000000","actor":"bench"}"#.utf8))
        let begin = Stopwatch.wall()
        var written = 0
        while written < events {
            try log.commit(at: runtime.now()) { (transaction) throws(StoreError) in
                var left = batch
                while left > 0 {
                    let count = min(left, Self.perStream)
                    try transaction.append(
                        Array(repeating: event, count: count),
                        to: StreamID("order", runtime.newID()), expecting: .noStream)
                    left -= count
                }
            }
            written += batch
        }
        let seconds = Stopwatch.wall() - begin
        log.close()
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        let size = (attributes[.size] as? NSNumber)?.doubleValue ?? 0
        return (Double(written) / seconds, size / Double(written))
    }

    /// A JSON object of about `size` bytes.
    private static func sample(_ size: Int) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("customer", "c-1042")
            json.member("currency", "GBP")
            json.member("text", String(repeating: "x", count: size - 60))
        }
        return json.bytes
    }
}

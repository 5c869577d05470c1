import Glibc
import HTTP

/// How long a shop takes from the start of its process until it is ready: after a kill, and after a
/// clean stop.
enum StartBench {
    /// The most seconds that a start may take.
    private static let patience = 120.0

    /// - Parameter data: a stopped shop; it is started and stopped by this program itself.
    static func run(_ data: String, _ report: inout BenchReport) throws {
        // The first start leaves files behind as a killed process does.
        _ = try start(data, stopWith: SIGKILL)
        let killed = try start(data, stopWith: SIGTERM)
        let clean = try start(data, stopWith: SIGTERM)
        for (name, seen) in [("a kill", killed), ("a clean stop", clean)] {
            report.add(
                "up after \(name), ready to serve", seen.seconds * 1e3, "ms",
                .atMost(3000, target: 1000))
            report.add("  memory", seen.memory, "MiB")
        }
    }

    private static func start(_ data: String, stopWith signal: Int32) throws
        -> (seconds: Double, memory: Double)
    {
        let begun = Stopwatch.wall()
        let process = try ShopProcess(data, ["--single-process"])
        defer { process.end(signal) }
        let client = HTTPClient(host: "127.0.0.1", port: process.port)
        while true {
            let answer = try? client.get("/readyz")
            if answer?.status == 200 { break }
            guard Stopwatch.wall() - begun < patience else {
                throw Shop.Failure.cannotStart("the shop on \(data) was not ready in time")
            }
            usleep(2000)
        }
        let seconds = Stopwatch.wall() - begun
        return (seconds, PeakMemory.read(of: process.number))
    }
}

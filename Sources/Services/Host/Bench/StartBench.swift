import EventSourcing
import Foundation
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
            report.add("up after \(name), ready to serve", seen.seconds * 1e3, "ms")
            report.add("  memory", seen.memory, "MiB")
        }
    }

    private static func start(_ data: String, stopWith signal: Int32) throws
        -> (seconds: Double, memory: Double)
    {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["up", "--json", "--port", "0", "--data", data]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        let begun = Stopwatch.wall()
        try process.run()
        defer {
            kill(process.processIdentifier, signal)
            process.waitUntilExit()
        }
        let line = try firstLine(output.fileHandleForReading.fileDescriptor)
        guard let url = (try? JSON(parsing: line))?["url"]?.string,
            let port = url.utf8.split(separator: UInt8(ascii: ":")).last.flatMap({
                Int64(strictDecimal: $0)
            })
        else { throw Shop.Failure.cannotStart("shopctl up did not start on \(data)") }
        let client = HTTPClient(host: "127.0.0.1", port: UInt16(clamping: port))
        while true {
            let answer = try? client.get("/readyz")
            if answer?.status == 200 { break }
            guard Stopwatch.wall() - begun < patience else {
                throw Shop.Failure.cannotStart("the shop on \(data) was not ready in time")
            }
            usleep(2000)
        }
        let seconds = Stopwatch.wall() - begun
        return (seconds, PeakMemory.read(of: process.processIdentifier))
    }

    /// What the process prints when it serves.
    private static func firstLine(_ descriptor: Int32) throws -> [UInt8] {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(descriptor, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        return line
    }
}

import EventSourcing
import Foundation
import Glibc

/// A shop that runs below a process of its own, for a bench.
final class ShopProcess {
    let port: UInt16
    private let process = Process()

    /// Starts `shopctl up` by this program, and waits until it says that it is ready.
    ///
    /// - Parameter options: further ones of `up`.
    init(_ data: String, _ options: [String]) throws {
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["up", "--json", "--port", "0", "--data", data] + options
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let line = Self.firstLine(output.fileHandleForReading.fileDescriptor)
        guard let url = (try? JSON(parsing: line))?["url"]?.string,
            let port = url.utf8.split(separator: UInt8(ascii: ":")).last.flatMap({
                Int64(strictDecimal: $0)
            })
        else {
            kill(process.processIdentifier, SIGTERM)
            process.waitUntilExit()
            throw Shop.Failure.cannotStart("shopctl up did not start on \(data)")
        }
        self.port = UInt16(clamping: port)
    }

    /// What the process prints when it serves.
    private static func firstLine(_ descriptor: Int32) -> [UInt8] {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(descriptor, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        return line
    }

    /// The process itself.
    var number: Int32 { process.processIdentifier }

    /// Ends it by a signal, and waits.
    func end(_ signal: Int32) {
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
    }

    /// This process and all below it, with the part that each runs.
    var all: [(part: String, process: Int32)] {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let children = numbers.compactMap { Int32($0) }.filter { parent(of: $0) == number }
        return [("supervisor", number)] + children.map { (part(of: $0), $0) }.sorted { $0.0 < $1.0 }
    }

    /// Memory of all of them in bytes.
    var memory: Int64 { all.reduce(0) { $0 + Self.memory(of: $1.process) } }

    private func parent(of process: Int32) -> Int32? {
        Self.fields(of: process).flatMap { $0.count > 1 ? Int32($0[1]) : nil }
    }

    /// `shopctl serve PART ...`
    private func part(of process: Int32) -> String {
        let data = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
        let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return words.count > 2 ? words[2] : "unknown"
    }

    /// Processor time so far, in seconds.
    static func processorTime(of process: Int32) -> Double {
        guard let fields = fields(of: process), fields.count > 12,
            let user = Double(fields[11]), let system = Double(fields[12])
        else { return 0 }
        return (user + system) / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    }

    /// Memory in bytes, of which what processes share counts in parts.
    static func memory(of process: Int32) -> Int64 {
        let text =
            (try? String(contentsOfFile: "/proc/\(process)/smaps_rollup", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("Pss:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int64($0) } ?? 0) * 1024
    }

    /// The fields of `/proc/PID/stat` from the state on (proc(5)): the name, in brackets, may hold
    /// anything.
    private static func fields(of process: Int32) -> [Substring]? {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        return text[text.index(after: end)...].split(separator: " ")
    }
}

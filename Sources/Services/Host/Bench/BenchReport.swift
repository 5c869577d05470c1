import EventSourcing
import Foundation
import Glibc

/// Figures of a measurement, each with its unit.
package struct BenchReport: Sendable {
    package struct Figure: Sendable {
        package let name: String
        package let value: Double
        package let unit: String
        /// The value with its unit, rounded for people.
        package var text: String {
            let digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
            return "\(String(format: "%.\(digits)f", value)) \(unit)"
        }
    }

    package private(set) var figures: [Figure] = []

    mutating func add(_ name: String, _ value: Double, _ unit: String) {
        figures.append(Figure(name: name, value: value, unit: unit))
    }

    package var json: String {
        var json = JSONWriter()
        json.array { json in
            for figure in figures {
                json.object { json in
                    json.member("name", figure.name)
                    json.member("value") { $0.raw(String(format: "%.3f", figure.value).utf8) }
                    json.member("unit", figure.unit)
                }
            }
        }
        return json.text
    }
}

/// Clocks of a measurement, in seconds.
enum Stopwatch {
    static func wall() -> Double { seconds(CLOCK_MONOTONIC) }
    /// The processor time of the whole process.
    static func processor() -> Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The processor time of each thread of this process, by the thread's name.
    static func threads() -> [String: Double] {
        var times: [String: Double] = [:]
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        for task in tasks {
            guard
                let text = try? String(
                    contentsOfFile: "/proc/self/task/\(task)/stat", encoding: .utf8),
                let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")")
            else { continue }
            let fields = text[text.index(close, offsetBy: 2)...].split(separator: " ")
            guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12])
            else { continue }
            times[String(text[text.index(after: open)..<close]), default: 0] +=
                (user + system) / ticks
        }
        return times
    }

    /// The most memory the process has held, in MiB.
    static func peakMemory() -> Double {
        var usage = rusage()
        // 0 is RUSAGE_SELF, which comes over as an enum that the function does not take.
        getrusage(0, &usage)
        return Double(usage.ru_maxrss) / 1024
    }
}

import Arguments
import EventSourcing
import EventStore
import Glibc
import Simulation

/// `shopctl simulate`: the whole shop in one thread, with all that can go wrong, from a seed.
enum SimulateCommand {
    static let command = Command(
        "simulate", "run the whole shop with crashes, cut networks and failing disks, from seeds",
        options: [
            .value("seed", "N", "the first seed", default: "1"),
            .value("runs", "N", "how many seeds, one after the other", default: "100"),
            .value("steps", "N", "with faults, in each run", default: "2000"),
            .value("jobs", "N", "how many runs at a time", default: "2"),
            .value("mistake", "NAME", "plant one, to see that it is found: docs/simulation.md"),
            .value("lines", "N", "of its timeline that a violation shows", default: "40"),
            .flag("until-failure", "end with the first violation"),
            .flag("shrink", "look for the fewest faults that lead to each violation"),
            ShopCommand.json,
        ],
        example: "shopctl simulate --seed 42 --runs 1")

    private static let variable = "SWIFT_DETERMINISTIC_HASHING"

    /// Begins the program anew so that sets and dictionaries have the same order in each run.
    private static func hashDeterministically() {
        guard getenv(variable) == nil else { return }
        var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard readlink("/proc/self/exe", &path, Int(PATH_MAX)) > 0, setenv(variable, "1", 0) == 0
        else { return }
        execv(path, CommandLine.unsafeArgv)
    }

    /// 0, or 1 where a promise was broken.
    static func run(_ invocation: Invocation) throws -> Int32 {
        let first = try invocation.integer("seed", in: 0...Int(Int32.max))
        let runs = try invocation.integer("runs", in: 1...10_000_000)
        let steps = try invocation.integer("steps", in: 1...10_000_000)
        let jobs = try invocation.integer("jobs", in: 1...64)
        let lines = try invocation.integer("lines", in: 0...800)
        let mistake =
            try invocation.optionalText("mistake") == nil
            ? nil : invocation.choice("mistake", of: Mistake.self)
        hashDeterministically()
        Allocator.tune()
        var settings = Campaign.Settings(
            seeds: UInt64(first)..<UInt64(first + runs), steps: steps)
        (settings.jobs, settings.mistake) = (jobs, mistake)
        settings.untilFailure = invocation.flag("until-failure")
        let clock = ContinuousClock()
        let began = clock.now
        var report = Campaign.run(settings) {
            Terminal.progress("\($0.runs) of \(runs) runs, \($0.violations.count) violations")
        }
        let seconds = max((clock.now - began) / .seconds(1), 1e-6)
        if invocation.flag("shrink") {
            report.violations = report.violations.map { violation in
                violation.shrunk(steps: steps, mistake: mistake) {
                    Terminal.progress("seed \(violation.seed): \($0) faults are left")
                }
            }
        }
        Terminal.endProgress()
        let result = Result(
            report: report, seconds: seconds, steps: steps, lines: lines,
            isShrunk: invocation.flag("shrink"), mistake: mistake)
        print(invocation.flag("json") ? result.json : result.text)
        // What broke off says nothing of a promise, and must not hide one that was broken.
        if let error = report.errors.first { throw CommandFailure(error) }
        return report.violations.isEmpty ? 0 : 1
    }

    private struct Result {
        let report: Campaign.Report
        let seconds: Double
        let steps: Int
        let lines: Int
        let isShrunk: Bool
        let mistake: Mistake?

        private var rate: Double { Double(report.steps) / seconds }
        private var settling: Int64 { Int64(report.settling / .seconds(1)) }
        private var hours: Double { report.simulated / .seconds(3600) }

        var text: String {
            var lines = [
                "\(report.runs) runs of \(steps) steps and on to quiet: \(report.steps) steps, "
                    + "\(Int(rate)) a second, \(Int(hours)) simulated hours",
                "orders: \(report.placed) placed; " + Self.list(report.ends),
                "reads with a token: \(report.reads)",
                "quiet after faults stopped: within \(settling) simulated seconds",
                "faults: " + Self.list(report.faults),
                "hash over all that happened: \(report.hash)",
            ]
            for violation in report.violations {
                lines.append(Terminal.red("violated, seed \(violation.seed): ") + violation.what)
                lines += violation.faults.map { "  fault in step \($0.step): \($0.what)" }
                lines.append(violation.timeline.text(last: self.lines))
                lines.append(
                    "again: shopctl simulate --seed \(violation.seed) --runs 1 --steps \(steps)"
                        + (mistake.map { " --mistake \($0.rawValue)" } ?? "")
                        + (isShrunk ? "" : " --shrink"))
            }
            lines.append(
                !report.errors.isEmpty
                    ? "\(report.errors.count) runs broke off"
                    : report.violations.isEmpty
                        ? Terminal.green("no promise was broken")
                        : "\(report.violations.count) runs broke a promise")
            return lines.joined(separator: "\n")
        }

        private static func list(_ counts: [String: Int]) -> String {
            counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
                .joined(separator: ", ")
        }

        var json: String {
            var json = JSONWriter()
            json.object { json in
                json.member("runs", Int64(report.runs))
                json.member("steps", Int64(report.steps))
                json.member("stepsPerSecond", Int64(rate))
                json.member("simulatedSeconds", Int64(report.simulated / .seconds(1)))
                json.member("settlingSeconds", settling)
                json.member("placed", Int64(report.placed))
                json.member("reads", Int64(report.reads))
                json.member("ends") { Self.write(report.ends, to: &$0) }
                json.member("faults") { Self.write(report.faults, to: &$0) }
                json.member("hash", report.hash.hex)
                json.member("violations") { json in
                    json.array { json in
                        for violation in report.violations { Self.write(violation, to: &json) }
                    }
                }
            }
            return json.text
        }

        private static func write(_ counts: [String: Int], to json: inout JSONWriter) {
            json.array { json in
                for (name, count) in counts.sorted(by: { $0.key < $1.key }) {
                    json.object { json in
                        json.member("name", name)
                        json.member("count", Int64(count))
                    }
                }
            }
        }

        private static func write(_ violation: Simulation.Violation, to json: inout JSONWriter) {
            json.object { json in
                json.member("seed", Int64(violation.seed))
                json.member("what", violation.what)
                json.member("faults") { json in
                    json.array { json in
                        for fault in violation.faults {
                            json.object { json in
                                json.member("step", Int64(fault.step))
                                json.member("what", fault.what)
                            }
                        }
                    }
                }
            }
        }
    }
}

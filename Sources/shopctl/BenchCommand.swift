import Arguments
import Host

/// `shopctl bench`: what this build does on this machine.
enum BenchCommand {
    /// What can be measured, a subcommand each; the first is meant where none is named.
    enum Kind: String, CaseIterable {
        case shop
        case store
        case overload
        case soak
        case growth
        case rebuild
        case processes
        case tracing

        var command: Command {
            switch self {
            case .shop: BenchCommand.shop
            case .store: BenchCommand.store
            case .overload: BenchCommand.overload
            case .soak: BenchCommand.soak
            case .growth: BenchCommand.growth
            case .rebuild: BenchCommand.rebuild
            case .processes: BenchCommand.processes
            case .tracing: BenchCommand.tracing
            }
        }

        /// Reads the command line; what it returns measures.
        func plan(_ invocation: Invocation) throws -> Run {
            switch self {
            case .shop: try BenchCommand.planShop(invocation)
            case .store: try BenchCommand.planStore(invocation)
            case .overload: try BenchCommand.planOverload(invocation)
            case .soak: try BenchCommand.planSoak(invocation)
            case .growth: try BenchCommand.planGrowth(invocation)
            case .rebuild: try BenchCommand.planRebuild(invocation)
            case .processes: try BenchCommand.planProcesses(invocation)
            case .tracing: try BenchCommand.planTracing(invocation)
            }
        }
    }

    /// Measures, and returns the figures and what makes them a failure; nothing where they are
    /// none.
    typealias Run = () throws -> (BenchReport, [String])

    static let command = Command(
        "bench", "measure what this build does on this machine",
        options: [
            .value(
                "data", "DIR", "where to put the files; removed afterwards", default: ".kassa-bench"
            ), ShopCommand.json,
        ],
        example: "shopctl bench --orders 10000",
        subcommands: Kind.allCases.map(\.command), alone: shopOptions)

    /// 0, or 1 where what was measured is a failure.
    static func run(_ invocation: Invocation) throws -> Int32 {
        Allocator.tune()
        let kind = Kind(rawValue: invocation.path.last ?? "") ?? .shop
        let run = try kind.plan(invocation)
        let (report, failures) = try run()
        Terminal.endProgress()
        if invocation.flag("json") {
            print(report.json(kind: kind.rawValue))
        } else {
            show(report)
        }
        for failure in failures { Terminal.complain("bench \(kind.rawValue): \(failure)") }
        return failures.isEmpty ? 0 : 1
    }

    /// Gives `body` a path for files, where there is nothing yet, and removes them afterwards.
    static func inFolder<Result>(
        _ invocation: Invocation, _ body: (_ data: String) throws -> Result
    ) throws -> Result {
        let folder = try BenchFolder(try invocation.text("data"))
        defer { folder.remove() }
        return try body(folder.path)
    }

    private static let store = Command(
        "store", "events a second that one writer appends in batches",
        options: [.value("events", "COUNT", "how many", default: "400000")],
        example: "shopctl bench store --events 400000")

    private static func planStore(_ invocation: Invocation) throws -> Run {
        let events = try invocation.integer("events", in: 1000...100_000_000)
        return {
            try inFolder(invocation) { data in
                (try StoreBench.run(data: data, events: events, progress: Terminal.progress), [])
            }
        }
    }

    private static func show(_ report: BenchReport) {
        print(report.machine.line)
        for section in report.sections {
            if !section.title.isEmpty { print("\n\(Terminal.bold(section.title))") }
            let width = section.figures.map(\.name.count).max() ?? 0
            for figure in section.figures {
                let padding = String(repeating: " ", count: width - figure.name.count)
                let bounds = figure.bounds.map { "  (\($0.text(for: figure.value)))" } ?? ""
                print("  \(figure.name)\(padding)  \(figure.text)\(Terminal.dim(bounds))")
            }
            if !section.spreads.isEmpty {
                var table = Table([
                    .text("  milliseconds"), .figure("p50"), .figure("p99"), .figure("p99.9"),
                    .figure("max"), .figure("orders"),
                ])
                for spread in section.spreads {
                    table.add(["  \(spread.name)"] + spread.texts + ["\(spread.count)"])
                }
                for line in table.lines { print(line) }
            }
            for note in section.notes { print("  \(note)") }
        }
    }
}

import Arguments
import EventSourcing
import Glibc
import Host

/// `shopctl replay`: folds what is on record afresh, of the whole shop or of one order.
enum ReplayCommand {
    static let command = Command(
        "replay", "fold the history afresh: prove it, or follow one order through it",
        options: [ShopCommand.data, ShopCommand.json],
        example: "shopctl replay --verify",
        subcommands: [
            Command(
                "order", "show each event of an order, and how things stood after it",
                options: [
                    .value("at", "TIME", "leave out what was recorded later than this")
                ],
                positionals: [Positional("id", "the order")],
                example: "shopctl replay order 0198c7d2-0000-7000-8000-000000000000")
        ],
        alone: [
            .flag("verify", "compare with the live state and the read store, row by row"),
            .value(
                "service", "NAME",
                "only this service's log, and what is derived from it; all without"),
            .value(
                "against", "FILE",
                "what --verify --json printed before: the logs must begin with the events of then; "
                    + "- reads standard input"),
        ])

    /// - Returns: 1 where anything differs.
    static func run(_ invocation: Invocation) throws -> Int32 {
        if invocation.path.last == "order" {
            try OrderReplayText.show(invocation)
            return 0
        }
        guard invocation.flag("verify") else {
            throw invocation.error(
                .missingForm(["shopctl replay --verify", "shopctl replay order ID"]))
        }
        let data = try invocation.text("data")
        let service = try invocation.service()
        let file = invocation.optionalText("against")
        let kept = try file.map { try keptRoots($0, of: service) } ?? [:]
        let audit: Audit
        if let service {
            audit = try Audit(service: service, data: data, kept: kept, progress: progress)
        } else {
            audit = try DataFolder.withScratch(for: data) { folder in
                try Audit(
                    data: data, scratch: DataFolder.scratch(of: getpid(), in: folder), kept: kept,
                    progress: progress)
            }
        }
        Terminal.endProgress()
        if invocation.flag("json") {
            printJSON(audit)
        } else {
            for (log, root) in kept.sorted(by: { $0.key < $1.key }) {
                print(Terminal.dim("  \(log): held against its root of \(root.size) leaves"))
            }
            printText(audit, of: service)
        }
        return audit.isClean ? 0 : 1
    }

    /// Of each log that is looked at, or nothing would be said of the others.
    private static func keptRoots(_ file: String, of service: String?) throws
        -> [LogName: KeptRoot]
    {
        let printed = try JSONInput.read(file, option: "--against")
        let kept: [LogName: KeptRoot]
        do throws(JSONError) { kept = try Audit.keptRoots(printed) } catch {
            throw CommandFailure(
                "\(file) is not what shopctl replay --verify --json prints: \(error)")
        }
        let wanted = service.map { [$0] } ?? EventListing.services
        if let missing = wanted.first(where: { kept[LogName($0)] == nil }) {
            throw CommandFailure(
                "\(file) has no root of \(missing); look at one that it has with --service")
        }
        return kept.filter { wanted.contains($0.key.value) }
    }

    private static func progress(_ what: String) { Terminal.progress("replaying \(what)") }

    private static func printText(_ audit: Audit, of service: String?) {
        for (place, unit, count) in audit.counts { print("  \(place): \(count) \(unit)") }
        for (log, size, root) in audit.roots {
            print(Terminal.dim("  \(log): tree of \(size) leaves, root \(root)"))
        }
        for finding in audit.findings {
            print("\(Terminal.red("differs")) \(finding.place): \(finding.what)")
        }
        if audit.isClean {
            let what =
                service.map { "the log of \($0), and what is derived from it there" }
                ?? "the replay equals the live state, row by row"
            print("\(Terminal.green("verified")): \(what)")
        } else {
            // Rows that are built of a log that lies would lie as well.
            let isOfRows = audit.findings.allSatisfy { $0.place == "read store" }
            print(
                "\(Terminal.red("\(audit.findingCount) differences")); do not trust what "
                    + "is named; "
                    + (isOfRows
                        ? "build the read store anew with shopctl projections rebuild orders"
                        : "restore a backup of the log"))
        }
    }

    private static func printJSON(_ audit: Audit) {
        var json = JSONWriter()
        json.object { json in
            json.member("verified", audit.isClean)
            json.member("differences", Int64(audit.findingCount))
            json.member("findings") { json in
                json.array { json in
                    for finding in audit.findings {
                        json.object { json in
                            json.member("place", finding.place)
                            json.member("what", finding.what)
                        }
                    }
                }
            }
            json.member("counts") { json in
                json.array { json in
                    for (place, unit, count) in audit.counts {
                        json.object { json in
                            json.member("place", place)
                            json.member("unit", unit)
                            json.member("count", Int64(count))
                        }
                    }
                }
            }
            json.member("trees") { json in
                json.array { json in
                    for (log, size, root) in audit.roots {
                        json.object { json in
                            json.member("log", log)
                            json.member("size", size)
                            json.member("root", root)
                        }
                    }
                }
            }
        }
        print(json.text)
    }
}

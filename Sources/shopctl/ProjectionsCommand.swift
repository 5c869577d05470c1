import Arguments
import EventSourcing
import Glibc
import HTTP

/// `shopctl projections`: shows how the read side stands, and builds it anew while it is read.
enum ProjectionsCommand {
    static let command = Command(
        "projections", "show the projections and build them anew",
        options: [ShopCommand.url, ShopCommand.json], example: "shopctl projections list",
        subcommands: [
            Command(
                "list", "show how far each has read its sources",
                example: "shopctl projections list"),
            Command(
                "rebuild", "build one anew from the logs while reads go on",
                options: [.flag("no-wait", "return as soon as it has begun")],
                positionals: [Positional("name", "the projection")],
                example: "shopctl projections rebuild orders"),
        ])

    static func run(_ invocation: Invocation) throws {
        let client = try GatewayClient(invocation)
        if invocation.path.last == "rebuild" { return try rebuild(invocation, client) }
        let json = try client.send(.get, "/v1/projections").json
        invocation.flag("json") ? print(json.text) : show(json["projections"]?.array ?? [])
    }

    private static func rebuild(_ invocation: Invocation, _ client: GatewayClient) throws {
        let name = try invocation.argument("name")
        let before = try projection(name, client)
        // Told apart by when they ended: only a later one is ours.
        let last = before["lastRebuild"]?["finishedAt"]?.string
        let started = try client.send(
            .post, "/v1/projections/\(percentEncoded(name))/rebuild")
        if invocation.flag("no-wait") {
            print(invocation.flag("json") ? started.json.text : "the rebuild of \(name) has begun")
            return
        }
        let ended = try wait(for: name, client, last)
        let report = ended["lastRebuild"]
        if let failure = report?["failure"]?.string {
            throw CommandFailure("\(name) was not rebuilt, and reads go on as before: \(failure)")
        }
        if invocation.flag("json") { return print(ended.text) }
        let events = report?["events"]?.integer ?? 0
        print("\(Terminal.green("rebuilt")) \(name) from \(events) events; \(verdict(report))")
    }

    private static func verdict(_ report: JSON?) -> String {
        switch report?["differences"]?.integer {
        case nil: "the old rows could not be read"
        case 0: "the old rows were right"
        case let count?:
            Terminal.red("the old rows were wrong in \(count) place(s)")
        }
    }

    /// Shows progress until a rebuild has ended that is not the one that ended at `last`.
    ///
    /// - Throws: `CommandFailure` where the shop went away meanwhile.
    private static func wait(for name: String, _ client: GatewayClient, _ last: String?) throws
        -> JSON
    {
        defer { Terminal.endProgress() }
        while true {
            let now: JSON
            do {
                now = try projection(name, client)
            } catch let error as HTTPClientError {
                throw CommandFailure("the shop went away while it rebuilt \(name): \(error)")
            }
            guard let rebuild = now["rebuild"] else {
                let ended = now["lastRebuild"]?["finishedAt"]?.string
                if ended != nil, ended != last { return now }
                throw CommandFailure("the shop was started anew before \(name) was rebuilt")
            }
            let (events, total) = (rebuild["events"]?.integer ?? 0, rebuild["of"]?.integer ?? 0)
            let waits = now["reason"]?.string.map { "; waits: \($0)" } ?? ""
            Terminal.progress("rebuilding \(name): \(events) of \(total) events\(waits)")
            usleep(100_000)
        }
    }

    /// - Throws: `CommandFailure`, which names those there are, where there is none of that name.
    private static func projection(_ name: String, _ client: GatewayClient) throws -> JSON {
        let all = try client.send(.get, "/v1/projections").json["projections"]?.array ?? []
        if let found = all.first(where: { $0["name"]?.string == name }) { return found }
        let known = all.compactMap { $0["name"]?.string }.joined(separator: ", ")
        throw CommandFailure("there is no projection '\(name)'; known are: \(known)")
    }

    private static func show(_ projections: [JSON]) {
        for projection in projections {
            let state = projection["state"]?.string ?? ""
            let name = Terminal.bold(projection["name"]?.string ?? "")
            let lag = seconds(projection["lagSeconds"]).map { ", \($0) s behind" } ?? ""
            let version = projection["version"]?.integer ?? 0
            print("\(name)  version \(version)  \(coloured(state))\(lag)")
            if let reason = projection["reason"]?.string { print("  \(reason)") }
            if let rebuild = projection["rebuild"] {
                let (events, total) = (rebuild["events"]?.integer, rebuild["of"]?.integer)
                let began = rebuild["startedAt"]?.string ?? ""
                print("  rebuilding since \(began): \(events ?? 0) of \(total ?? 0) events")
            }
            if let report = projection["lastRebuild"] {
                let ended = report["finishedAt"]?.string ?? ""
                let failure = report["failure"]?.string.map { "failed: \($0)" }
                print("  last rebuilt \(ended): \(failure ?? verdict(report))")
            }
            table(projection["sources"]?.array ?? [])
        }
    }

    private static func table(_ sources: [JSON]) {
        var table = Table([
            .text("SOURCE"), .figure("EPOCH"), .figure("POSITION"), .figure("BEHIND"),
        ])
        for source in sources {
            table.add([
                source["source"]?.string ?? "", "\(source["epoch"]?.integer ?? 0)",
                "\(source["position"]?.integer ?? 0)",
                seconds(source["behindSeconds"]).map { "\($0) s" } ?? "unknown",
            ])
        }
        for line in table.lines { print("  \(line)") }
    }

    private static func coloured(_ state: String) -> String {
        switch state {
        case "live": Terminal.green(state)
        case "stale": Terminal.red(state)
        default: state
        }
    }

    private static func seconds(_ value: JSON?) -> String? {
        switch value {
        case .number(let text): text
        case .integer(let seconds): "\(seconds)"
        default: nil
        }
    }
}

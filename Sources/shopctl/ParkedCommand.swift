import Arguments
import EventSourcing
import Glibc
import HTTP

/// `shopctl parked`: messages that a service could not apply, and what is done about them.
enum ParkedCommand {
    private static let service = Option.value(
        "service", "NAME", "of this service only: orders, payments, deliveries, notifications")
    private static let source = Option.value(
        "source", "NAME", "from this source only, such as orders/to-payments")
    private static let apply = Option.flag(
        "apply", "do it; without, it is only tried, and nothing changes")

    static let command = Command(
        "parked", "messages that could not be applied: see them, and try, edit or discard them",
        options: [ShopCommand.url, ShopCommand.json], example: "shopctl parked list",
        subcommands: [
            Command(
                "list", "list parked messages, and those that wait behind them",
                options: [
                    service, source, .value("key", "KEY", "of one order or other key only"),
                    .value("limit", "COUNT", "the most messages listed", default: "100"),
                ], example: "shopctl parked list --service payments"),
            Command(
                "show", "show a key's parked messages whole",
                options: [service, source],
                positionals: [Positional("key", "the order, or other key")],
                example: "shopctl parked show 0198c7d2-0000-7000-8000-000000000000"),
            Command(
                "retry", "apply parked messages again, in order, up to the first that still fails",
                options: [service, source, .flag("all", "of every key"), apply]
                    + ShopCommand.instruction,
                positionals: [Positional("key", "the order, or other key", count: .optional)],
                example: "shopctl parked retry --all --service payments --why 'fixed in 1.2'"),
            Command(
                "edit", "replace a parked message's data; it is applied by a retry",
                options: [
                    .required("service", "NAME", "the service"),
                    .required("source", "NAME", "the source, such as orders/to-payments"),
                    .required("data", "FILE", "the data as JSON, - for standard input"), apply,
                ] + ShopCommand.instruction,
                positionals: [Positional("position", "where in the source it is")],
                example: "shopctl parked edit 12 --service payments --source orders/to-payments "
                    + "--data fixed.json --why 'amount was a text' --apply"),
            Command(
                "discard", "leave a key's first parked message out for good",
                options: [
                    .required("service", "NAME", "the service"),
                    .required("source", "NAME", "the source, such as orders/to-payments"), apply,
                ] + ShopCommand.instruction,
                positionals: [Positional("position", "where in the source it is")],
                example: "shopctl parked discard 12 --service payments "
                    + "--source orders/to-payments --why 'sent twice' --apply"),
        ])

    /// 0 where all was done, 1 where something still fails.
    static func run(_ invocation: Invocation) throws -> Int32 {
        let client = try GatewayClient(invocation)
        switch invocation.path.last {
        case "list": try list(invocation, client)
        case "show": try show(invocation, client)
        case "retry": return try retry(invocation, client)
        case "edit": return try edit(invocation, client)
        default: return try discard(invocation, client)
        }
        return 0
    }

    // MARK: Looking

    private static let services = ["orders", "payments", "deliveries", "notifications"]

    /// Calls `body` with each parked message asked for, page after page; it says whether to go on.
    private static func each(
        _ invocation: Invocation, _ client: GatewayClient, key: String?,
        _ body: (_ service: String, JSON) throws -> Bool
    ) throws {
        let only = invocation.optionalText("service")
        for service in only.map({ [$0] }) ?? services {
            var cursor: String?
            repeat {
                var query = [("service", service), ("limit", "100")]
                if let source = invocation.optionalText("source") {
                    query.append(("source", source))
                }
                if let key { query.append(("key", key)) }
                if let cursor { query.append(("cursor", cursor)) }
                let page = try client.send(
                    .get, GatewayClient.target("/v1/parked", query.map { (name: $0, value: $1) })
                ).json
                for message in page["messages"]?.array ?? [] {
                    guard try body(service, message) else { return }
                }
                cursor = page["next"]?.string
            } while cursor != nil
        }
    }

    private static func list(_ invocation: Invocation, _ client: GatewayClient) throws {
        let limit = try invocation.integer("limit", in: 1...1_000_000)
        var output = LineOutput.standard
        var table = Table([
            .text("SERVICE"), .text("SOURCE"), .figure("POSITION"), .text("KEY"), .text("TYPE"),
            .text("SINCE"), .text("REASON"),
        ])
        var count = 0
        try each(invocation, client, key: invocation.optionalText("key")) { service, message in
            count += 1
            if invocation.flag("json") {
                try output.line(Self.line(service, message))
            } else {
                table.add([
                    service, message["source"]?.string ?? "", OrderText.number(message["position"]),
                    message["key"]?.string ?? "", message["type"]?.string ?? "unreadable",
                    message["at"]?.string ?? "", message["reason"]?.string ?? "",
                ])
            }
            return count < limit
        }
        if !invocation.flag("json") {
            if count == 0 {
                try output.line("nothing is parked")
            } else {
                for line in table.lines { try output.line(line) }
            }
        }
        try output.flush()
    }

    /// A message with its service, as one line of JSON.
    private static func line(_ service: String, _ message: JSON) -> String {
        var json = JSONWriter()
        json.value(
            .object(
                [.init("service", .string(service))] + message.members))
        return json.text
    }

    private static func show(_ invocation: Invocation, _ client: GatewayClient) throws {
        let key = try invocation.argument("key")
        var output = LineOutput.standard
        var count = 0
        try each(invocation, client, key: key) { service, message in
            count += 1
            if invocation.flag("json") {
                try output.line(Self.line(service, message))
                return true
            }
            let place =
                "\(message["source"]?.string ?? "") \(OrderText.number(message["position"]))"
            try output.line(
                "\(Terminal.bold(service))  \(place)  \(message["id"]?.string ?? "")  "
                    + (message["type"]?.string ?? "unreadable"))
            try output.line(
                "  since \(message["at"]?.string ?? ""): "
                    + Terminal.plain(message["reason"]?.string ?? ""))
            let data = message["data"].map(\.text) ?? message["text"]?.string ?? ""
            try output.line("  \(Terminal.plain(data))")
            return true
        }
        if count == 0 { throw CommandFailure("nothing of \(key) is parked") }
        try output.flush()
    }

    // MARK: Acting

    private static func retry(_ invocation: Invocation, _ client: GatewayClient) throws -> Int32 {
        let key = invocation.optionalArgument("key")
        guard (key == nil) == invocation.flag("all") else {
            throw invocation.invalid("key", key ?? "", expected: "a key, or --all in its place")
        }
        var (tried, failed) = (Set<String>(), 0)
        var keys: [(service: String, source: String, key: String)] = []
        try each(invocation, client, key: key) { service, message in
            let source = message["source"]?.string ?? ""
            let found = message["key"]?.string ?? ""
            if tried.insert("\(service) \(source) \(found)").inserted {
                keys.append((service, source, found))
            }
            return true
        }
        if keys.isEmpty, key != nil {
            throw CommandFailure("nothing of it is parked; see shopctl parked list")
        }
        for (service, source, key) in keys {
            var report: JSON
            repeat {
                report = try act("retry", service, source, key, [], invocation, client)
                tell(report, "\(service)  \(source)  \(key)", invocation)
            } while invocation.flag("apply") && report["stopped"] == nil
                && (report["left"]?.integer ?? 0) > 0
            if report["stopped"] != nil { failed += 1 }
        }
        rehearsed(invocation)
        return failed == 0 ? 0 : 1
    }

    private static func edit(_ invocation: Invocation, _ client: GatewayClient) throws -> Int32 {
        let data = try JSONInput.read(try invocation.text("data"), option: "--data")
        let (message, service, source) = try found(invocation, client)
        let report = try act(
            "edit", service, source, message["key"]?.string ?? "",
            [
                .init("position", message["position"] ?? .null),
                .init("data", data),
            ], invocation, client)
        tell(report, "\(service)  \(source)  \(message["key"]?.string ?? "")", invocation)
        rehearsed(invocation)
        return report["stopped"] == nil ? 0 : 1
    }

    private static func discard(_ invocation: Invocation, _ client: GatewayClient) throws -> Int32 {
        let (message, service, source) = try found(invocation, client)
        let report = try act(
            "discard", service, source, message["key"]?.string ?? "",
            [.init("position", message["position"] ?? .null)], invocation, client)
        tell(report, "\(service)  \(source)  \(message["key"]?.string ?? "")", invocation)
        rehearsed(invocation)
        return 0
    }

    /// The message at the position that was named.
    private static func found(_ invocation: Invocation, _ client: GatewayClient) throws
        -> (message: JSON, service: String, source: String)
    {
        let position = try invocation.integerArgument("position", in: 1...Int.max)
        let (service, source) = (try invocation.text("service"), try invocation.text("source"))
        let page = try client.send(
            .get,
            GatewayClient.target(
                "/v1/parked",
                [
                    (name: "service", value: service), (name: "source", value: source),
                    (name: "limit", value: "1"),
                    (name: "cursor", value: "\(source)@\(position - 1)"),
                ])
        ).json
        guard let message = page["messages"]?.array?.first,
            message["position"]?.integer == Int64(position)
        else {
            throw CommandFailure(
                "\(service) has no message of \(source) parked at \(position); "
                    + "see shopctl parked list")
        }
        return (message, service, source)
    }

    private static func act(
        _ act: String, _ service: String, _ source: String, _ key: String,
        _ more: [JSON.Member], _ invocation: Invocation, _ client: GatewayClient
    ) throws -> JSON {
        let members: [JSON.Member] =
            [
                .init("act", .string(act)),
                .init("source", .string(source)),
                .init("key", .string(key)),
                .init("dryRun", .bool(!invocation.flag("apply"))),
            ] + more + (try invocation.instruction())
        var body = JSONWriter()
        body.value(.object(members))
        return try client.send(
            .post, "/v1/parked/\(percentEncoded(service))/acts", body: body
        ).json
    }

    private static func tell(_ report: JSON, _ what: String, _ invocation: Invocation) {
        if invocation.flag("json") { return print(report.text) }
        let isTrial = report["dryRun"] == .bool(true)
        var line =
            "\(what): \(OrderText.number(report["applied"])) "
            + (isTrial ? "would be applied, " : "applied, ")
            + "\(OrderText.number(report["left"])) left"
        if let stop = report["stopped"] {
            line +=
                "; stops at \(OrderText.number(stop["position"])): "
                + Terminal.plain(stop["reason"]?.string ?? "")
        }
        if let event = report["event"]?.string { line += "  (\(event))" }
        print(line)
    }

    private static func rehearsed(_ invocation: Invocation) {
        guard !invocation.flag("apply"), !invocation.flag("json") else { return }
        print(Terminal.dim("nothing was changed; do it with --apply"))
    }
}

extension ShopCommand {
    /// Who does it, and why.
    static let instruction: [Option] = [
        .value("by", "NAME", "who does it; without, the name you are logged in with"),
        .required("why", "TEXT", "why; it stays on record"),
    ]
}

extension Invocation {
    /// Who acts and why, as members of a request.
    func instruction() throws -> [JSON.Member] {
        guard
            let by = optionalText("by")
                ?? getpwuid(getuid()).map({ String(cString: $0.pointee.pw_name) })
        else { throw invalid("--by", "", expected: "who does it, as this user has no name") }
        return [
            .init("by", .string(by)),
            .init("why", .string(try text("why"))),
        ]
    }
}

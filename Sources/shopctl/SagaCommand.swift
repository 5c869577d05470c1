import Arguments
import EventSourcing
import HTTP

/// `shopctl saga`: checkouts that are under way, and an operator's hand on them.
enum SagaCommand {
    static let command = Command(
        "saga", "checkouts under way: see what they wait for; retry, skip, send back",
        options: [ShopCommand.url, ShopCommand.json], example: "shopctl saga list --stuck",
        subcommands: [
            Command(
                "list", "list checkouts that have not ended, oldest first",
                options: [
                    .flag("stuck", "only those that need a person"),
                    .value("step", "NAME", "only those that wait for this step"),
                    .value("limit", "COUNT", "the most listed", default: "100"),
                ], example: "shopctl saga list --step 'capture payment'"),
            Command(
                "show", "show a checkout's steps, what it waits for, and its history",
                positionals: [Positional("id", "the order")],
                example: "shopctl saga show 0198c7d2-0000-7000-8000-000000000000"),
            Command(
                "retry", "have the pending step asked for again, now",
                options: ShopCommand.instruction,
                positionals: [Positional("id", "the order")],
                example: "shopctl saga retry ID --why 'the provider is back'"),
            Command(
                "skip", "take the pending step as done (or undone), whatever its service says",
                options: ShopCommand.instruction,
                positionals: [
                    Positional("id", "the order"), Positional("step", "the step that is pending"),
                ],
                example: "shopctl saga skip ID 'capture payment' --why 'paid in cash'"),
            Command(
                "compensate", "undo what was done, and cancel the order",
                options: ShopCommand.instruction,
                positionals: [Positional("id", "the order")],
                example: "shopctl saga compensate ID --why 'the address does not exist'"),
        ])

    static func run(_ invocation: Invocation) throws {
        let client = try GatewayClient(invocation)
        switch invocation.path.last {
        case "list": try list(invocation, client)
        case "show": try show(invocation, client)
        case let act?: try self.act(act, invocation, client)
        case nil: break
        }
    }

    private static func path(_ id: String) -> String { "/v1/sagas/\(percentEncoded(id))" }

    private static func list(_ invocation: Invocation, _ client: GatewayClient) throws {
        let limit = try invocation.integer("limit", in: 1...1_000_000)
        var (sagas, steps): ([JSON], [JSON]) = ([], [])
        var cursor: String?
        repeat {
            var query = [(name: "limit", value: "\(min(200, limit - sagas.count))")]
            if invocation.flag("stuck") { query.append((name: "stuck", value: "true")) }
            if let step = invocation.optionalText("step") {
                query.append((name: "step", value: step))
            }
            if let cursor { query.append((name: "cursor", value: cursor)) }
            let page = try client.send(.get, GatewayClient.target("/v1/sagas", query)).json
            if cursor == nil { steps = page["steps"]?.array ?? [] }
            sagas += page["sagas"]?.array ?? []
            cursor = page["next"]?.string
        } while cursor != nil && sagas.count < limit
        var output = LineOutput.standard
        if invocation.flag("json") {
            var json = JSONWriter()
            json.object { json in
                json.member("sagas") { $0.value(.array(sagas)) }
                json.member("steps") { $0.value(.array(steps)) }
            }
            try output.line(json.text)
        } else {
            for line in lines(sagas, steps) { try output.line(line) }
        }
        try output.flush()
    }

    private static func lines(_ sagas: [JSON], _ steps: [JSON]) -> [String] {
        var counts = Table([
            .text("STEP"), .text("DIRECTION"), .figure("OPEN"), .figure("STUCK"), .text("OLDEST"),
        ])
        for step in steps {
            counts.add([
                step["step"]?.string ?? "", step["direction"]?.string ?? "",
                OrderText.number(step["open"]), OrderText.number(step["stuck"]),
                step["oldestAt"]?.string ?? "",
            ])
        }
        var table = Table([
            .text("ORDER"), .text("STATE"), .text("STEP"), .text("DIRECTION"), .figure("ATTEMPT"),
            .text("SINCE"), .text("STUCK"), .text("WHY"),
        ])
        for saga in sagas {
            table.add([
                saga["order"]?.string ?? "", saga["state"]?.string ?? "",
                saga["step"]?.string ?? "", saga["direction"]?.string ?? "",
                saga["attempt"]?.integer.map { "\($0)" } ?? "", saga["since"]?.string ?? "",
                saga["stuck"] == .bool(true) ? "yes" : "", saga["why"]?.string ?? "",
            ])
        }
        if sagas.isEmpty { return ["no checkout is open that was asked for"] }
        return (steps.isEmpty ? [] : counts.lines + [""]) + table.lines
    }

    private static func show(_ invocation: Invocation, _ client: GatewayClient) throws {
        let saga = try client.send(.get, path(try invocation.argument("id"))).json
        if invocation.flag("json") { return print(saga.text) }
        var line = "\(Terminal.bold(saga["order"]?.string ?? ""))  \(saga["state"]?.string ?? "")"
        if let reason = saga["reason"]?.string { line += "  goes back: \(reason)" }
        print(Terminal.plain(line))
        if let why = saga["why"]?.string {
            let stuck = saga["stuck"] == .bool(true) ? Terminal.red("stuck: ") : "waits: "
            let due = saga["dueAt"]?.string.map { "; looked at again at \($0)" } ?? ""
            print(stuck + Terminal.plain(why) + due)
        }
        var steps = Table([
            .text("STEP"), .text("SERVICE"), .text("STATE"), .figure("ATTEMPTS"), .text("AT"),
        ])
        for step in saga["steps"]?.array ?? [] {
            steps.add([
                step["step"]?.string ?? "", step["service"]?.string ?? "",
                step["state"]?.string ?? "", OrderText.number(step["attempts"]),
                step["at"]?.string ?? "",
            ])
        }
        print("")
        for line in steps.lines { print(line) }
        print("")
        for event in saga["history"]?.array ?? [] {
            print(
                Terminal.plain(
                    "\(event["recordedAt"]?.string ?? "")  \(event["id"]?.string ?? "")  "
                        + "\(event["type"]?.string ?? "")  \(event["data"]?.text ?? "")"))
        }
        for service in saga["silentServices"]?.array ?? [] {
            print(Terminal.red("silent: ") + "\(service.string ?? "") does not answer")
        }
        for message in saga["parked"]?.array ?? [] {
            print(
                Terminal.red("parked: ")
                    + Terminal.plain(
                        "\(message["service"]?.string ?? "") could not apply "
                            + "\(message["source"]?.string ?? "") "
                            + "\(OrderText.number(message["position"])): "
                            + (message["reason"]?.string ?? "")))
        }
    }

    private static func act(
        _ act: String, _ invocation: Invocation, _ client: GatewayClient
    ) throws {
        let id = try invocation.argument("id")
        var members: [JSON.Member] = [.init("act", .string(act))]
        if act == "skip" {
            members.append(.init("step", .string(try invocation.argument("step"))))
        }
        var body = JSONWriter()
        body.value(.object(members + (try invocation.instruction())))
        let answer = try client.send(.post, "\(path(id))/acts", body: body).json
        if invocation.flag("json") { return print(answer.text) }
        print("\(Terminal.green("done")); on record as \(answer["event"]?.string ?? "")")
        print(Terminal.dim("see how it goes on: shopctl saga show \(id) --url \(client.url)"))
    }
}

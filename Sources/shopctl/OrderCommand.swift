import Arguments
import EventSourcing
import HTTP

/// `shopctl order`: places, lists, shows, watches and cancels orders through the gateway.
enum OrderCommand {
    static let command = Command(
        "order", "place, list, show, watch and cancel orders",
        options: [ShopCommand.url, ShopCommand.json],
        example: "shopctl order list --status completed",
        subcommands: [
            OrderPlacing.command,
            Command(
                "list", "list orders, newest first",
                options: OrderQuery.options
                    + [.value("limit", "COUNT", "the most orders listed", default: "100")],
                example: "shopctl order list --customer alice --from 2026-01-01"),
            Command(
                "get", "show an order and its timeline",
                positionals: [Positional("id", "the order")],
                example: "shopctl order get 0198c7d2-0000-7000-8000-000000000000"),
            OrderWatch.command,
            Command(
                "cancel", "cancel an order that was not handed to the carrier",
                options: [.value("reason", "TEXT", "why", default: "cancelled by the merchant")],
                positionals: [Positional("id", "the order")],
                example: "shopctl order cancel 0198c7d2-0000-7000-8000-000000000000"),
            Command(
                "correct", "set right whose an order is, or where its mails go",
                options: [
                    .value("customer", "ID", "the customer whose it is"),
                    .value("contact", "EMAIL", "where mails go from now on; kept sealed"),
                ] + ShopCommand.instruction,
                positionals: [Positional("id", "the order")],
                example: "shopctl order correct ID --contact al@example.org --why 'mistyped'"),
        ])

    static func run(_ invocation: Invocation) throws {
        switch invocation.path.last {
        case "place": try OrderPlacing.run(invocation)
        case "list": try list(invocation)
        case "watch": try OrderWatch.run(invocation)
        case "get":
            let client = try GatewayClient(invocation)
            try show(try invocation.argument("id"), invocation, client, token: nil)
        case "correct": try correct(invocation)
        default: try cancel(invocation, try GatewayClient(invocation))
        }
    }

    /// Where the gateway has an order.
    static func path(_ id: String) -> String { "/v1/orders/\(percentEncoded(id))" }

    /// What makes a read wait for what was written before; nothing without a token.
    static func headers(_ token: String?) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers["Consistency-Token"] = token
        return headers
    }

    /// The whole timeline, page after page.
    static func timeline(_ id: String, _ client: GatewayClient, token: String? = nil) throws
        -> [JSON]
    {
        var events: [JSON] = []
        var target: String? = "\(path(id))/timeline?limit=500"
        while let page = target {
            let answer = try client.send(.get, page, headers: headers(token))
            events += answer.json["events"]?.array ?? []
            target = answer.next
        }
        return events
    }

    static func show(
        _ id: String, _ invocation: Invocation, _ client: GatewayClient, token: String?
    ) throws {
        let order = try client.send(.get, path(id), headers: headers(token)).json
        let events = try timeline(id, client, token: token)
        guard invocation.flag("json") else { return OrderText.show(order, events) }
        var json = JSONWriter()
        json.object { json in
            json.member("order") { $0.value(order) }
            json.member("timeline") { json in
                json.object { json in
                    json.member("order", id)
                    json.member("events") { $0.value(.array(events)) }
                }
            }
        }
        print(json.text)
    }

    private static func list(_ invocation: Invocation) throws {
        let query = try OrderQuery(invocation)
        let limit = try invocation.integer("limit", in: 1...1_000_000)
        let client = try GatewayClient(invocation)
        var orders: [JSON] = []
        try query.each(limit: limit, client) { orders.append($0) }
        var output = LineOutput.standard
        if invocation.flag("json") {
            var json = JSONWriter()
            json.object { $0.member("orders") { $0.value(.array(orders)) } }
            try output.line(json.text)
        } else {
            for line in OrderText.table(orders) { try output.line(line) }
        }
        try output.flush()
    }

    private static func cancel(_ invocation: Invocation, _ client: GatewayClient) throws {
        let id = try invocation.argument("id")
        let reason = try invocation.text("reason")
        var body = JSONWriter()
        body.object { $0.member("reason", reason) }
        let answer = try client.send(.post, "\(path(id))/cancellation", body: body)
        print(invocation.flag("json") ? answer.json.text : "cancellation of \(id) is under way")
    }

    private static func correct(_ invocation: Invocation) throws {
        let id = try invocation.argument("id")
        var members = try invocation.instruction()
        for name in ["customer", "contact"] {
            guard let text = invocation.optionalText(name) else { continue }
            members.append(.init(name, .string(text)))
        }
        guard members.count > 2 else {
            throw invocation.invalid(
                "--customer", "", expected: "what is to be corrected, here or by --contact")
        }
        var body = JSONWriter()
        body.value(.object(members))
        let answer = try GatewayClient(invocation)
            .send(.post, "\(path(id))/corrections", body: body)
        print(
            invocation.flag("json")
                ? answer.json.text
                : "corrected \(id); on record as \(answer.json["event"]?.string ?? "")")
    }
}

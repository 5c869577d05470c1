import Arguments
import EventSourcing
import Glibc
import HTTP
import Host

/// `shopctl order`: places, shows and cancels orders through the gateway.
enum OrderCommand {
    static let command = Command(
        "order", "place, show and cancel orders", options: [ShopCommand.url, ShopCommand.json],
        example: "shopctl order get 0198c7d2-0000-7000-8000-000000000000",
        subcommands: [
            Command(
                "place", "place an order",
                options: [
                    .value("customer", "ID", "the customer; a guest without"),
                    .value("contact", "EMAIL", "where mails go; kept sealed"),
                    .repeated("line", "SKU:QTY:PRICE", "a line, the price in minor units (pence)"),
                    .value("currency", "CODE", "the currency of all prices", default: "GBP"),
                    .value("token", "TOKEN", "the means of payment", default: "tok_ok"),
                    .value("reference", "TEXT", "your own number, unique for ever"),
                    .value("key", "TEXT", "an idempotency key; a fresh one without"),
                    .flag("wait", "wait until the order has come to its end"),
                ],
                example: "shopctl order place --customer alice --line mug:2:750 --wait"),
            Command(
                "get", "show an order and its timeline",
                positionals: [Positional("id", "the order")],
                example: "shopctl order get 0198c7d2-0000-7000-8000-000000000000"),
            Command(
                "cancel", "cancel an order that was not handed to the carrier",
                options: [.value("reason", "TEXT", "why", default: "cancelled by the merchant")],
                positionals: [Positional("id", "the order")],
                example: "shopctl order cancel 0198c7d2-0000-7000-8000-000000000000"),
        ])

    static func run(_ invocation: Invocation) throws {
        let client = try GatewayClient(invocation)
        switch invocation.path.last {
        case "place": try place(invocation, client)
        case "get": try show(try invocation.argument("id"), invocation, client, token: nil)
        default: try cancel(invocation, client)
        }
    }

    private static func place(_ invocation: Invocation, _ client: GatewayClient) throws {
        let body = try order(invocation)
        let key = invocation.optionalText("key") ?? SystemRuntime().newID()
        let answer = try client.send(
            .post, "/v1/orders", body: body, headers: ["Idempotency-Key": key])
        guard let id = answer.json["id"]?.string else {
            throw CommandFailure("the gateway's answer names no order")
        }
        let token = answer.headers["Consistency-Token"]
        if invocation.flag("wait") {
            let last = try wait(for: id, client, token: token)
            try show(id, invocation, client, token: last)
        } else if invocation.flag("json") {
            print(answer.json.text)
        } else {
            let isReplayed = answer.headers["Idempotent-Replayed"] == "true"
            print("\(Terminal.green("placed")) \(id)\(isReplayed ? " (it was before)" : "")")
            print(Terminal.dim("see how it goes: shopctl order get \(id) --url \(client.url)"))
        }
    }

    private static func order(_ invocation: Invocation) throws -> JSONWriter {
        let texts = invocation.texts("line")
        guard !texts.isEmpty else {
            throw invocation.invalid("--line", "", expected: "at least one SKU:QTY:PRICE")
        }
        var lines: [(sku: String, quantity: Int64, price: Int64)] = []
        for text in texts {
            // From the right, since a SKU may hold colons itself.
            let parts = text.utf8.split(separator: 0x3A, omittingEmptySubsequences: false)
            guard parts.count >= 3, let quantity = Int64(strictDecimal: parts[parts.count - 2]),
                let price = Int64(strictDecimal: parts[parts.count - 1])
            else {
                throw invocation.invalid(
                    "--line", text,
                    expected: "SKU:QTY:PRICE, the price in minor units, as mug:2:750")
            }
            let sku = parts[..<(parts.count - 2)].map { String(decoding: $0, as: UTF8.self) }
            lines.append((sku.joined(separator: ":"), quantity, price))
        }
        let currency = try invocation.text("currency")
        let token = try invocation.text("token")
        var body = JSONWriter()
        body.object { body in
            if let customer = invocation.optionalText("customer") {
                body.member("customer", customer)
            }
            if let contact = invocation.optionalText("contact") { body.member("contact", contact) }
            if let reference = invocation.optionalText("reference") {
                body.member("reference", reference)
            }
            body.member("currency", currency)
            body.member("token", token)
            body.member("lines") { body in
                body.array { body in
                    for line in lines {
                        body.object { body in
                            body.member("sku", line.sku)
                            body.member("quantity", line.quantity)
                            body.member("unitPrice", line.price)
                        }
                    }
                }
            }
        }
        return body
    }

    /// Asks until the order's checkout has ended, for at most a minute; returns the last token
    /// seen.
    private static func wait(for id: String, _ client: GatewayClient, token: String?) throws
        -> String?
    {
        var token = token
        for _ in 0..<1200 {
            let answer = try client.send(
                .get, "/v1/orders/\(GatewayClient.segment(id))", headers: headers(token))
            token = answer.headers["Consistency-Token"] ?? token
            let status = answer.json["status"]?.string ?? ""
            Terminal.progress("\(id): \(status)")
            if ["completed", "rejected", "cancelled", "expired"].contains(status) {
                Terminal.endProgress()
                return token
            }
            usleep(50_000)
        }
        throw CommandFailure("\(id) has not ended within a minute; look again with order get")
    }

    private static func headers(_ token: String?) -> HTTPHeaders {
        var headers = HTTPHeaders()
        headers["Consistency-Token"] = token
        return headers
    }

    private static func show(
        _ id: String, _ invocation: Invocation, _ client: GatewayClient, token: String?
    ) throws {
        let path = "/v1/orders/\(GatewayClient.segment(id))"
        let order = try client.send(.get, path, headers: headers(token)).json
        let timeline = try client.send(.get, "\(path)/timeline", headers: headers(token)).json
        if invocation.flag("json") {
            var json = JSONWriter()
            json.object { json in
                json.member("order") { $0.value(order) }
                json.member("timeline") { $0.value(timeline) }
            }
            return print(json.text)
        }
        OrderText.show(order, timeline)
    }

    private static func cancel(_ invocation: Invocation, _ client: GatewayClient) throws {
        let id = try invocation.argument("id")
        let reason = try invocation.text("reason")
        var body = JSONWriter()
        body.object { $0.member("reason", reason) }
        let answer = try client.send(
            .post, "/v1/orders/\(GatewayClient.segment(id))/cancellation", body: body)
        print(invocation.flag("json") ? answer.json.text : "cancellation of \(id) is under way")
    }
}

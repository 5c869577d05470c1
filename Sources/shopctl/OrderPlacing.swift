import Arguments
import EventSourcing
import Glibc
import HTTP
import Host

/// `shopctl order place`: from the command line's parts, or from a file as the gateway takes it.
enum OrderPlacing {
    static let command = Command(
        "place", "place an order",
        options: [
            .value("file", "FILE", "the whole order as JSON, - for standard input"),
            .value("customer", "ID", "the customer; a guest without"),
            .value("contact", "EMAIL", "where mails go; kept sealed"),
            .repeated("line", "SKU:QTY:PRICE", "a line, the price in minor units (pence)"),
            .value("currency", "CODE", "the currency of all prices; GBP without"),
            .value("token", "TOKEN", "the means of payment; tok_ok without"),
            .value("shipping", "TEXT", "what the carrier goes by, such as ship_ok"),
            .value("reference", "TEXT", "your own number, unique for ever"),
            .value("occurred-at", "TIME", "when it was ordered, where that was earlier"),
            .value("key", "TEXT", "an idempotency key; a fresh one without"),
            .flag("wait", "wait until the order has come to its end"),
        ],
        example: "shopctl order place --customer alice --line mug:2:750 --wait")

    /// What says what is ordered, and so cannot stand beside a file that does.
    private static let parts = [
        "line", "customer", "contact", "currency", "token", "shipping", "reference", "occurred-at",
    ]
    static func run(_ invocation: Invocation) throws {
        let body = try body(invocation)
        let client = try GatewayClient(invocation)
        let key = invocation.optionalText("key") ?? SystemRuntime().newID()
        let answer = try client.send(
            .post, "/v1/orders", body: body, headers: ["Idempotency-Key": key])
        guard let id = answer.json["id"]?.string else {
            throw CommandFailure("the gateway's answer names no order")
        }
        let token = answer.headers["Consistency-Token"]
        if invocation.flag("wait") {
            let last = try wait(for: id, client, token: token)
            try OrderCommand.show(id, invocation, client, token: last)
        } else if invocation.flag("json") {
            print(answer.json.text)
        } else {
            let isReplayed = answer.headers["Idempotent-Replayed"] == "true"
            print("\(Terminal.green("placed")) \(id)\(isReplayed ? " (it was before)" : "")")
            print(Terminal.dim("see how it goes: shopctl order watch \(id) --url \(client.url)"))
        }
    }

    private static func body(_ invocation: Invocation) throws -> JSONWriter {
        guard let file = invocation.optionalText("file") else { return try order(invocation) }
        if let part = parts.first(where: { !invocation.texts($0).isEmpty }) {
            throw invocation.error(.notTogether("--file", "--\(part)"))
        }
        var body = JSONWriter()
        body.value(try JSONInput.read(file, option: "--file"))
        return body
    }

    private static func order(_ invocation: Invocation) throws(UsageError) -> JSONWriter {
        let lines = try lines(invocation)
        let occurredAt = try invocation.time("occurred-at")
        var body = JSONWriter()
        body.object { body in
            for name in ["customer", "contact", "shipping", "reference"] as [StaticString] {
                if let text = invocation.optionalText(name.description) { body.member(name, text) }
            }
            if let occurredAt { body.member("occurredAt", occurredAt.description) }
            body.member("currency", invocation.optionalText("currency") ?? "GBP")
            body.member("token", invocation.optionalText("token") ?? "tok_ok")
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

    private static func lines(_ invocation: Invocation) throws(UsageError)
        -> [(sku: String, quantity: Int64, price: Int64)]
    {
        let texts = invocation.texts("line")
        guard !texts.isEmpty else {
            throw invocation.error(.missingForm(["--line SKU:QTY:PRICE", "--file FILE"]))
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
        return lines
    }

    /// Asks until the order's checkout has ended, for at most a minute; returns the last token
    /// seen.
    private static func wait(for id: String, _ client: GatewayClient, token: String?) throws
        -> String?
    {
        var token = token
        for _ in 0..<1200 {
            let answer = try client.send(
                .get, OrderCommand.path(id), headers: OrderCommand.headers(token))
            token = answer.headers["Consistency-Token"] ?? token
            let status = answer.json["status"]?.string ?? ""
            Terminal.progress("\(id): \(status)")
            if OrderWatch.ends.contains(status) {
                Terminal.endProgress()
                return token
            }
            usleep(50_000)
        }
        throw CommandFailure("\(id) has not ended within a minute; look again with order get")
    }
}

import Arguments
import EventSourcing
import HTTP
import Host

/// `shopctl stock`: receives goods, and shows what there is.
enum StockCommand {
    static let command = Command(
        "stock", "receive goods and show what there is",
        options: [ShopCommand.url, ShopCommand.json], example: "shopctl stock receive mug 40",
        subcommands: [
            Command(
                "receive", "put goods on record that have come in",
                options: [
                    .value("reference", "TEXT", "your own number of the receipt"),
                    .value("key", "TEXT", "an idempotency key; a fresh one without"),
                ],
                positionals: [
                    Positional("sku", "the stock keeping unit"), Positional("quantity", "how many"),
                ],
                example: "shopctl stock receive mug 40"),
            Command(
                "get", "show on hand, reserved and available",
                positionals: [Positional("sku", "the stock keeping unit")],
                example: "shopctl stock get mug"),
        ])

    static func run(_ invocation: Invocation) throws {
        let client = try GatewayClient(invocation)
        let sku = try invocation.argument("sku")
        let path = "/v1/stock/\(percentEncoded(sku))"
        guard invocation.path.last == "receive" else {
            return show(try client.send(.get, path).json, invocation)
        }
        let quantity = try invocation.integerArgument("quantity", in: 1...1_000_000_000)
        var body = JSONWriter()
        body.object { body in
            body.member("quantity", Int64(quantity))
            if let reference = invocation.optionalText("reference") {
                body.member("reference", reference)
            }
        }
        let key = invocation.optionalText("key") ?? SystemRuntime().newID()
        let answer = try client.send(
            .post, "\(path)/receipts", body: body, headers: ["Idempotency-Key": key])
        if invocation.flag("json") {
            print(answer.json.text)
        } else {
            print("\(Terminal.green("received")) \(quantity) of \(sku)")
        }
    }

    private static func show(_ stock: JSON, _ invocation: Invocation) {
        guard !invocation.flag("json") else { return print(stock.text) }
        func number(_ name: String) -> Int64 { stock[name]?.integer ?? 0 }
        print(
            "\(stock["sku"]?.string ?? ""): \(number("available")) available, "
                + "\(number("onHand")) on hand, \(number("reserved")) reserved"
        )
    }
}

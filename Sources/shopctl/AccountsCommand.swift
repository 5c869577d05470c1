import Arguments
import EventSourcing
import HTTP

/// `shopctl accounts`: whether everything that is recorded is published and applied, and whether
/// money and goods balance.
enum AccountsCommand {
    static let command = Command(
        "accounts",
        "whether what is recorded is published and applied, and money and goods balance",
        options: [
            ShopCommand.url,
            .flag("verify", "sum up every row, and compare with the books; reads all orders"),
            ShopCommand.json,
        ],
        example: "shopctl accounts --verify")

    /// 0 where all balances, else 1.
    static func run(_ invocation: Invocation) throws -> Int32 {
        let query = invocation.flag("verify") ? [(name: "verify", value: "true")] : []
        let target = GatewayClient.target("/v1/accounts", query)
        let accounts = try GatewayClient(invocation).send(.get, target).json
        var output = LineOutput.standard
        if invocation.flag("json") {
            try output.line(accounts.text)
        } else {
            for line in lines(accounts) { try output.line(line) }
        }
        try output.flush()
        return isBalanced(accounts) ? 0 : 1
    }

    private static func isBalanced(_ json: JSON?) -> Bool { json?["balanced"] == .bool(true) }

    private static func lines(_ accounts: JSON) -> [String] {
        let state =
            isBalanced(accounts) ? Terminal.green("balanced") : Terminal.red("not balanced")
        var lines = ["\(state) at \(accounts["at"]?.string ?? "")"]
        if let at = accounts["verifiedAt"]?.string {
            lines.append("rows summed up and compared at \(at)")
        }
        for alarm in accounts["alarms"]?.array ?? [] {
            let names = ["book", "code"].map { alarm[$0]?.string ?? "" }.joined(separator: "/")
            lines.append(
                "\(Terminal.red(names))  \(Terminal.plain(alarm["detail"]?.string ?? ""))")
        }
        if let count = accounts["ordersOutOfBalance"]?.integer, count > 0 {
            lines.append("\(count) orders are out of balance")
        }
        return lines + [""] + hops(accounts) + [""] + books(accounts)
    }

    private static func hops(_ accounts: JSON) -> [String] {
        var table = Table([
            .text("LOG"), .text("CHANNEL"), .figure("RECORDED"), .figure("PUBLISHED"),
            .text("READER"), .figure("APPLIED"), .figure("WAITING"), .figure("PARKED"), .text(""),
        ])
        for hop in accounts["hops"]?.array ?? [] {
            let readers = hop["readers"]?.array ?? []
            for reader in readers.isEmpty ? [.null] : readers {
                table.add([
                    hop["log"]?.string ?? "", hop["channel"]?.string ?? "",
                    OrderText.number(hop["recorded"]), OrderText.number(hop["published"]),
                    reader["reader"]?.string ?? "", OrderText.number(reader["applied"]),
                    OrderText.number(reader["waiting"]), OrderText.number(reader["parked"]),
                    isBalanced(hop) ? "" : "not balanced",
                ])
            }
        }
        return table.lines
    }

    private static func books(_ accounts: JSON) -> [String] {
        var table = Table([
            .text("BOOK"), .text("ACCOUNT"), .figure("DEBIT"), .figure("CREDIT"),
            .figure("BALANCE"), .text(""),
        ])
        func add(_ name: String, _ ledger: JSON?) {
            for line in ledger?["accounts"]?.array ?? [] {
                let amounts = ["debit", "credit", "balance"].map { OrderText.money(line[$0]) }
                table.add(
                    [name, line["account"]?.string ?? ""] + amounts
                        + [isBalanced(ledger) ? "" : "not balanced"])
            }
        }
        for ledger in accounts["money"]?.array ?? [] {
            add(ledger["currency"]?.string ?? "", ledger)
        }
        add("stock", accounts["stock"])
        return table.lines
    }
}

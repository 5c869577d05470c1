import Arguments
import EventSourcing
import HTTP
import Host

/// `shopctl report`: what was sold, and how orders stand.
enum ReportCommand {
    private enum Grouping: String, CaseIterable { case day, month, sku }
    private enum OrderGrouping: String, CaseIterable { case status }

    static let command = Command(
        "report", "what was sold, and how orders stand",
        options: [ShopCommand.url, ShopCommand.json],
        example: "shopctl report revenue --by month",
        subcommands: [
            Command(
                "revenue", "completed orders' revenue by day, month or SKU",
                options: [
                    .required("by", "GROUP", "day, month or sku"),
                    .value("from", "TIME", "of orders placed at this date or time, or later"),
                    .value("to", "TIME", "of orders placed before this date or time"),
                    .value("limit", "COUNT", "the most rows", default: "10000"),
                ],
                example: "shopctl report revenue --by month --from 2026-01-01 --to 2027-01-01"),
            Command(
                "orders", "how many orders there are in each status, and what they come to",
                options: [.value("by", "GROUP", "status", default: "status")],
                example: "shopctl report orders --by status"),
        ])

    static func run(_ invocation: Invocation) throws {
        let isRevenue = invocation.path.last == "revenue"
        let query = try isRevenue ? revenueQuery(invocation) : orderQuery(invocation)
        let path = isRevenue ? "/v1/reports/revenue" : "/v1/reports/orders"
        let client = try GatewayClient(invocation)
        let answer = try client.send(.get, GatewayClient.target(path, query)).json
        var output = LineOutput.standard
        if invocation.flag("json") {
            try output.line(answer.text)
        } else {
            let lines = isRevenue ? revenue(answer) : orders(answer)
            for line in lines { try output.line(line) }
        }
        try output.flush()
    }

    private static func revenueQuery(_ invocation: Invocation) throws(UsageError)
        -> [(name: String, value: String)]
    {
        let group = try invocation.choice("by", of: Grouping.self)
        let limit = try invocation.integer("limit", in: 1...10_000)
        return [("by", group.rawValue)] + (try invocation.period()) + [("limit", "\(limit)")]
    }

    private static func orderQuery(_ invocation: Invocation) throws(UsageError)
        -> [(name: String, value: String)]
    {
        [("by", try invocation.choice("by", of: OrderGrouping.self).rawValue)]
    }

    private static func revenue(_ answer: JSON) -> [String] {
        let group = answer["by"]?.string ?? ""
        var table = Table([
            .text(group.uppercased()), .figure("ORDERS"), .figure("LINES"), .figure("UNITS"),
            .figure("REVENUE"),
        ])
        func add(_ name: String, _ row: JSON) {
            let counts = ["orders", "lines", "units"].map { OrderText.number(row[$0]) }
            table.add([name] + counts + [OrderText.money(row["revenue"])])
        }
        for row in answer["rows"]?.array ?? [] { add(row[group]?.string ?? "", row) }
        for total in answer["totals"]?.array ?? [] { add("total", total) }
        guard answer["next"] == nil else {
            return table.lines + [Terminal.dim("there are more rows; the totals are over all")]
        }
        return table.lines
    }

    private static func orders(_ answer: JSON) -> [String] {
        var table = Table([.text("STATUS"), .figure("ORDERS"), .figure("TOTAL")])
        var sums: [(currency: String, orders: Int64?, minor: Int64?)] = []
        for row in answer["rows"]?.array ?? [] {
            table.add([
                row["status"]?.string ?? "", OrderText.number(row["orders"]),
                OrderText.money(row["total"]),
            ])
            let currency = row["currency"]?.string ?? ""
            let place = sums.firstIndex { $0.currency == currency } ?? sums.count
            if place == sums.count { sums.append((currency, 0, 0)) }
            sums[place].orders = sum(sums[place].orders, row["orders"]?.integer)
            sums[place].minor = sum(sums[place].minor, row["total"]?["minor"]?.integer)
        }
        for sum in sums {
            let total = sum.minor.map { Amount(minor: $0, currency: sum.currency)?.text }
            table.add([
                "total", sum.orders.map { "\($0)" } ?? Amount.tooLarge,
                total.map { $0 ?? sum.currency } ?? "\(Amount.tooLarge) \(sum.currency)",
            ])
        }
        return table.lines
    }
}

import Arguments
import EventSourcing
import HTTP

/// Which orders are asked for, and the asking: page after page.
struct OrderQuery {
    static let options = [
        Option.value("customer", "ID", "only this customer's"),
        .value("status", "STATUS", "only orders that stand so"),
        .value("from", "TIME", "placed at this date or time, or later"),
        .value("to", "TIME", "placed before this date or time"),
    ]
    static let statuses = [
        "placed", "confirmed", "packed", "shipped", "completed", "cancelling", "cancelled",
        "rejected", "expired",
    ]
    private static let pageSize = 500

    private let filters: [(name: String, value: String)]

    init(_ invocation: Invocation) throws(UsageError) {
        if let status = invocation.optionalText("status"), !Self.statuses.contains(status) {
            throw invocation.invalid(
                "--status", status, expected: "one of \(Self.statuses.joined(separator: ", "))")
        }
        filters =
            try ["customer", "status"].compactMap { name in
                invocation.optionalText(name).map { (name, $0) }
            } + invocation.period()
    }

    /// Calls `body` with each order, newest first, at most `limit` times.
    func each(limit: Int, _ client: GatewayClient, _ body: (JSON) throws -> Void) throws {
        var left = limit
        var cursor: String?
        repeat {
            var query = filters + [("limit", "\(min(left, Self.pageSize))")]
            if let cursor { query.append(("cursor", cursor)) }
            let page = try client.send(.get, GatewayClient.target("/v1/orders", query)).json
            for order in (page["orders"]?.array ?? []).prefix(left) {
                left -= 1
                try body(order)
            }
            cursor = page["next"]?.string
        } while left > 0 && cursor != nil
    }
}

extension Invocation {
    /// `--from` and `--to` as the gateway takes them.
    ///
    /// - Throws: for what is no time, and for a period that ends before it begins.
    func period() throws(UsageError) -> [(name: String, value: String)] {
        let from = try time("from")
        let to = try time("to")
        if let from, let to, to < from {
            throw invalid("--to", optionalText("to") ?? "", expected: "at --from or later")
        }
        var period: [(name: String, value: String)] = []
        if let from { period.append(("from", from.description)) }
        if let to { period.append(("to", to.description)) }
        return period
    }
}

/// What a shop's orders amount to, by day, month and SKU, summed up from the orders' own log.
struct Sold {
    struct Sum: Hashable {
        let orders: Int64
        let lines: Int64
        let units: Int64
        let pence: Int64
    }

    let days: [String: Sum]
    let months: [String: Sum]
    let skus: [String: Sum]

    init(_ shop: RunningShop) throws {
        days = try Self.sums(shop, "strftime('%Y-%m-%d', \(Self.seconds), 'unixepoch')")
        months = try Self.sums(shop, "strftime('%Y-%m', \(Self.seconds), 'unixepoch')")
        skus = try Self.sums(shop, "value ->> 'sku'")
    }

    private static let seconds = "(metadata ->> 'occurredAt') / 1000000"

    private static func sums(_ shop: RunningShop, _ group: String) throws -> [String: Sum] {
        let rows = try sqlite(
            shop.folder.log("orders"),
            """
            SELECT \(group), count(DISTINCT stream), count(*), sum(value ->> 'quantity'),
                sum((value ->> 'quantity') * (value ->> 'unitPrice'))
            FROM events, json_each(data, '$.lines') WHERE events.type = 'order.placed' GROUP BY 1
            """)
        var sums: [String: Sum] = [:]
        for row in rows.split(separator: "\n") {
            let parts = row.split(separator: "|")
            let numbers = parts.dropFirst().compactMap { Int64($0) }
            guard parts.count == 5, numbers.count == 4 else { throw Failure("\(row)") }
            sums[String(parts[0])] = Sum(
                orders: numbers[0], lines: numbers[1], units: numbers[2], pence: numbers[3])
        }
        return sums
    }
}

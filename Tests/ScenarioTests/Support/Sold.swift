import EventSourcing

/// What a shop's completed orders amount to, as its revenue report has it.
struct Sold {
    struct Sum: Hashable {
        let orders: Int64
        let lines: Int64
        let units: Int64
        let pence: Int64

        init(_ json: JSON?) {
            func number(_ name: String) -> Int64 { json?[name]?.integer ?? -1 }
            orders = number("orders")
            lines = number("lines")
            units = number("units")
            pence = json?["revenue"]?["minor"]?.integer ?? -1
        }
    }

    let days: [String: Sum]
    let months: [String: Sum]
    let skus: [String: Sum]
    let total: Sum

    init(_ shop: RunningShop) throws {
        var totals: [Sum] = []
        func sums(_ group: String) throws -> [String: Sum] {
            let report = try shop.get("/v1/reports/revenue?by=\(group)")
            let currencies = report.json["totals"]?.array ?? []
            guard report.status == 200, report.json["next"] == nil, currencies.count == 1 else {
                throw Failure("\(group): \(report.text.prefix(1000))")
            }
            totals.append(Sum(currencies.first))
            let rows = report.json["rows"]?.array ?? []
            return Dictionary(rows.map { ($0[group]?.string ?? "", Sum($0)) }) { first, _ in first }
        }
        days = try sums("day")
        months = try sums("month")
        skus = try sums("sku")
        total = totals[0]
        guard Set(totals).count == 1 else { throw Failure("the totals differ: \(totals)") }
    }
}

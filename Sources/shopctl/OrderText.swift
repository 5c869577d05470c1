import EventSourcing
import Host

/// Adds up what a gateway says; nil where the sum is beyond 64 bits, or a part of it was.
func sum(_ sum: Int64?, _ part: Int64?) -> Int64? {
    guard let sum else { return nil }
    let (next, overflow) = sum.addingReportingOverflow(part ?? 0)
    return overflow ? nil : next
}

extension Amount {
    /// What stands for a sum that does not fit.
    static let tooLarge = "does not fit into 64 bits"
}

/// An order and its timeline, for a person.
enum OrderText {
    static func show(_ order: JSON, _ timeline: [JSON]) {
        let status = order["status"]?.string ?? "unknown"
        let isGood = !["rejected", "cancelled", "expired"].contains(status)
        let shown = isGood ? Terminal.green(status) : Terminal.red(status)
        print(
            "order \(Terminal.bold(order["id"]?.string ?? ""))  \(shown)  \(money(order["total"]))")
        if let reason = order["reason"]?.string { print("  \(Terminal.plain(reason))") }
        showLines(order["lines"]?.array ?? [])
        let facts = [
            ("customer", order["customer"]), ("reference", order["reference"]),
            ("shipping", order["shipping"]), ("tracking", order["delivery"]?["tracking"]),
        ]
        for (name, value) in facts {
            if let text = value?.string { print("  \(name) \(Terminal.plain(text))") }
        }
        for event in timeline { print("  \(entry(event))") }
    }

    private static func showLines(_ lines: [JSON]) {
        var table = Table([
            .figure("QUANTITY"), .text("SKU"), .figure("EACH"), .figure("TOGETHER"),
            .text("DESCRIPTION"),
        ])
        for line in lines {
            let (price, quantity) = (line["unitPrice"], line["quantity"]?.integer ?? 0)
            let product = (price?["minor"]?.integer ?? 0).multipliedReportingOverflow(by: quantity)
            let sum = Amount(
                minor: product.partialValue, currency: price?["currency"]?.string ?? "")
            table.add([
                "\(quantity)", line["sku"]?.string ?? "", money(price),
                product.overflow ? "" : sum?.text ?? "", line["description"]?.string ?? "",
            ])
        }
        for line in table.lines { print("  \(line)") }
    }

    /// Orders as a list shows them.
    static func table(_ orders: [JSON]) -> [String] {
        var table = Table([
            .text("ID"), .text("STATUS"), .text("CUSTOMER"), .figure("TOTAL"), .figure("LINES"),
            .figure("UNITS"), .text("PLACED AT"),
        ])
        for order in orders {
            table.add([
                order["id"]?.string ?? "", order["status"]?.string ?? "",
                order["customer"]?.string ?? "", money(order["total"]), number(order["lines"]),
                number(order["units"]), order["placedAt"]?.string ?? "",
            ])
        }
        return table.lines
    }

    /// An entry of a timeline: when, whose log, what.
    static func entry(_ event: JSON) -> String {
        let time = event["recordedAt"]?.string ?? ""
        let log = event["id"]?.string.map { String($0.prefix { $0 != "/" }) } ?? ""
        let padding = String(repeating: " ", count: max(0, 13 - log.count))
        return "\(Terminal.dim(time))  \(log)\(padding)  \(event["type"]?.string ?? "")"
    }

    /// An amount as the gateway says it.
    static func money(_ amount: JSON?) -> String {
        amount?["text"]?.string ?? amount?.text ?? ""
    }

    static func number(_ value: JSON?) -> String { value?.integer.map { "\($0)" } ?? "" }
}

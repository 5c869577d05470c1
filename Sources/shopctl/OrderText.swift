import EventSourcing

/// An order and its timeline, for a person.
enum OrderText {
    static func show(_ order: JSON, _ timeline: JSON) {
        let status = order["status"]?.string ?? "unknown"
        let isGood = !["rejected", "cancelled", "expired"].contains(status)
        let shown = isGood ? Terminal.green(status) : Terminal.red(status)
        print("order \(Terminal.bold(order["id"]?.string ?? ""))  \(shown)  \(total(order))")
        if let reason = order["reason"]?.string { print("  \(reason)") }
        for line in order["lines"]?.array ?? [] {
            print("  \(line["quantity"]?.integer ?? 0) x \(line["sku"]?.string ?? "")")
        }
        for event in timeline["events"]?.array ?? [] {
            let time = event["recordedAt"]?.string ?? ""
            let log = event["id"]?.string.map { $0.prefix { $0 != "/" } } ?? ""
            let type = event["type"]?.string ?? ""
            print("  \(Terminal.dim(time))  \(pad(String(log), 13))  \(type)")
        }
    }

    private static func total(_ order: JSON) -> String {
        guard let total = order["total"] else { return "" }
        return total["text"]?.string ?? total.text
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}

public import EventSourcing

/// So many pieces of one thing in stock.
public struct StockLine: Hashable, Sendable {
    public let sku: SKU
    /// At least 1.
    public let quantity: Int

    /// Nil for a quantity below 1.
    public init?(sku: SKU, quantity: Int) {
        guard quantity > 0 else { return nil }
        self.sku = sku
        self.quantity = quantity
    }

    private init(_ sku: SKU, positive quantity: Int) {
        self.sku = sku
        self.quantity = quantity
    }

    /// One line for each SKU, sorted by SKU.
    ///
    /// A sum beyond `Int.max` stays there. That is more than any stock may hold
    /// (`Stock.maximum`), so whoever asks for it is refused.
    public static func summing(_ lines: [StockLine]) -> [StockLine] {
        var sums: [StockLine] = []
        sums.reserveCapacity(lines.count)
        for line in lines.sorted(by: { $0.sku < $1.sku }) {
            if let last = sums.last, last.sku == line.sku {
                let sum = last.quantity.addingSaturating(line.quantity)
                sums[sums.count - 1] = StockLine(last.sku, positive: sum)
            } else {
                sums.append(line)
            }
        }
        return sums
    }

    /// What order lines take out of stock: one line for each SKU, sorted by SKU.
    public static func summing(_ lines: [OrderLine]) -> [StockLine] {
        summing(lines.map { StockLine($0.sku, positive: $0.quantity) })
    }
}

extension StockLine {
    /// Appends `{"sku":"A-1","quantity":2}`.
    public func encode(to json: inout JSONWriter) {
        json.object { json in
            json.member("sku", sku.value)
            json.member("quantity", Int64(quantity))
        }
    }

    public init(_ json: JSONObject) throws(JSONError) {
        sku = try json.identifier("sku", SKU.self)
        quantity = try json.count("quantity")
        guard quantity > 0 else { throw json.error("quantity", "must be positive") }
    }
}

extension Int {
    /// The sum, or the nearest value there is. Folds use it: what was recorded must not end the
    /// process.
    func addingSaturating(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, but never below 0.
    func subtractingToZero(_ other: Int) -> Int {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : 0) : Swift.max(0, difference)
    }
}

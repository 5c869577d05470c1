import EventSourcing

/// What is missing of one SKU.
public struct Shortage: Hashable, Sendable, CustomStringConvertible {
    public let sku: SKU
    /// All lines of the SKU together.
    public let wanted: Int
    public let available: Int

    public init(sku: SKU, wanted: Int, available: Int) {
        self.sku = sku
        self.wanted = wanted
        self.available = available
    }

    public var description: String { "\(sku) (wanted \(wanted), available \(available))" }

    /// What the customer is told: the first three in full, the others counted.
    public static func reason(_ shortages: [Shortage]) -> String {
        let named = shortages.prefix(3).map(\.description).joined(separator: ", ")
        let others = shortages.count > 3 ? " and \(shortages.count - 3) more" : ""
        return "out of stock: \(named)\(others)"
    }
}

extension Shortage {
    func encode(to json: inout JSONWriter) {
        json.object { json in
            json.member("sku", sku.value)
            json.member("wanted", Int64(wanted))
            json.member("available", Int64(available))
        }
    }

    init(_ json: JSONObject) throws(JSONError) {
        sku = try json.identifier("sku", SKU.self)
        wanted = try json.count("wanted")
        available = try json.count("available")
    }
}

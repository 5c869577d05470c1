import EventSourcing

/// A line of an order: so many of one thing, at a price each that was fixed when the order was
/// placed.
public struct OrderLine: Hashable, Sendable {
    /// The pieces a line may ask for.
    public static let quantities = 1...1_000_000
    /// The bytes a description may have.
    public static let maximumDescription = 500

    public let sku: SKU
    public let quantity: Int
    public let unitPrice: Money
    public let description: String?

    /// - Throws: the limit that is not kept.
    public init(sku: SKU, quantity: Int, unitPrice: Money, description: String? = nil)
        throws(Invalid)
    {
        guard Self.quantities.contains(quantity) else { throw .quantity(quantity) }
        guard unitPrice.minor >= 0 else { throw .negativePrice }
        guard (description?.utf8.count ?? 0) <= Self.maximumDescription else {
            throw .longDescription
        }
        self.sku = sku
        self.quantity = quantity
        self.unitPrice = unitPrice
        self.description = description
    }

    public enum Invalid: Error, Hashable, CustomStringConvertible {
        case quantity(Int)
        case negativePrice
        case longDescription

        public var description: String {
            switch self {
            case .quantity(let quantity): "quantity must be 1 to 1000000, not \(quantity)"
            case .negativePrice: "unitPrice must not be negative"
            case .longDescription: "description must be at most 500 bytes"
            }
        }
    }
}

extension OrderLine {
    /// Appends the line without its currency, which the order states once.
    func encode(to json: inout JSONWriter) {
        json.object { json in
            json.member("sku", sku.value)
            json.member("quantity", Int64(quantity))
            json.member("unitPrice", unitPrice.minor)
            if let description { json.member("description", description) }
        }
    }

    init(_ json: JSONObject, currency: Currency) throws(JSONError) {
        let sku = try json.identifier("sku", SKU.self)
        let quantity = try json.count("quantity")
        let price = Money(minor: try json.integer("unitPrice"), currency: currency)
        let description = try json.optionalString("description")
        do throws(Invalid) {
            try self.init(sku: sku, quantity: quantity, unitPrice: price, description: description)
        } catch { throw JSONError(pointer: json.pointer, reason: "is refused: \(error)") }
    }
}

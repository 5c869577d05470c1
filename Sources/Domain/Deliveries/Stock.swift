public import EventSourcing

/// The goods received of one SKU. What leaves is on record with the deliveries; `Availability`
/// folds both.
public struct Stock: Decider, Hashable {
    /// The pieces one receipt may bring.
    public static let quantities = 1...1_000_000_000
    /// The pieces of one SKU that may ever be received.
    public static let maximum = 1_000_000_000_000_000

    public private(set) var sku: SKU?
    /// All that was ever received.
    public private(set) var received = 0
    /// The receipts with a reference that one SKU may have.
    public static let maximumReferences = 100_000

    /// What each receipt with a reference brought.
    private var references: [String: Int] = [:]

    public init() {}

    public enum Command: Hashable, Sendable {
        /// `reference` is the merchant's own, such as the number of a delivery note: what came in
        /// under it for this SKU is never counted twice.
        case receive(SKU, quantity: Int, reference: String?)
    }

    public enum Event: Hashable, Sendable {
        case received(SKU, quantity: Int, reference: String?)
    }

    public enum Rejection: Error, Hashable, CustomStringConvertible {
        case quantity(Int)
        case tooMuch
        case tooManyReferences
        /// The reference belongs to a receipt of so many pieces.
        case referenceTaken(quantity: Int)
        /// This stream is another SKU's.
        case otherSKU(SKU)

        public var description: String {
            switch self {
            case .quantity(let quantity): "quantity must be 1 to 1000000000, not \(quantity)"
            case .referenceTaken(let quantity):
                "the reference belongs to a receipt of \(quantity) pieces of this SKU"
            case .tooManyReferences:
                "this SKU has \(Stock.maximumReferences) receipts with a reference; leave it out"
            case .tooMuch: "no more than \(Stock.maximum) pieces of one SKU can be received"
            case .otherSKU(let sku): "the stream is that of \(sku)"
            }
        }
    }

    public func decide(_ command: Command) throws(Rejection) -> [Event] {
        switch command {
        case .receive(let sku, let quantity, let reference):
            if let own = self.sku, own != sku { throw .otherSKU(own) }
            guard Self.quantities.contains(quantity) else { throw .quantity(quantity) }
            if let reference, let known = references[reference] {
                guard known == quantity else { throw .referenceTaken(quantity: known) }
                return []
            }
            guard reference == nil || references.count < Self.maximumReferences else {
                throw .tooManyReferences
            }
            guard received.addingSaturating(quantity) <= Self.maximum else { throw .tooMuch }
            return [.received(sku, quantity: quantity, reference: reference)]
        }
    }

    public mutating func evolve(_ event: Event) {
        switch event {
        case .received(let sku, let quantity, let reference):
            self.sku = sku
            if let reference { references[reference] = quantity }
            received = received.addingSaturating(quantity)
        }
    }
}

extension Stock.Event: StoredEvent {
    private enum Name: String { case received = "stock.received" }

    public var type: EventType { EventType(Name.received.rawValue) }

    public func encode(to json: inout JSONWriter) {
        switch self {
        case .received(let sku, let quantity, let reference):
            json.object { json in
                json.member("sku", sku.value)
                json.member("quantity", Int64(quantity))
                if let reference { json.member("reference", reference) }
            }
        }
    }

    public static func decode(_ type: EventType, _ data: JSON) throws(UnreadableEvent) -> Self {
        _ = try Name.stored(type)
        return try decoding(type, data) { json throws(JSONError) in
            let line = try StockLine(json)
            return .received(
                line.sku, quantity: line.quantity,
                reference: try json.optionalString("reference"))
        }
    }
}

public import EventSourcing

/// What a saga's step asks of a participant.
public enum StepRequest: Hashable, Sendable {
    case reserve([StockLine])
    case release
    /// Nil for `within` gives the payment its usual time.
    case authorize(amount: Money, token: String, within: Duration? = nil)
    case void
    case confirm
    case pack
    case unpack
    /// Nil for the carrier's usual way of shipping.
    case handOver(shipping: String? = nil)
    case recall
    case capture(Money)
    case complete
}

extension StepRequest {
    private enum Name: String {
        case reserve, release, authorize, void, confirm, pack, unpack
        case handOver = "hand-over"
        case recall, capture, complete
    }

    private var name: Name {
        switch self {
        case .reserve: .reserve
        case .release: .release
        case .authorize: .authorize
        case .void: .void
        case .confirm: .confirm
        case .pack: .pack
        case .unpack: .unpack
        case .handOver: .handOver
        case .recall: .recall
        case .capture: .capture
        case .complete: .complete
        }
    }

    /// Appends the request as one JSON object, such as `{"do":"reserve","lines":[...]}`.
    public func encode(to json: inout JSONWriter) {
        json.object { json in
            json.member("do", name.rawValue)
            switch self {
            case .reserve(let lines): json.member("lines", lines)
            case .authorize(let amount, let token, let time):
                json.member("amount", amount)
                json.member("token", token)
                json.member(within: time)
            case .handOver(let shipping): if let shipping { json.member("shipping", shipping) }
            case .capture(let amount): json.member("amount", amount)
            case .release, .void, .confirm, .pack, .unpack, .recall, .complete: break
            }
        }
    }

    /// - Throws: for a request this build does not know, and for one whose data does not fit.
    public init(_ json: JSONObject) throws(JSONError) {
        guard let name = Name(rawValue: try json.string("do")) else {
            throw json.error("do", "is no request known here")
        }
        switch name {
        case .reserve: self = .reserve(try json.stockLines("lines"))
        case .release: self = .release
        case .authorize:
            self = .authorize(
                amount: try json.amount("amount"), token: try json.string("token"),
                within: try json.within())
        case .void: self = .void
        case .confirm: self = .confirm
        case .pack: self = .pack
        case .unpack: self = .unpack
        case .handOver: self = .handOver(shipping: try json.optionalString("shipping"))
        case .recall: self = .recall
        case .capture: self = .capture(try json.amount("amount"))
        case .complete: self = .complete
        }
    }

    /// The log of the service that carries out the request of that stored name; nil for what the
    /// orders service does itself, and for an unknown name.
    public static func service(carryingOut name: String) -> LogName? {
        switch Name(rawValue: name) {
        case .reserve, .release, .pack, .unpack, .handOver, .recall: LogName("deliveries")
        case .authorize, .void, .capture: LogName("payments")
        case .confirm, .complete, nil: nil
        }
    }
}

public import EventSourcing

/// An amount of money: whole minor units of one currency.
///
/// Arithmetic is checked: nothing overflows silently, and two currencies never meet.
public struct Money: Hashable, Sendable, CustomStringConvertible {
    /// Whole minor units: pence for GBP, yen for JPY.
    public let minor: Int64
    public let currency: Currency

    public init(minor: Int64, currency: Currency) {
        self.minor = minor
        self.currency = currency
    }

    /// - Throws: `.currencies` for two currencies, `.overflow` for a sum beyond 64 bits.
    public static func + (a: Money, b: Money) throws(MoneyError) -> Money {
        guard a.currency == b.currency else { throw .currencies(a.currency, b.currency) }
        let (sum, overflow) = a.minor.addingReportingOverflow(b.minor)
        guard !overflow else { throw .overflow }
        return Money(minor: sum, currency: a.currency)
    }

    /// - Throws: `.currencies` for two currencies, `.overflow` for a difference beyond 64 bits.
    public static func - (a: Money, b: Money) throws(MoneyError) -> Money {
        guard a.currency == b.currency else { throw .currencies(a.currency, b.currency) }
        let (difference, overflow) = a.minor.subtractingReportingOverflow(b.minor)
        guard !overflow else { throw .overflow }
        return Money(minor: difference, currency: a.currency)
    }

    /// - Throws: `.overflow` for a product beyond 64 bits.
    public static func * (a: Money, count: Int) throws(MoneyError) -> Money {
        let (product, overflow) = a.minor.multipliedReportingOverflow(by: Int64(count))
        guard !overflow else { throw .overflow }
        return Money(minor: product, currency: a.currency)
    }

    /// Whether it is of the same currency and not less: an authorization covers a capture.
    public func covers(_ other: Money) -> Bool {
        currency == other.currency && minor >= other.minor
    }

    /// `12.34 GBP`, `500 JPY`.
    public var description: String {
        var digits = String(minor.magnitude)
        if currency.exponent > 0 {
            let missing = currency.exponent + 1 - digits.utf8.count
            if missing > 0 { digits = String(repeating: "0", count: missing) + digits }
            digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -currency.exponent))
        }
        return "\(minor < 0 ? "-" : "")\(digits) \(currency)"
    }
}

/// Why two amounts could not be reckoned with.
public enum MoneyError: Error, Hashable, CustomStringConvertible {
    case overflow
    case currencies(Currency, Currency)

    public var description: String {
        switch self {
        case .overflow: "the amount is beyond 64 bits of minor units"
        case .currencies(let a, let b): "\(a) and \(b) cannot be reckoned together"
        }
    }
}

extension Money {
    /// Appends `{"minor":1234,"currency":"GBP"}`.
    public func encode(to json: inout JSONWriter) {
        json.object { json in
            json.member("minor", minor)
            json.member("currency", currency.code)
        }
    }

    public init(_ json: JSONObject) throws(JSONError) {
        minor = try json.integer("minor")
        currency = try json.currency("currency")
    }
}

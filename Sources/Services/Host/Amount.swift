import Domain

/// An amount of money as the program shows it.
package struct Amount: Hashable, Sendable {
    /// Whole minor units, pence for GBP.
    package let minor: Int64
    /// ISO 4217's code.
    package let currency: String
    /// `12.34 GBP`.
    package let text: String

    init(_ money: Money) {
        (minor, currency, text) = (money.minor, money.currency.code, money.description)
    }

    /// Nil for a currency that is not known here.
    package init?(minor: Int64, currency: String) {
        guard let currency = Currency(currency) else { return nil }
        self.init(Money(minor: minor, currency: currency))
    }
}

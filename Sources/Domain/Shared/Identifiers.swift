/// Names an order, its streams and its saga: 1 to 64 bytes of `A-Z a-z 0-9 . _ -`, as in a UUID.
public struct OrderID: Hashable, Sendable, Comparable, CustomStringConvertible, TextIdentifier {
    static let rule = "must be 1 to 64 letters, digits, points, hyphens or underscores"
    public let value: String

    /// Nil for what does not fit.
    public init?(_ text: String) {
        guard fits(text, { isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F }) else {
            return nil
        }
        value = text
    }

    public var description: String { value }
    public static func < (a: OrderID, b: OrderID) -> Bool { a.value < b.value }
}

/// Names a customer: 1 to 64 bytes of printable ASCII without spaces.
public struct CustomerID: Hashable, Sendable, Comparable, CustomStringConvertible, TextIdentifier {
    static let rule = "must be 1 to 64 printable ASCII characters without spaces"
    public let value: String

    /// Nil for what does not fit.
    public init?(_ text: String) {
        guard fits(text, isVisible) else { return nil }
        value = text
    }

    public var description: String { value }
    public static func < (a: CustomerID, b: CustomerID) -> Bool { a.value < b.value }
}

/// A stock keeping unit, the name of a thing sold: 1 to 64 bytes of printable ASCII, with spaces
/// inside only.
public struct SKU: Hashable, Sendable, Comparable, CustomStringConvertible, TextIdentifier {
    public static let rule = "must be 1 to 64 printable ASCII characters, none of the ends a space"
    public let value: String

    /// Nil for what does not fit.
    public init?(_ text: String) {
        guard fits(text, { isVisible($0) || $0 == 0x20 }), text.utf8.first != 0x20,
            text.utf8.last != 0x20
        else { return nil }
        value = text
    }

    public var description: String { value }
    public static func < (a: SKU, b: SKU) -> Bool { a.value < b.value }
}

/// A name that comes in as text and must fit a rule.
protocol TextIdentifier {
    /// The rule, as the end of a sentence that begins with the place.
    static var rule: String { get }
    init?(_ text: String)
}

private func fits(_ text: String, _ allowed: (UInt8) -> Bool) -> Bool {
    (1...64).contains(text.utf8.count)
        && (text.utf8.withContiguousStorageIfAvailable { $0.allSatisfy(allowed) }
            ?? text.utf8.allSatisfy(allowed))
}

private func isVisible(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F }

private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: false
    }
}

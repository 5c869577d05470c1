import EventSourcing

extension Order {
    /// What a customer orders, checked: there is no draft with mixed currencies or a total that
    /// overflows.
    public struct Draft: Hashable, Sendable {
        /// The lines an order may have.
        public static let lineCounts = 1...2000
        /// The bytes that an order may take once it is written down. With what is said of it, it
        /// then goes into one message of any broker, of which a NATS server takes 1 MiB.
        public static let maximumBytes = 768 * 1024
        /// The most an order may come to, in the currency's minor unit: the books, which are kept
        /// in 64 bits, then hold nine million of the greatest.
        public static let maximumTotal: Int64 = 1_000_000_000_000
        /// So many lines do not take as much, whatever they say.
        private static let harmlessCount = 200

        public let customer: CustomerID?
        /// An opaque, sealed address for mails; nil where none may be sent.
        public let contact: String?
        public let currency: Currency
        public let lines: [OrderLine]
        /// What the payment provider knows the means of payment by.
        public let token: String
        /// The merchant's own number for the order, unique for ever.
        public let reference: String?
        /// The way of shipping, as the carrier knows it; nil for its usual one.
        public let shipping: String?
        /// The sum of all lines.
        public let total: Money

        /// - Throws: the limit that is not kept.
        public init(
            customer: CustomerID? = nil, contact: String? = nil, currency: Currency,
            lines: [OrderLine], token: String, reference: String? = nil, shipping: String? = nil
        ) throws(Invalid) {
            guard Self.lineCounts.contains(lines.count) else { throw .lineCount(lines.count) }
            guard (1...256).contains(token.utf8.count) else { throw .token }
            guard (1...4096).contains(contact?.utf8.count ?? 1) else { throw .contact }
            guard (1...128).contains(reference?.utf8.count ?? 1) else { throw .reference }
            guard (1...64).contains(shipping?.utf8.count ?? 1) else { throw .shipping }
            var total = Money(minor: 0, currency: currency)
            do throws(MoneyError) {
                for line in lines { total = try total + line.unitPrice * line.quantity }
            } catch { throw .total(error) }
            self.customer = customer
            self.contact = contact
            self.currency = currency
            self.lines = lines
            self.token = token
            self.reference = reference
            self.shipping = shipping
            self.total = total
        }

        /// The same with what was corrected of it; itself where that keeps to no limit.
        func corrected(_ correction: Order.Correction) -> Draft {
            let corrected = try? Draft(
                customer: correction.customer ?? customer,
                contact: correction.contact ?? contact, currency: currency, lines: lines,
                token: token, reference: reference, shipping: shipping)
            return corrected ?? self
        }

        /// Why the order is not to be placed, as the end of a sentence that begins with its lines;
        /// nil where it is.
        ///
        /// Asked of new orders alone: one that is on record is read, whatever it says.
        public var excess: String? {
            if total.minor > Self.maximumTotal {
                return "come to \(total.minor) of the currency's minor unit, and an order to "
                    + "\(Self.maximumTotal) at most"
            }
            guard lines.count > Self.harmlessCount else { return nil }
            var json = JSONWriter(reserving: 128 * lines.count)
            Order.Event.placed(self).encode(to: &json)
            guard json.bytes.count > Self.maximumBytes else { return nil }
            return "take \(json.bytes.count) bytes once they are written down, and an order takes "
                + "\(Self.maximumBytes) at most; shorten the descriptions, or place several orders"
        }

        /// What the order takes out of stock: one line for each SKU, sorted by SKU.
        public var stockLines: [StockLine] { StockLine.summing(lines) }
    }
}

extension Order.Draft {
    public enum Invalid: Error, Hashable, CustomStringConvertible {
        case lineCount(Int)
        case token
        case contact
        case reference
        case shipping
        case total(MoneyError)

        public var description: String {
            switch self {
            case .lineCount(let count): "an order has 1 to 2000 lines, not \(count)"
            case .token: "token must be 1 to 256 bytes"
            case .contact: "contact must be 1 to 4096 bytes"
            case .reference: "reference must be 1 to 128 bytes"
            case .shipping: "shipping must be 1 to 64 bytes"
            case .total(let error): "the total cannot be reckoned: \(error)"
            }
        }
    }
}

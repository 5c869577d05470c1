package import Domain
package import EventSourcing
import Synchronization

/// The world outside the shop: takes money, parcels and mails, and remembers each by its key, as
/// real ones do.
package final class SimulatedOutside: PaymentProvider, Carrier, Mailer {
    package struct Books: Sendable {
        /// By the key of the authorization.
        package var authorized: [String: Money] = [:]
        package var voided: Set<String> = []
        /// By the key of the capture: what was taken, and from which authorization.
        package var captured: [String: (authorization: String, amount: Money)] = [:]
        package var parcels: Set<String> = []
        /// By tracking number: where each parcel ended.
        package var delivered: Set<String> = []
        package var lost: Set<String> = []
        package var mails: [String: Int] = [:]
        /// What no shop may ask for, and one did, by order.
        fileprivate var wrong: [String: String] = [:]

        /// - Parameter key: of a call; it begins with the order's id.
        fileprivate mutating func accuse(_ key: String, _ what: String) {
            wrong[SimulatedOutside.order(of: key)] = what
        }
    }

    private let builtIn = BuiltInPaymentProvider()
    private let carrier: BuiltInCarrier
    private let state = Mutex(Books())

    package init(runtime: any Runtime) {
        carrier = BuiltInCarrier(
            times: .init(inTransit: .seconds(10), outForDelivery: .seconds(3)), runtime: runtime)
    }

    /// The order that a call is for, whose key begins with its id.
    static func order(of key: String) -> String { String(key.prefix { $0 != "/" }) }

    package var books: Books { state.withLock { $0 } }
    /// What was asked for that no shop may ask for, but for these orders; nil for nothing.
    package func wrong(but orders: Set<String>) -> String? {
        state.withLock { books in
            books.wrong.isEmpty
                ? nil : books.wrong.filter { !orders.contains($0.key) }.values.sorted().first
        }
    }

    package func authorize(
        key: String, amount: Money, token: String, attempt: Int, isGivenUp: Bool
    ) -> AuthorizationResult {
        let result = builtIn.authorize(
            key: key, amount: amount, token: token, attempt: attempt, isGivenUp: isGivenUp)
        switch result {
        case .declined, .pending: break
        // One that does not answer may have taken the authorization all the same.
        case .authorized, .noAnswer: state.withLock { $0.authorized[key] = amount }
        }
        return result
    }

    package func void(key: String, authorization: String, attempt: Int) -> VoidResult {
        state.withLock { books in
            books.voided.insert(authorization)
            if books.captured.values.contains(where: { $0.authorization == authorization }) {
                books.accuse(authorization, "\(authorization) is voided, and money was taken")
            }
        }
        return attempt == 1 && Self.losesFirstVoid(of: authorization)
            ? .noAnswer(reason: "simulated") : .voided
    }

    package func capture(key: String, authorization: String, amount: Money, attempt: Int)
        -> CaptureResult
    {
        state.withLock { books in
            let others = books.captured.filter {
                $0.key != key && $0.value.authorization == authorization
            }
            if !others.isEmpty {
                books.accuse(authorization, "money is taken twice of \(authorization)")
            }
            if let known = books.captured[key], known.amount != amount {
                books.accuse(authorization, "\(key) takes \(amount), and took \(known.amount)")
            }
            if books.voided.contains(authorization) {
                books.accuse(
                    authorization, "money is taken of \(authorization), which is voided")
            }
            switch books.authorized[authorization] {
            case nil:
                books.accuse(
                    authorization, "money is taken of \(authorization), which was never given")
            case let authorized? where amount.minor > authorized.minor:
                books.accuse(
                    authorization, "\(amount) are taken of \(authorization): \(authorized)")
            case _?: break
            }
            books.captured[key] = (authorization, amount)
        }
        return builtIn.capture(
            key: key, authorization: authorization, amount: amount, attempt: attempt)
    }

    /// Whether the first call to void it gets no answer.
    static func losesFirstVoid(of authorization: String) -> Bool {
        number(of: authorization).isMultiple(of: 3)
    }

    /// What decides by chance, and the same each time, about what goes by this key.
    private static func number(of key: String) -> Int {
        key.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) % 1_000_003 }
    }

    package func handOver(key: String, shipping: String?, attempt: Int) -> CarrierResult {
        guard !Self.number(of: key).isMultiple(of: 17) else {
            return .refused(reason: "too heavy")
        }
        let result = carrier.handOver(key: key, shipping: shipping, attempt: attempt)
        if case .accepted = result { state.withLock { _ = $0.parcels.insert(key) } }
        return result
    }

    package func track(_ tracking: String, shipping: String?, acceptedAt: Timestamp)
        -> TrackingResult
    {
        let result = carrier.track(tracking, shipping: shipping, acceptedAt: acceptedAt)
        state.withLock { books in
            switch result {
            case .at(.delivered, _): books.delivered.insert(tracking)
            case .at(.lost, _): books.lost.insert(tracking)
            case .at(.inTransit, _), .at(.outForDelivery, _), .noAnswer: break
            }
        }
        return result
    }

    package func send(key: String, to: String, subject: String, body: String) {
        state.withLock { $0.mails[key, default: 0] += 1 }
    }
}

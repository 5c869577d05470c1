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
        /// What no shop may ask for, and one did.
        package var wrong: String?
    }

    private let builtIn = BuiltInPaymentProvider()
    private let carrier: BuiltInCarrier
    private let state = Mutex(Books())

    package init(runtime: any Runtime) {
        carrier = BuiltInCarrier(
            times: .init(inTransit: .seconds(10), outForDelivery: .seconds(3)), runtime: runtime)
    }

    package var books: Books { state.withLock { $0 } }
    package var wrong: String? { state.withLock { $0.wrong } }

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
                books.wrong = "\(authorization) is voided, and money was taken"
            }
        }
        return attempt == 1 && authorization.utf8.count.isMultiple(of: 3)
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
                books.wrong = "money is taken twice of \(authorization)"
            }
            if let known = books.captured[key], known.amount != amount {
                books.wrong = "\(key) takes \(amount), and took \(known.amount)"
            }
            if books.voided.contains(authorization) {
                books.wrong = "money is taken of \(authorization), which is voided"
            }
            switch books.authorized[authorization] {
            case nil: books.wrong = "money is taken of \(authorization), which was never given"
            case let authorized? where amount.minor > authorized.minor:
                books.wrong = "\(amount) are taken of \(authorization): \(authorized)"
            case _?: break
            }
            books.captured[key] = (authorization, amount)
        }
        return builtIn.capture(
            key: key, authorization: authorization, amount: amount, attempt: attempt)
    }

    package func handOver(key: String, shipping: String?, attempt: Int) -> CarrierResult {
        // Some parcels are refused, by what their key ends with.
        guard let last = key.utf8.reduce(0, { ($0 &* 31 &+ Int($1)) % 1_000_003 }) as Int?,
            !last.isMultiple(of: 17)
        else { return .refused(reason: "too heavy") }
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

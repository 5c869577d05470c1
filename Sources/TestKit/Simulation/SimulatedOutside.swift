package import Domain
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
        package var mails: [String: Int] = [:]
    }

    private let builtIn = BuiltInPaymentProvider()
    private let state = Mutex(Books())

    package init() {}

    package var books: Books { state.withLock { $0 } }

    package func authorize(key: String, amount: Money, token: String, attempt: Int)
        -> AuthorizationResult
    {
        let result = builtIn.authorize(key: key, amount: amount, token: token, attempt: attempt)
        // One that never answers may have taken the authorization all the same.
        if case .declined = result { return result }
        state.withLock { $0.authorized[key] = amount }
        return result
    }

    package func void(key: String, authorization: String, attempt: Int) -> VoidResult {
        state.withLock { _ = $0.voided.insert(authorization) }
        return attempt == 1 && authorization.utf8.count.isMultiple(of: 3)
            ? .noAnswer(reason: "simulated") : .voided
    }

    package func capture(key: String, authorization: String, amount: Money, attempt: Int)
        -> CaptureResult
    {
        state.withLock { $0.captured[key] = (authorization, amount) }
        return builtIn.capture(
            key: key, authorization: authorization, amount: amount, attempt: attempt)
    }

    package func handOver(key: String, attempt: Int) -> CarrierResult {
        // Some parcels are refused, by what their key ends with.
        guard let last = key.utf8.reduce(0, { ($0 &* 31 &+ Int($1)) % 1_000_003 }) as Int?,
            !last.isMultiple(of: 17)
        else { return .refused(reason: "too heavy") }
        state.withLock { _ = $0.parcels.insert(key) }
        return .accepted(tracking: "track-\(last)")
    }

    package func send(key: String, to: String, subject: String, body: String) {
        state.withLock { $0.mails[key, default: 0] += 1 }
    }
}

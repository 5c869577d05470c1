import Domain
import EventSourcing

/// The world outside as a shop with a mistake asks it.
struct MistakenOutside: PaymentProvider, Carrier {
    let outside: SimulatedOutside
    let mistake: Mistake?

    func authorize(key: String, amount: Money, token: String, attempt: Int, isGivenUp: Bool)
        -> AuthorizationResult
    {
        let result = outside.authorize(
            key: key, amount: amount, token: token, attempt: attempt, isGivenUp: isGivenUp)
        guard mistake == .lateAuthorizationForgotten, isGivenUp else { return result }
        return .declined(reason: "given up")
    }

    func void(key: String, authorization: String, attempt: Int) -> VoidResult {
        // One that is lost on its way is never asked for again.
        if mistake == .compensationSentOnce, SimulatedOutside.losesFirstVoid(of: authorization) {
            return .voided
        }
        return outside.void(key: key, authorization: authorization, attempt: attempt)
    }

    func capture(key: String, authorization: String, amount: Money, attempt: Int)
        -> CaptureResult
    {
        switch mistake {
        case .capturedTwice:
            // The first answer is lost, and the second call is not known for the same.
            _ = outside.capture(
                key: key, authorization: authorization, amount: amount, attempt: attempt)
            return outside.capture(
                key: "\(key)-\(attempt + 1)", authorization: authorization, amount: amount,
                attempt: attempt + 1)
        case .capturedTooMuch:
            return outside.capture(
                key: key, authorization: authorization,
                amount: Money(minor: amount.minor + 1, currency: amount.currency),
                attempt: attempt)
        default:
            return outside.capture(
                key: key, authorization: authorization, amount: amount, attempt: attempt)
        }
    }

    func handOver(key: String, shipping: String?, attempt: Int) -> CarrierResult {
        guard mistake == .parcelForgotten else {
            return outside.handOver(key: key, shipping: shipping, attempt: attempt)
        }
        return BuiltInCarrier(runtime: NoRuntime()).handOver(
            key: key, shipping: shipping, attempt: attempt)
    }

    func track(_ tracking: String, shipping: String?, acceptedAt: Timestamp) -> TrackingResult {
        outside.track(tracking, shipping: shipping, acceptedAt: acceptedAt)
    }
}

/// For what asks neither for the time nor for chance.
private final class NoRuntime: Runtime {
    func now() -> Timestamp { .epoch }
    func random() -> UInt64 { 0 }
}

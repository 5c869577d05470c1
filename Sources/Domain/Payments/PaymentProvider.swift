/// Who moves the money. Calls block, may take long, and are made again after a crash or no answer.
///
/// The same key means the same call: a provider that has carried it out answers again what it
/// answered then.
public protocol PaymentProvider: Sendable {
    /// - Parameters:
    ///   - attempt: 1 for the first call with that key.
    ///   - isGivenUp: nobody waits for the authorization any more; what comes of it is voided.
    func authorize(
        key: String, amount: Money, token: String, attempt: Int, isGivenUp: Bool
    ) -> AuthorizationResult

    /// Takes an authorization back; done as well where there is none under that key.
    ///
    /// - Parameter authorization: the key that the authorization was asked for with.
    func void(key: String, authorization: String, attempt: Int) -> VoidResult

    func capture(
        key: String, authorization: String, amount: Money, attempt: Int
    ) -> CaptureResult
}

public enum AuthorizationResult: Hashable, Sendable {
    case authorized(code: String)
    case declined(reason: String)
    /// The customer has yet to do something; ask again.
    case pending
    /// Whether it was carried out is not known.
    case noAnswer(reason: String)
}

public enum VoidResult: Hashable, Sendable {
    case voided
    case noAnswer(reason: String)
}

public enum CaptureResult: Hashable, Sendable {
    case captured(id: String)
    case failed(reason: String)
    case noAnswer(reason: String)
}

/// A provider for trying things out: what it answers follows from the token and the attempt alone.
public struct BuiltInPaymentProvider: PaymentProvider {
    public init() {}

    public func authorize(
        key: String, amount: Money, token: String, attempt: Int, isGivenUp: Bool
    ) -> AuthorizationResult {
        let authorized = AuthorizationResult.authorized(code: "auth_\(stableCode(key))")
        let silent = AuthorizationResult.noAnswer(reason: "the payment provider did not answer")
        switch token {
        case "tok_ok": return authorized
        case "tok_declined": return .declined(reason: "card declined")
        case "tok_insufficient_funds": return .declined(reason: "insufficient funds")
        case "tok_timeout": return silent
        case "tok_flaky": return attempt > 2 ? authorized : silent
        // Just too late, however long the customer had.
        case "tok_late": return isGivenUp ? authorized : .pending
        default: return .declined(reason: "unknown token")
        }
    }

    public func void(key: String, authorization: String, attempt: Int) -> VoidResult { .voided }

    public func capture(
        key: String, authorization: String, amount: Money, attempt: Int
    ) -> CaptureResult {
        .captured(id: "cap_\(stableCode(key))")
    }
}

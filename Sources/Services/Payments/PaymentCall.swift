package import Domain
import EventSourcing
package import EventStore
package import Messaging

/// Calls to the payment provider as they are kept and as they come back.
enum PaymentCall {
    static let authorize = "payment.authorize"
    /// An authorization that nobody waits for any more.
    static let settle = "payment.settle"
    static let void = "payment.void"
    static let capture = "payment.capture"

    /// The answer of a provider that waits for the customer.
    static let pending = "pending"

    static func isPending(_ text: String) -> Bool {
        guard let json = try? JSONObject(try JSON(parsing: text)) else { return false }
        return (try? json.string("result")) == pending
    }

    /// When the customer's time to pay is over; nil for a call that is no authorization.
    static func deadline(of effect: Effect) -> Timestamp? {
        guard effect.kind == authorize || effect.kind == settle,
            let json = try? JSONObject(try JSON(parsing: effect.data)),
            let deadline = try? json.integer("deadline")
        else { return nil }
        return Timestamp(microseconds: deadline)
    }

    /// What the provider's answer says to the payment; nil for text that is none of ours.
    static func command(_ text: String) -> Payment.Command? {
        guard let json = try? JSONObject(try JSON(parsing: text)),
            let result = try? json.string("result")
        else { return nil }
        let value = (try? json.optionalString("value")) ?? ""
        return switch result {
        case "authorized": .authorizationSucceeded(code: value)
        case "declined": .authorizationDeclined(reason: value)
        case "voided": .voidSucceeded
        case "captured": .captureSucceeded(id: value)
        case "capture-failed": .captureFailed(reason: value)
        default: nil
        }
    }

    static func answer(_ result: String, _ value: String = "") -> EffectResult {
        var json = JSONWriter()
        json.object { json in
            json.member("result", result)
            json.member("value", value)
        }
        return .answered(json.text)
    }
}

extension Payment.Effect {
    var kind: String {
        switch self {
        case .authorize(_, _, _, let isGivenUp):
            isGivenUp ? PaymentCall.settle : PaymentCall.authorize
        case .void: PaymentCall.void
        case .capture: PaymentCall.capture
        }
    }

    var key: String {
        switch self {
        case .authorize(let key, _, _, _), .void(let key, _), .capture(let key, _, _): key
        }
    }

    /// - Parameter deadline: when the customer's time to pay is over.
    func data(deadline: Timestamp) -> String {
        var json = JSONWriter()
        json.object { json in
            switch self {
            case .authorize(_, let amount, let token, _):
                json.member("amount") { amount.encode(to: &$0) }
                json.member("token", token)
                json.member("deadline", deadline.microseconds)
            case .void(_, let authorization): json.member("authorization", authorization)
            case .capture(_, let authorization, let amount):
                json.member("authorization", authorization)
                json.member("amount") { amount.encode(to: &$0) }
            }
        }
        return json.text
    }
}

/// Carries out the payments service's calls, outside of any decision.
package struct PaymentCalls: EffectHandler {
    private let provider: any PaymentProvider

    package init(provider: any PaymentProvider) { self.provider = provider }

    package func run(_ effect: Effect) -> EffectResult {
        do throws(JSONError) {
            let json = try JSONObject(try JSON(parsing: effect.data))
            let attempt = effect.attempts + 1
            switch effect.kind {
            case PaymentCall.authorize, PaymentCall.settle:
                return authorize(
                    effect, try Money(try json.object("amount")), try json.string("token"))
            case PaymentCall.void:
                switch provider.void(
                    key: effect.key, authorization: try json.string("authorization"),
                    attempt: attempt)
                {
                case .voided: return PaymentCall.answer("voided")
                case .noAnswer(let reason): return .noAnswer(reason)
                }
            case PaymentCall.capture:
                switch provider.capture(
                    key: effect.key, authorization: try json.string("authorization"),
                    amount: try Money(try json.object("amount")), attempt: attempt)
                {
                case .captured(let id): return PaymentCall.answer("captured", id)
                case .failed(let reason): return PaymentCall.answer("capture-failed", reason)
                case .noAnswer(let reason): return .noAnswer(reason)
                }
            default: return .noAnswer("no call of kind \(effect.kind) is known to this build")
            }
        } catch { return .noAnswer("the call's data cannot be read: \(error)") }
    }

    private func authorize(_ effect: Effect, _ amount: Money, _ token: String) -> EffectResult {
        switch provider.authorize(
            key: effect.key, amount: amount, token: token, attempt: effect.attempts + 1,
            isGivenUp: effect.kind == PaymentCall.settle)
        {
        case .authorized(let code): PaymentCall.answer("authorized", code)
        case .declined(let reason): PaymentCall.answer("declined", reason)
        case .pending: PaymentCall.answer(PaymentCall.pending)
        case .noAnswer(let reason): .noAnswer(reason)
        }
    }
}

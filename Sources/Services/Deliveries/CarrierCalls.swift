package import Domain
import EventSourcing
package import EventStore
package import Messaging

/// Carries out the deliveries service's calls to the carrier, outside of any decision.
package struct CarrierCalls: EffectHandler {
    static let handOver = "carrier.hand-over"
    private let carrier: any Carrier

    package init(carrier: any Carrier) { self.carrier = carrier }

    package func run(_ effect: Effect) -> EffectResult {
        guard effect.kind == Self.handOver else {
            return .noAnswer("no call of kind \(effect.kind) is known to this build")
        }
        switch carrier.handOver(key: effect.key, attempt: effect.attempts + 1) {
        case .accepted(let tracking): return Self.answer("accepted", tracking)
        case .refused(let reason): return Self.answer("refused", reason)
        case .noAnswer(let reason): return .noAnswer(reason)
        }
    }

    private static func answer(_ result: String, _ value: String) -> EffectResult {
        var json = JSONWriter()
        json.object { json in
            json.member("result", result)
            json.member("value", value)
        }
        return .answered(json.text)
    }

    /// What the carrier's answer says to the delivery; nil for text that is none of ours.
    static func command(_ text: String) -> Delivery.Command? {
        guard let json = try? JSONObject(try JSON(parsing: text)),
            let result = try? json.string("result"), let value = try? json.string("value")
        else { return nil }
        return switch result {
        case "accepted": .carrierAccepted(tracking: value)
        case "refused": .carrierRefused(reason: value)
        default: nil
        }
    }
}

package import Domain
import EventSourcing
package import EventStore
package import Messaging

/// Carries out the deliveries service's calls to the carrier, outside of any decision.
package struct CarrierCalls: EffectHandler {
    static let handOver = "carrier.hand-over"
    static let track = "carrier.track"
    private let carrier: any Carrier

    package init(carrier: any Carrier) { self.carrier = carrier }

    package func run(_ effect: Effect) -> EffectResult {
        do throws(JSONError) {
            let json = try JSONObject(try JSON(parsing: effect.data))
            let shipping = try json.optionalString("shipping")
            switch effect.kind {
            case Self.handOver: return handOver(effect, shipping)
            case Self.track:
                return track(
                    try json.string("tracking"), shipping,
                    since: Timestamp(microseconds: try json.integer("acceptedAt")))
            default: return .noAnswer("no call of kind \(effect.kind) is known to this build")
            }
        } catch { return .noAnswer("the call's data cannot be read: \(error)") }
    }

    private func handOver(_ effect: Effect, _ shipping: String?) -> EffectResult {
        switch carrier.handOver(
            key: effect.key, shipping: shipping, attempt: effect.attempts + 1)
        {
        case .accepted(let tracking): Self.answer("accepted", tracking)
        case .refused(let reason): Self.answer("refused", reason)
        case .noAnswer(let reason): .noAnswer(reason)
        }
    }

    private func track(_ tracking: String, _ shipping: String?, since acceptedAt: Timestamp)
        -> EffectResult
    {
        switch carrier.track(tracking, shipping: shipping, acceptedAt: acceptedAt) {
        case .at(.inTransit, let pause): Self.answer("in-transit", "", askAfter: pause)
        case .at(.outForDelivery, let pause): Self.answer("out-for-delivery", "", askAfter: pause)
        case .at(.delivered, _): Self.answer("delivered", "")
        case .at(.lost(let reason), _): Self.answer("lost", reason)
        case .noAnswer(let reason): .noAnswer(reason)
        }
    }

    private static func answer(_ result: String, _ value: String, askAfter pause: Duration? = nil)
        -> EffectResult
    {
        var json = JSONWriter()
        json.object { json in
            json.member("result", result)
            json.member("value", value)
            if let pause { json.member("askAfter", pause.microseconds) }
        }
        return .answered(json.text)
    }

    /// What the carrier's answer says to the delivery, and when to ask again where it is not the
    /// last word; nil for text that is none of ours.
    static func command(_ text: String) -> (Delivery.Command, askAfter: Duration?)? {
        guard let json = try? JSONObject(try JSON(parsing: text)),
            let result = try? json.string("result"), let value = try? json.string("value")
        else { return nil }
        let pause = (try? json.integer("askAfter")).map { Duration.microseconds(max(1, $0)) }
        return switch result {
        case "accepted": (.carrierAccepted(tracking: value), nil)
        case "refused": (.carrierRefused(reason: value), nil)
        case "in-transit": (.carrierReported(.inTransit), pause)
        case "out-for-delivery": (.carrierReported(.outForDelivery), pause)
        case "delivered": (.carrierReported(.delivered), nil)
        case "lost": (.carrierReported(.lost(reason: value)), nil)
        default: nil
        }
    }
}

extension Delivery.Effect {
    var kind: String {
        switch self {
        case .handOver: CarrierCalls.handOver
        case .track: CarrierCalls.track
        }
    }

    /// - Parameter now: when the carrier's acceptance was heard of, for the call that tracks it.
    func data(at now: Timestamp) -> String {
        var json = JSONWriter()
        json.object { json in
            switch self {
            case .handOver(_, let shipping):
                if let shipping { json.member("shipping", shipping) }
            case .track(_, let tracking, let shipping):
                if let shipping { json.member("shipping", shipping) }
                json.member("tracking", tracking)
                json.member("acceptedAt", now.microseconds)
            }
        }
        return json.text
    }
}

import Domain
import EventSourcing
import Gateway
import Messaging

/// Operators' acts on their way between processes.
extension InnerCommand {
    /// Nil for what is none of an operator's acts.
    static func operatorKind(_ json: JSONObject) throws(JSONError) -> Kind? {
        if json["steer"] != nil {
            return .steer(
                try json.order("steer"), try steering(json), try Instruction(json))
        }
        if json["correct"] != nil {
            var customer: CustomerID?
            if let text = try json.optionalString("customer") {
                guard let known = CustomerID(text) else {
                    throw json.error("customer", "is no customer")
                }
                customer = known
            }
            return .correct(
                try json.order("correct"),
                OrderCorrection(
                    customer: customer, contact: try json.optionalString("contact"),
                    try Instruction(json)))
        }
        guard json["parked"] != nil else { return nil }
        guard let part = ShopPart(rawValue: try json.string("parked")), part.log != nil else {
            throw json.error("parked", "is no service")
        }
        return .parked(try ParkedAct(json), on: part)
    }

    private static func steering(_ json: JSONObject) throws(JSONError) -> Steering {
        switch try json.string("act") {
        case Steering.retry.name: return .retry
        case Steering.compensate.name: return .compensate
        case "skip": return .skip(step: try json.string("step"))
        case let other: throw json.error("act", "is \"\(other)\", which is not known here")
        }
    }
}

extension ParkedAct {
    func encodeMembers(to json: inout JSONWriter) {
        switch kind {
        case .retry: json.member("act", "retry")
        case .discard(let position):
            json.member("act", "discard")
            json.member("position", position.value)
        case .edit(let position, let data):
            json.member("act", "edit")
            json.member("position", position.value)
            json.member("data", String(decoding: data, as: UTF8.self))
        }
        json.member("source", source)
        json.member("partition", key)
        json.member("isRehearsal", isRehearsal)
        instruction.encodeMembers(to: &json)
    }

    fileprivate init(_ json: JSONObject) throws(JSONError) {
        let kind: Kind
        switch try json.string("act") {
        case "retry": kind = .retry
        case "discard": kind = .discard(Position(try json.integer("position")))
        case "edit":
            let data = Array(try json.string("data").utf8)
            guard data.count <= Self.mostData else { throw json.error("data", "are too many") }
            kind = .edit(Position(try json.integer("position")), data: data)
        case let other: throw json.error("act", "is \"\(other)\", which is not known here")
        }
        self.init(
            kind, source: try json.string("source"), key: try json.string("partition"),
            isRehearsal: try json.flag("isRehearsal"), try Instruction(json))
    }
}

import Domain
import EventSourcing

/// What a checkout's timer says when it fires.
enum TimerData {
    /// The order waits for its checkout to begin.
    case start(OrderID)
    case deadline(StepReference)
    case retry(StepReference)

    /// What the text of `start` begins with.
    static let startPrefix = "{\"start\""

    var order: OrderID? {
        switch self {
        case .start(let order): order
        case .deadline(let step), .retry(let step): OrderID(step.saga)
        }
    }

    var text: String {
        var json = JSONWriter()
        json.object { json in
            switch self {
            case .start(let order): json.member("start", order.value)
            case .deadline(let step): json.member("deadline") { step.encode(to: &$0) }
            case .retry(let step): json.member("retry") { step.encode(to: &$0) }
            }
        }
        return json.text
    }

    init?(_ text: String) {
        guard let json = try? JSONObject(try JSON(parsing: text)) else { return nil }
        if let step = try? StepReference(try json.object("deadline")) {
            self = .deadline(step)
        } else if let step = try? StepReference(try json.object("retry")) {
            self = .retry(step)
        } else if let order = (try? json.string("start")).flatMap({ OrderID($0) }) {
            self = .start(order)
        } else {
            return nil
        }
    }
}

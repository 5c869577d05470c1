import Domain
package import EventSourcing
package import Gateway
import Messaging

extension CommandOutcome {
    /// One JSON object.
    package var bytes: [UInt8] {
        var json = JSONWriter(reserving: 160)
        json.object { json in
            switch self {
            case .accepted(let identity, let version, let replayed, let id):
                json.member("outcome", "accepted")
                json.member("event", identity.description)
                json.member("version", version.value)
                json.member("replayed", replayed)
                json.member("id", id)
            case .refused(let code, let detail):
                json.member("outcome", "refused")
                json.member("code", code)
                json.member("detail", detail)
            case .referenceTaken(let order):
                json.member("outcome", "reference-taken")
                json.member("by", order.value)
            case .keyReused: json.member("outcome", "key-reused")
            case .busy: json.member("outcome", "busy")
            case .unknown(let why):
                json.member("outcome", "unknown")
                json.member("why", why)
            case .unavailable(let why):
                json.member("outcome", "unavailable")
                json.member("why", why)
            case .parked(let report):
                json.member("outcome", "parked")
                json.member("applied", Int64(report.applied))
                json.member("left", Int64(report.left))
                if let stop = report.stop {
                    json.member("stoppedAt", stop.position.value)
                    json.member("why", stop.reason)
                }
                if let event = report.event { json.member("event", event.description) }
            }
        }
        return json.bytes
    }

    private static func report(_ json: JSONObject) throws(JSONError) -> ParkedReport {
        var report = ParkedReport()
        report.applied = Int(clamping: try json.integer("applied"))
        report.left = Int(clamping: try json.integer("left"))
        if let position = try json.optionalInteger("stoppedAt") {
            report.stop = .init(position: Position(position), reason: try json.string("why"))
        }
        report.event = try json.optionalString("event").flatMap { EventIdentity($0) }
        return report
    }

    /// Reads what `bytes` wrote.
    package init(_ bytes: [UInt8]) throws(JSONError) {
        let json = try JSONObject(try JSON(parsing: bytes))
        switch try json.string("outcome") {
        case "accepted":
            guard let identity = EventIdentity(try json.string("event")) else {
                throw json.error("event", "is no event's identity")
            }
            self = .accepted(
                identity, Version(try json.integer("version")),
                replayed: try json.flag("replayed"), id: try json.string("id"))
        case "refused":
            self = .refused(code: try json.string("code"), detail: try json.string("detail"))
        case "reference-taken":
            guard let order = OrderID(try json.string("by")) else {
                throw json.error("by", "is no order")
            }
            self = .referenceTaken(by: order)
        case "key-reused": self = .keyReused
        case "busy": self = .busy
        case "unknown": self = .unknown(try json.string("why"))
        case "unavailable": self = .unavailable(try json.string("why"))
        case "parked": self = .parked(try Self.report(json))
        case let other: throw json.error("outcome", "is \"\(other)\", which is not known here")
        }
    }
}

import EventSourcing
import HTTP
import Projections

extension Gateway {
    /// Above it the projection loop counts as hung.
    private static let heartbeatLimit = Duration.seconds(5)

    /// Whether the process answers at all.
    func showLiveness(_ exchange: Exchange) {
        var json = JSONWriter()
        json.object { $0.member("status", "alive") }
        exchange.respond(200, headers: ["Cache-Control": "no-store"], json: json)
    }

    /// Whether reads are answered from a projection that lives, is whole, and has caught up.
    func showReadiness(_ exchange: Exchange) {
        let readiness = readiness()
        let reasons = Self.reasons(readiness, freshness.staleReason)
        guard reasons.isEmpty else {
            var problem = Problem.unavailable("not-ready", reasons.joined(separator: "; "))
            problem.headers["Cache-Control"] = "no-store"
            return exchange.fail(problem)
        }
        var json = JSONWriter()
        json.object { json in
            json.member("status", "ready")
            if let age = readiness.heartbeatAge {
                json.member("heartbeatAgeMicroseconds", age.microseconds)
            }
        }
        exchange.respond(200, headers: ["Cache-Control": "no-store"], json: json)
    }

    /// Whether reads are answered from rows that are whole and have caught up.
    package var isReady: Bool { Self.reasons(readiness(), freshness.staleReason).isEmpty }

    private static func reasons(_ readiness: Readiness, _ stale: String?) -> [String] {
        var reasons: [String] = []
        switch readiness.heartbeatAge {
        case nil: reasons.append("the projection has not started")
        case let age? where age > heartbeatLimit:
            reasons.append("the projection last moved \(age.microseconds / 1_000_000) s ago")
        default: break
        }
        if !readiness.isCaughtUp { reasons.append("the projection has not caught up") }
        if let why = readiness.staleReason ?? stale {
            reasons.append("the projection is stale: \(why)")
        }
        return reasons
    }
}

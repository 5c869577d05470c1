import EventSourcing
import HTTP
import Messaging
package import Projections

/// The projections as the gateway's host runs them. Neither method blocks.
package protocol ProjectionsClient: Sendable {
    /// All there are, by name.
    var statuses: [ProjectionStatus] { get }

    /// Begins to build one anew.
    func rebuild(_ name: String) -> RebuildAnswer
}

extension Gateway {
    func addProjectionRoutes(to router: inout Router) {
        add(.get, "/v1/projections", to: &router) { gateway, exchange throws(RequestError) in
            gateway.showProjections(exchange)
        }
        add(.post, "/v1/projections/{name}/rebuild", to: &router) {
            gateway, exchange throws(RequestError) in
            try gateway.rebuildProjection(exchange)
        }
    }

    private func showProjections(_ exchange: Exchange) {
        var json = JSONWriter(reserving: 1000)
        json.object { json in
            json.member("projections") { json in
                json.array { json in for status in projections.statuses { status.show(in: &json) } }
            }
        }
        exchange.respond(200, headers: ["Cache-Control": "no-store"], json: json)
    }

    private func rebuildProjection(_ exchange: Exchange) throws(RequestError) {
        let name = exchange.request.parameters["name"] ?? ""
        if !exchange.request.body.isEmpty {
            try BodyFields(exchange.request, known: []).check()
        }
        switch projections.rebuild(name) {
        case .started:
            var json = JSONWriter(reserving: 100)
            json.object { json in
                json.member("name", name)
                json.member("state", ProjectionStatus.State.rebuilding.rawValue)
            }
            exchange.respond(202, headers: ["Location": "/v1/projections"], json: json)
        case .underWay:
            exchange.fail(
                Problem(
                    409, "rebuild-under-way",
                    "A rebuild of this projection is under way; see /v1/projections."))
        case .unknown:
            let known = projections.statuses.map(\.name).joined(separator: ", ")
            exchange.fail(
                Problem(
                    404, "projection-not-found",
                    "There is no such projection; known are: \(known)."))
        }
    }
}

extension ProjectionStatus {
    fileprivate func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("name", name)
            json.member("version", Int64(version))
            json.member("state", state.rawValue)
            if let reason { json.member("reason", reason) }
            if let lag { json.member("lagSeconds") { $0.seconds(lag) } }
            json.member("sources") { json in
                json.array { json in for reading in readings { reading.show(in: &json) } }
            }
            if let rebuild { json.member("rebuild") { rebuild.show(in: &$0) } }
            if let lastRebuild { json.member("lastRebuild") { lastRebuild.show(in: &$0) } }
        }
    }
}

extension ProjectionStatus.Reading {
    fileprivate func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("source", source.description)
            json.member("epoch", epoch.value)
            json.member("position", position.value)
            if let behind { json.member("behindSeconds") { $0.seconds(behind) } }
        }
    }
}

extension RebuildProgress {
    fileprivate func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("events", events)
            json.member("of", total)
            json.member("startedAt", startedAt.description)
        }
    }
}

extension RebuildReport {
    fileprivate func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("finishedAt", finishedAt.description)
            json.member("events", events)
            if let differences { json.member("differences", Int64(differences)) }
            if let failure { json.member("failure", failure) }
        }
    }
}

extension JSONWriter {
    /// Seconds with three decimals, `0.250`.
    fileprivate mutating func seconds(_ duration: Duration) {
        let milliseconds = max(0, duration.microseconds / 1000)
        let rest = "\(milliseconds % 1000)"
        let zeros = String(repeating: "0", count: 3 - rest.utf8.count)
        raw("\(milliseconds / 1000).\(zeros)\(rest)".utf8)
    }
}

import Domain
import EventSourcing
import HTTP
import Messaging

/// What operators see and do: parked messages, checkouts, corrections.
extension Gateway {
    /// The most messages or checkouts of a page.
    private static let mostListed: Int64 = 200

    func addOperatorRoutes(to router: inout Router) {
        add(.get, "/v1/parked", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.listParked(exchange)
        }
        add(.post, "/v1/parked/{service}/acts", to: &router) {
            gateway, exchange throws(RequestError) in
            try gateway.actOnParked(exchange)
        }
        add(.get, "/v1/sagas", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.listSagas(exchange)
        }
        add(.get, "/v1/sagas/{id}", to: &router) { gateway, exchange throws(RequestError) in
            try gateway.showSaga(exchange)
        }
        add(.post, "/v1/sagas/{id}/acts", to: &router) {
            gateway, exchange throws(RequestError) in
            try gateway.steerSaga(exchange)
        }
        add(.post, "/v1/orders/{id}/corrections", to: &router) {
            gateway, exchange throws(RequestError) in
            try gateway.correctOrder(exchange)
        }
    }

    // MARK: Looking

    private func listParked(_ exchange: Exchange) throws(RequestError) {
        var query = Query(
            exchange.request, known: ["service", "source", "key", "limit", "cursor"])
        let service = query.required("service", rule: serviceRule, service)
        var asked = ParkedQuery()
        asked.source = query.parsed("source", rule: "must be a name") { $0 }
        asked.key = query.parsed("key", rule: "must be a name") { $0 }
        asked.limit = query.limit(upTo: Self.mostListed, otherwise: 50)
        asked.cursor = query.parsed("cursor", rule: Self.cursorRule) { ParkedQuery.Cursor($0) }
        try query.check()
        guard let service else { throw RequestError(query.invalid) }
        look(exchange) { [asked] desk in try desk.parked(of: service, asked) }
    }

    private func listSagas(_ exchange: Exchange) throws(RequestError) {
        var query = Query(exchange.request, known: ["stuck", "step", "limit", "cursor"])
        var asked = SagaQuery()
        asked.isStuck =
            query.parsed("stuck", rule: "must be true or false") {
                ["true": true, "false": false][$0]
            } ?? false
        let steps = Checkout.steps(version: Checkout.version).map(\.name)
        asked.step = query.parsed(
            "step", rule: "must be one of \(steps.joined(separator: ", "))"
        ) { name in steps.first { $0 == name } }
        asked.limit = query.limit(upTo: Self.mostListed, otherwise: 50)
        asked.cursor = query.parsed("cursor", rule: Self.cursorRule) { OrderID($0) }
        try query.check()
        look(exchange) { [asked] desk in try desk.sagas(asked) }
    }

    private func showSaga(_ exchange: Exchange) throws(RequestError) {
        let order = try exchange.order()
        let services = feeds.keys.sorted()
        look(exchange) { desk in
            guard let bytes = try desk.saga(of: order) else { return nil }
            guard case .object(let members) = try JSON(parsing: bytes) else { return bytes }
            var query = ParkedQuery()
            query.key = order.value
            var (parked, silent): ([JSON], [JSON]) = ([], [])
            for service in services {
                // One that is away, as it may be the one that is waited for, hides no other.
                guard let page = try? JSON(parsing: try desk.parked(of: service, query)) else {
                    silent.append(.string(service.value))
                    continue
                }
                parked += (page["messages"]?.array ?? []).map { Self.place($0, at: service) }
            }
            var shown = members + [.init("parked", .array(parked))]
            if !silent.isEmpty { shown.append(.init("silentServices", .array(silent))) }
            var json = JSONWriter(reserving: bytes.count + 1000)
            json.value(.object(shown))
            return json.bytes
        }
    }

    /// A parked message without its data.
    private static func place(_ message: JSON, at service: LogName) -> JSON {
        let shown = ["source", "position", "type", "reason", "at"]
        return .object(
            [.init("service", .string(service.value))]
                + message.members.filter { shown.contains($0.name) })
    }

    private static let cursorRule = "must be as an answer gave it; without it a list begins"

    private var serviceRule: String {
        "must be one of \(feeds.keys.sorted().map(\.value).joined(separator: ", "))"
    }

    @Sendable private func service(_ name: String) -> LogName? {
        feeds.keys.first { $0.value == name }
    }

    private typealias Look = @Sendable (any OperatorClient) throws -> [UInt8]?

    /// Answers with what is read on a thread that may wait; nil is no such order.
    private func look(_ exchange: Exchange, _ read: @escaping Look) {
        later(exchange) { gateway in
            do {
                guard let bytes = try read(gateway.desk) else {
                    return exchange.fail(.noOrder)
                }
                exchange.respond(
                    HTTPResponse(
                        200,
                        headers: [
                            "Content-Type": "application/json", "Cache-Control": "no-store",
                        ], body: bytes))
            } catch {
                exchange.fail(.unavailable("service-unavailable", "\(error); ask again."))
            }
        }
    }

    // MARK: Acting

    private func actOnParked(_ exchange: Exchange) throws(RequestError) {
        let name = exchange.request.parameters["service"] ?? ""
        guard let service = service(name) else {
            throw RequestError(
                Problem(404, "service-not-found", "The service \(serviceRule)."))
        }
        var fields = try BodyFields(
            exchange.request,
            known: ["act", "source", "key", "position", "data", "by", "why", "dryRun"])
        let kinds = ["retry", "discard", "edit"]
        let kind = fields.parsed(
            "act", required: true, rule: "must be one of \(kinds.joined(separator: ", "))"
        ) { name in kinds.first { $0 == name } }
        let source = fields.parsed("source", required: true, rule: "must be a name") { $0 }
        let key = fields.parsed("key", required: true, rule: "must be a name") { $0 }
        let isRehearsal = fields.read { (json) throws(JSONError) in
            json["dryRun"] == nil ? false : try json.flag("dryRun")
        }
        var position: Int64?
        if kind == "discard" || kind == "edit" {
            position = fields.integer("position", in: 1...Int64.max)
        }
        let data = kind == "edit" ? editedData(&fields) : nil
        let instruction = fields.instruction()
        try fields.check()
        guard let kind, let source, let key, let isRehearsal, let instruction else {
            throw RequestError(BodyFields.invalid(fields.errors))
        }
        let what: ParkedAct.Kind =
            switch (kind, position, data) {
            case ("discard", let position?, _): .discard(Position(position))
            case ("edit", let position?, let data?): .edit(Position(position), data: data)
            default: .retry
            }
        let act = ParkedAct(
            what, source: source, key: key, isRehearsal: isRehearsal, instruction)
        desk.act(act, on: service, context: try exchange.context(of: instruction)) { outcome in
            guard case .parked(let report) = outcome else {
                return exchange.fail(Self.problem(outcome))
            }
            exchange.respond(200, json: Self.answer(kind, isRehearsal, report))
        }
    }

    /// What a message's data are to be: one JSON object.
    private func editedData(_ fields: inout BodyFields) -> [UInt8]? {
        let json = fields.read { (json) throws(JSONError) in
            JSON.object(try json.object("data").members)
        }
        guard let json else { return nil }
        var writer = JSONWriter()
        writer.value(json)
        guard writer.bytes.count <= ParkedAct.mostData else {
            fields.fail("data", "must be \(ParkedAct.mostData) bytes at most")
            return nil
        }
        return writer.bytes
    }

    private static func answer(_ kind: String, _ isRehearsal: Bool, _ report: ParkedReport)
        -> JSONWriter
    {
        var json = JSONWriter(reserving: 200)
        json.object { json in
            json.member("act", kind)
            json.member("dryRun", isRehearsal)
            json.member("applied", Int64(report.applied))
            json.member("left", Int64(report.left))
            if let stop = report.stop {
                json.member("stopped") { json in
                    json.object { json in
                        json.member("position", stop.position.value)
                        json.member("reason", stop.reason)
                    }
                }
            }
            if let event = report.event { json.member("event", event.description) }
        }
        return json
    }

    private func steerSaga(_ exchange: Exchange) throws(RequestError) {
        let order = try exchange.order()
        var fields = try BodyFields(exchange.request, known: ["act", "step", "by", "why"])
        let step = fields.parsed("step", required: false, rule: "must be a step") { $0 }
        let steering = fields.parsed(
            "act", required: true, rule: "must be retry, compensate, or skip with a step"
        ) { act -> Steering? in
            switch (act, step) {
            case ("retry", nil): .retry
            case ("skip", let step?): .skip(step: step)
            case ("compensate", nil): .compensate
            default: nil
            }
        }
        let instruction = fields.instruction()
        try fields.check()
        guard let steering, let instruction else {
            throw RequestError(BodyFields.invalid(fields.errors))
        }
        let context = try exchange.context(of: instruction)
        desk.steer(order, steering, instruction, context: context) { outcome in
            exchange.conclude(outcome) { json in
                json.member("order", order.value)
                json.member("act", steering.name)
            }
        }
    }

    private func correctOrder(_ exchange: Exchange) throws(RequestError) {
        let order = try exchange.order()
        var fields = try BodyFields(
            exchange.request, known: ["customer", "contact", "by", "why"])
        let customer = fields.parsed(
            "customer", required: false,
            rule: "must be 1 to 64 printable ASCII characters without spaces"
        ) { CustomerID($0) }
        let contact = fields.optionalText("contact", bytes: OrderRequest.contactBytes)
        let instruction = fields.instruction()
        if fields.errors.isEmpty, customer == nil, contact == nil {
            fields.fail("customer", "or contact must say what is to be corrected")
        }
        try fields.check()
        guard let instruction else { throw RequestError(BodyFields.invalid(fields.errors)) }
        let context = try exchange.context(of: instruction)
        desk.correct(
            order, OrderCorrection(customer: customer, contact: contact, instruction),
            context: context
        ) { outcome in
            exchange.conclude(outcome) { $0.member("id", order.value) }
        }
    }
}

extension BodyFields {
    /// Who acts, and why.
    fileprivate mutating func instruction() -> Instruction? {
        read { (json) throws(JSONError) in try Instruction(json) }
    }
}

extension Exchange {
    /// What an operator's act is accompanied by: it is theirs, whoever carries the request.
    fileprivate func context(of instruction: Instruction) throws(RequestError) -> RequestContext {
        let asked = try context()
        var metadata = asked.metadata
        metadata.actor = instruction.actor
        return RequestContext(metadata: metadata, key: asked.key)
    }

    /// Answers with the event that the act is on record as.
    fileprivate func conclude(
        _ outcome: CommandOutcome, _ members: (inout JSONWriter) -> Void
    ) {
        guard case .accepted(let identity, _, let replayed, _) = outcome else {
            return fail(Gateway.problem(outcome))
        }
        var json = JSONWriter(reserving: 100)
        json.object { json in
            members(&json)
            json.member("event", identity.description)
        }
        respond(200, headers: accepted(identity, replayed: replayed), json: json)
    }
}

import Domain
import EventSourcing
import HTTP
import Projections
import Synchronization

extension Gateway {
    /// Writers are given orders by number; few that are as large as can be would fill the memory.
    private static let maximumPlacing = 32 * 1024 * 1024

    func placeOrder(_ exchange: Exchange) throws(RequestError) {
        try refuseIntake()
        let bytes = exchange.request.body.count
        let placing = self.placing.load(ordering: .relaxed)
        guard placing == 0 || placing + bytes <= Self.maximumPlacing else {
            throw RequestError(Self.problem(.busy))
        }
        let body = try OrderRequest(exchange.request, at: runtime.now())
        let context = try exchange.context(occurredAt: body.occurredAt)
        guard let order = OrderID(runtime.newID()) else {
            throw RequestError(Problem(500, "internal-server-error", "No id could be made."))
        }
        exchange.concerns(StreamID("order", order.value))
        self.placing.add(bytes, ordering: .relaxed)
        orders.place(order, body.draft, context: context) { [self] outcome in
            self.placing.subtract(bytes, ordering: .relaxed)
            guard case .accepted(let identity, let version, let replayed, let id) = outcome else {
                return exchange.fail(Self.problem(outcome))
            }
            var headers = exchange.accepted(identity, replayed: replayed)
            headers["Location"] = "/v1/orders/\(id)"
            headers["ETag"] = OrderDetail.entityTag(placedAt: identity)
            var json = JSONWriter(reserving: 200)
            json.object { json in
                json.member("id", id)
                json.member("status", ShownStatus.placed.rawValue)
                json.member("total") { body.draft.total.show(in: &$0) }
                json.member("version", version.value)
            }
            exchange.respond(201, headers: headers, json: json)
        }
    }

    func cancelOrder(_ exchange: Exchange) throws(RequestError) {
        let order = try exchange.order()
        var reason: String?
        if !exchange.request.body.isEmpty {
            var fields = try BodyFields(exchange.request, known: ["reason"])
            reason = fields.optionalText("reason", bytes: 500)
            try fields.check()
        }
        let context = try exchange.context()
        exchange.concerns(StreamID("order", order.value))
        orders.cancel(order, reason: reason ?? "cancelled by the customer", context: context) {
            outcome in
            guard case .accepted(let identity, let version, let replayed, let id) = outcome else {
                return exchange.fail(Self.problem(outcome))
            }
            var headers = exchange.accepted(identity, replayed: replayed)
            headers["Location"] = "/v1/orders/\(id)"
            var json = JSONWriter(reserving: 100)
            json.object { json in
                json.member("id", id)
                json.member("status", ShownStatus.cancelling.rawValue)
                json.member("version", version.value)
            }
            exchange.respond(202, headers: headers, json: json)
        }
    }

    func receiveStock(_ exchange: Exchange) throws(RequestError) {
        try refuseIntake()
        // Goods come in for any that could be one.
        let sku = try exchange.sku(otherwise: Problem(422, "invalid-sku", "A SKU \(SKU.rule)."))
        var fields = try BodyFields(exchange.request, known: ["quantity", "reference"])
        let limits = Stock.quantities
        let quantity = fields.integer(
            "quantity", in: Int64(limits.lowerBound)...Int64(limits.upperBound))
        let reference = fields.optionalText("reference", bytes: 128)
        try fields.check()
        let context = try exchange.context()
        exchange.concerns(StreamID("stock", sku.value))
        stock.receive(
            sku, quantity: Int(quantity ?? 0), reference: reference, context: context
        ) { outcome in
            guard case .accepted(let identity, _, let replayed, let id) = outcome else {
                return exchange.fail(Self.problem(outcome))
            }
            var headers = exchange.accepted(identity, replayed: replayed)
            headers["Location"] = "/v1/stock/\(percentEncoded(id))"
            var json = JSONWriter(reserving: 100)
            json.object { json in
                json.member("sku", id)
                if let quantity { json.member("quantity", quantity) }
                if let reference { json.member("reference", reference) }
            }
            exchange.respond(201, headers: headers, json: json)
        }
    }

    /// What would begin something new is refused where there is no room for it. What ends
    /// something, as a cancellation does, is taken.
    private func refuseIntake() throws(RequestError) {
        if let refusal = intakeRefusal() { throw RequestError(refusal.problem) }
    }

    static func problem(_ outcome: CommandOutcome) -> Problem {
        switch outcome {
        case .refused(let code, let detail):
            let status: HTTPStatus =
                switch code {
                case RefusalCode.unknownOrder, RefusalCode.notParked: 404
                case RefusalCode.invalid: 422
                default: 409
                }
            return Problem(status, code, detail)
        case .referenceTaken(let other):
            return Problem(
                409, "reference-taken", "The reference belongs to order \(other).",
                errors: [FieldError(place: .pointer("/reference"), detail: "is taken")],
                conflicting: "/v1/orders/\(other)")
        case .keyReused:
            return Problem(
                422, "idempotency-key-reused",
                "The Idempotency-Key was used for another request; take a new one.")
        case .busy:
            return .unavailable("busy", "As much is under way as the shop carries; ask again.")
        case .unknown(let why):
            return .unavailable(
                "outcome-unknown",
                "Whether it was done is unknown (\(why)); "
                    + "ask again with the same Idempotency-Key, and it is done once.")
        case .unavailable(let why):
            return .unavailable("unavailable", "Nothing was done (\(why)); ask again.")
        case .accepted, .parked:
            return Problem(500, "internal-server-error", "The answer could not be made.")
        }
    }
}

extension Exchange {
    /// The order that the path names.
    func order() throws(RequestError) -> OrderID {
        guard let id = request.parameters["id"].flatMap({ OrderID($0) }) else {
            throw RequestError(.noOrder)
        }
        return id
    }

    /// The SKU that the path names.
    ///
    /// - Parameter problem: what it is answered with where it can be none.
    func sku(otherwise problem: Problem = .noSKU) throws(RequestError) -> SKU {
        guard let sku = request.parameters["sku"].flatMap({ SKU($0) }) else {
            throw RequestError(problem)
        }
        return sku
    }

    /// What an accepted command's answer says: with what the client showed to have seen, it must
    /// see this from now on.
    func accepted(_ identity: EventIdentity, replayed: Bool) -> HTTPHeaders {
        var token = ConsistencyToken(identity)
        if let seen = request.headers["Consistency-Token"].flatMap({ ConsistencyToken($0) }) {
            token.merge(seen)
        }
        var headers: HTTPHeaders = ["Consistency-Token": token.description]
        if replayed { headers["Idempotent-Replayed"] = "true" }
        return headers
    }
}

extension Problem {
    static let noOrder = Problem(
        404, RefusalCode.unknownOrder,
        "There is no such order here; one just placed is found with its Consistency-Token.")
    static let noPayment = Problem(
        404, "payment-not-found", "Nothing is known of a payment for such an order.")
    static let noCustomer = Problem(
        404, "customer-not-found",
        "No customer can be called that: it must be 1 to 64 printable ASCII characters "
            + "without spaces.")
    static let noSKU = Problem(404, "sku-not-found", "Nothing is known of such a SKU.")
}

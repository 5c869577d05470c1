import Deliveries
import Domain
import EventSourcing
import EventStore
import HTTP
import Messaging
import Projections

/// Those who use the shop over HTTP: they place, repeat, cancel, receive goods and read, and
/// remember what they were told.
struct SimulatedUsers {
    /// An order that was asked for, so that it can be asked for again with the same key.
    private struct Asked {
        let key: String
        let body: [UInt8]
    }

    /// What a request was for.
    private enum Wish {
        case place(key: String)
        case cancel(OrderID)
        case receive(reference: String, SKU)
        case read(OrderID, token: ConsistencyToken)
        case look(String)
    }

    struct Acknowledged {
        let key: String
        let order: OrderID
        let token: ConsistencyToken
    }

    /// What was acknowledged: by idempotency key, the order it led to.
    private(set) var acknowledged: [Acknowledged] = []
    /// The orders whose cancellation was acknowledged.
    private(set) var cancelled: [String: ConsistencyToken] = [:]
    /// Pieces that were there at first.
    private(set) var received: [SKU: Int] = [:]
    /// The acknowledged receipts under a reference: `reference sku`.
    private(set) var noted: [String: EventIdentity] = [:]
    /// How many reads were answered that named an order's token.
    private(set) var reads = 0
    /// Orders that went with a log: what was said of them may be unsaid.
    private var lost: Set<String> = []
    /// What was answered that must not be.
    private(set) var wrong: String?

    /// What is planted in what they do.
    private let mistake: Mistake?
    /// The most pieces that a line is of.
    static let mostPieces = 3
    /// So many there are.
    static let customers = 5
    /// How many keys they have used.
    var keys: Int { asked.count }
    private var asked: [Asked] = []
    private var wishes: [Int: Wish] = [:]
    private var requests = 0
    let skus = ["mug", "lamp", "chair", "rare"].compactMap(SKU.init)

    init(mistake: Mistake?) { self.mistake = mistake }

    /// The goods there are at first: of one few.
    mutating func stock(_ deliveries: SimulatedService<DeliveriesCore>) {
        for sku in skus {
            let quantity = sku.value == "rare" ? 3 : 40
            let command = DeliveriesCommand.receive(sku, quantity: quantity, reference: nil)
            let context = CommandContext(metadata: Metadata(correlation: "stock", actor: "sim"))
            if case .answer(.received, _) = deliveries.submit(command, context) {
                received[sku, default: 0] += quantity
            }
        }
    }

    /// A log was put back from a copy that ends after `position`: what was noted in it later is
    /// gone, and so is what was known of `orders`.
    mutating func lose(_ orders: Set<String>, noted log: LogName, after position: Position) {
        lost = orders
        noted = noted.filter { $0.value.log != log || $0.value.position <= position }
    }

    /// One of them does something.
    ///
    /// - Returns: what it was.
    mutating func act(on gateway: SimulatedGateway, _ random: inout SeededRandom) -> String {
        switch random.below(24) {
        case 0..<12: return place(gateway, &random)
        case 12: return cancel(gateway, &random)
        case 13: return receiveMore(gateway, &random)
        case 14..<17:
            guard !asked.isEmpty else { return "nobody has asked for anything" }
            // Whoever heard nothing, or something else than yes, asks again with the same key.
            return ask(asked[random.below(asked.count)], gateway)
        case 17..<20: return look(gateway, &random)
        default: return read(gateway, &random)
        }
    }

    private mutating func send(
        _ method: HTTPMethod, _ target: String, _ headers: HTTPHeaders = [:],
        _ body: [UInt8] = [], for wish: Wish, to gateway: SimulatedGateway
    ) {
        guard let request = try? HTTPRequest(method, target, headers: headers, body: body) else {
            wrong = "\(target) is no target"
            return
        }
        requests += 1
        wishes[requests] = wish
        gateway.ask(request, number: requests)
    }

    private mutating func place(_ gateway: SimulatedGateway, _ random: inout SeededRandom)
        -> String
    {
        let request = Asked(
            key: "key-\(asked.count + 1)", body: Self.order(asked.count + 1, skus, &random))
        asked.append(request)
        return ask(request, gateway)
    }

    private static func order(_ number: Int, _ skus: [SKU], _ random: inout SeededRandom)
        -> [UInt8]
    {
        let tokens = [
            "tok_ok", "tok_ok", "tok_ok", "tok_ok", "tok_declined", "tok_flaky", "tok_late",
            "tok_timeout", "tok_insufficient_funds",
        ]
        let ways: [String?] = [nil, nil, nil, "ship_ok", "ship_flaky", "ship_lost", "ship_refused"]
        let lines = (0...random.below(3)).map { _ in
            (
                price: Int64(100 + random.below(900)), sku: skus[random.below(skus.count)].value,
                quantity: Int64(1 + random.below(mostPieces))
            )
        }
        let (customer, token) = (random.below(customers), tokens[random.below(tokens.count)])
        let (hasReference, way) = (random.once(in: 4), ways[random.below(ways.count)])
        // Now and then one that another order has.
        let reference = random.once(in: 6) ? 1 + random.below(number) : number
        var json = JSONWriter()
        json.object { json in
            json.member("customer", "c\(customer)")
            json.member("contact", "c@example.org")
            json.member("currency", "GBP")
            json.member("token", token)
            if hasReference { json.member("reference", "ref-\(reference)") }
            if let way { json.member("shipping", way) }
            json.member("lines") { json in
                json.array { json in
                    for line in lines {
                        json.object { json in
                            json.member("sku", line.sku)
                            json.member("quantity", line.quantity)
                            json.member("unitPrice", line.price)
                        }
                    }
                }
            }
        }
        return json.bytes
    }

    private mutating func ask(_ request: Asked, _ gateway: SimulatedGateway) -> String {
        var headers: HTTPHeaders = ["Content-Type": "application/json"]
        if mistake != .keyForgotten { headers.append("Idempotency-Key", request.key) }
        send(
            .post, "/v1/orders", headers, request.body, for: .place(key: request.key), to: gateway)
        return "\(request.key) is asked for"
    }

    private mutating func cancel(_ gateway: SimulatedGateway, _ random: inout SeededRandom)
        -> String
    {
        guard !acknowledged.isEmpty else { return "nothing to cancel" }
        let order = acknowledged[random.below(acknowledged.count)].order
        send(.post, "/v1/orders/\(order)/cancellation", for: .cancel(order), to: gateway)
        return "\(order) is to be cancelled"
    }

    /// Goods come in under a few references, which are said again and again.
    private mutating func receiveMore(_ gateway: SimulatedGateway, _ random: inout SeededRandom)
        -> String
    {
        let sku = skus[random.below(skus.count)]
        let reference = "note-\(random.below(3))"
        // What is under a reference comes in once, and is not another quantity.
        let quantity = random.once(in: 8) ? 6 : 5
        var json = JSONWriter()
        json.object { json in
            json.member("quantity", Int64(quantity))
            json.member("reference", reference)
        }
        var headers: HTTPHeaders = ["Content-Type": "application/json"]
        if random.once(in: 2) {
            headers.append("Idempotency-Key", "\(reference)-\(sku)-\(quantity)")
        }
        send(
            .post, "/v1/stock/\(sku)/receipts", headers, json.bytes,
            for: .receive(reference: reference, sku), to: gateway)
        return "\(reference) of \(sku) comes in"
    }

    /// Whoever placed an order reads it with the token of the answer.
    private mutating func read(_ gateway: SimulatedGateway, _ random: inout SeededRandom) -> String
    {
        guard !acknowledged.isEmpty else { return "nothing to read" }
        let known = acknowledged[random.below(acknowledged.count)]
        let token = cancelled[known.order.value] ?? known.token
        let headers: HTTPHeaders =
            mistake == .staleRead ? [:] : ["Consistency-Token": token.description]
        send(
            .get, "/v1/orders/\(known.order)", headers, for: .read(known.order, token: token),
            to: gateway)
        return "\(known.order) is read"
    }

    /// Whoever is curious looks at anything else.
    private mutating func look(_ gateway: SimulatedGateway, _ random: inout SeededRandom) -> String
    {
        let order =
            acknowledged.isEmpty
            ? "none" : acknowledged[random.below(acknowledged.count)].order.value
        let targets = [
            "/v1/orders?limit=5", "/v1/customers/c1/orders", "/v1/payments/\(order)",
            "/v1/deliveries/\(order)", "/v1/orders/\(order)/timeline", "/v1/stock/rare",
            "/v1/notifications?order=\(order)", "/v1/reports/revenue?by=day",
            "/v1/reports/orders?by=status",
            "/v1/events?service=orders", "/readyz", "/metrics", "/v1/orders/none",
        ]
        let target = targets[random.below(targets.count)]
        send(.get, target, for: .look(target), to: gateway)
        return "\(target) is looked at"
    }
}

extension SimulatedUsers {
    /// They hear what has come back.
    ///
    /// - Returns: what they were told.
    mutating func hear(from gateway: SimulatedGateway) -> [String] {
        gateway.answers().compactMap { number, response in
            guard let wish = wishes.removeValue(forKey: number) else {
                wrong = "a request was answered twice"
                return nil
            }
            guard let response else {
                wrong = "\(wish) was dropped without an answer"
                return nil
            }
            return hear(response, to: wish)
        }
    }

    private mutating func hear(_ response: HTTPResponse, to wish: Wish) -> String {
        let status = response.status.code
        switch (wish, status) {
        case (.place(let key), 201):
            guard let token = response.token, let order = response.text("id").flatMap(OrderID.init)
            else { return isWrong("\(key) was accepted without an id and a token") }
            acknowledged.append(Acknowledged(key: key, order: order, token: token))
            return "\(key) acknowledged as \(order)"
        case (.cancel(let order), 202):
            guard let token = response.token else { return isWrong("\(order): no token") }
            cancelled[order.value] = token
            return "\(order): its cancellation is acknowledged"
        case (.receive(let reference, let sku), 201):
            guard let mark = response.token?.marks.first else { return isWrong("\(sku): no token") }
            noted["\(reference) \(sku)"] = EventIdentity(
                log: mark.log, epoch: mark.mark.epoch, position: mark.mark.position)
            return "\(reference) of \(sku) acknowledged"
        case (.read(let order, let token), 200): return heard(response, of: order, token)
        case (.read(let order, _), 404) where lost.contains(order.value),
            (.cancel(let order), 404) where lost.contains(order.value):
            return "\(order) is lost"
        case (.read(let order, _), 404):
            guard response.headers["Projection-Stale"] == nil else { return "\(order) is stale" }
            return isWrong("\(order) is not shown to who reads it with its token")
        // What was asked before, what is too late, and what the gateway cannot tell now.
        case (.place, 409), (.cancel, 409), (.receive, 409), (_, 503), (.look, 200), (.look, 404):
            return "\(wish): \(status)"
        default:
            return isWrong(
                "\(wish) was answered \(response.status): "
                    + String(decoding: response.body.prefix(300), as: UTF8.self))
        }
    }

    private mutating func heard(
        _ response: HTTPResponse, of order: OrderID, _ token: ConsistencyToken
    ) -> String {
        guard response.headers["Projection-Stale"] == nil else { return "\(order) is stale" }
        reads += 1
        let status = response.text("status") ?? "none"
        // The token of a cancellation names what followed the placing.
        if status == "placed", token == cancelled[order.value], !lost.contains(order.value) {
            return isWrong("\(order) was cancelled, and is shown as placed")
        }
        guard response.token != nil else { return isWrong("\(order) is shown without a token") }
        return "\(order) reads as \(status)"
    }

    private mutating func isWrong(_ what: String) -> String {
        wrong = what
        return what
    }
}

extension HTTPResponse {
    fileprivate var token: ConsistencyToken? {
        headers["Consistency-Token"].flatMap { ConsistencyToken($0) }
    }

    /// A member of its body.
    fileprivate func text(_ name: String) -> String? {
        guard let json = try? JSON(parsing: body), let object = try? JSONObject(json) else {
            return nil
        }
        return try? object.string(name)
    }
}

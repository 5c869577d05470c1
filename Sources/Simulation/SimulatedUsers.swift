import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Orders
import Projections

/// Those who use the shop: they place, repeat, cancel, receive goods and read, and remember what
/// they were told.
struct SimulatedUsers {
    /// An order that was asked for, so that it can be asked for again with the same key.
    private struct Asked {
        let key: String
        let order: OrderID
        let draft: Order.Draft
    }

    /// What was acknowledged: by idempotency key, the order it led to.
    private(set) var acknowledged: [(key: String, order: OrderID, token: ConsistencyToken)] = []
    /// Pieces that were acknowledged as received, without a reference.
    private(set) var received: [SKU: Int] = [:]
    /// The acknowledged receipts under a reference, five pieces each: `reference sku`.
    private(set) var noted: Set<String> = []
    /// How many reads were answered that named an order's token.
    private(set) var reads = 0
    /// What a read should have shown, and did not.
    private(set) var unseen: String?

    /// What is planted in how they are answered.
    private let mistake: Mistake?
    /// The most pieces that a line is of.
    static let mostPieces = 3
    private let seed: UInt64
    private var asked: [Asked] = []
    let skus = ["mug", "lamp", "chair", "rare"].compactMap(SKU.init)

    init(seed: UInt64, mistake: Mistake?) { (self.seed, self.mistake) = (seed, mistake) }

    /// The goods there are at first: of one few.
    mutating func stock(_ deliveries: SimulatedService<DeliveriesCore>) {
        for sku in skus {
            let quantity = sku.value == "rare" ? 3 : 40
            let command = DeliveriesCommand.receive(sku, quantity: quantity, reference: nil)
            if case .answer(.received, _) = deliveries.submit(command, Self.context("receipt")) {
                received[sku, default: 0] += quantity
            }
        }
    }

    private static func context(_ correlation: String, key: IdempotencyKey? = nil)
        -> CommandContext
    {
        CommandContext(metadata: Metadata(correlation: correlation, actor: "sim"), key: key)
    }

    /// One of them does something.
    ///
    /// - Returns: what it was, and what came of it.
    mutating func act(on shop: SimulatedShop, _ random: inout SeededRandom) -> [String] {
        switch random.below(24) {
        case 0..<14: return place(shop, &random)
        case 14: return cancel(shop, &random)
        case 15: return receiveMore(shop, &random)
        case 16..<19:
            guard !asked.isEmpty else { return [] }
            // Whoever heard nothing, or something else than yes, asks again with the same key.
            return submit(asked[random.below(asked.count)], shop, &random)
        default: return read(shop, &random)
        }
    }

    private mutating func place(_ shop: SimulatedShop, _ random: inout SeededRandom) -> [String] {
        let tokens = [
            "tok_ok", "tok_ok", "tok_ok", "tok_ok", "tok_declined", "tok_flaky", "tok_late",
            "tok_timeout", "tok_insufficient_funds",
        ]
        let ways: [String?] = [nil, nil, nil, "ship_ok", "ship_flaky", "ship_lost", "ship_refused"]
        let number = asked.count + 1
        var lines: [OrderLine] = []
        for _ in 0...random.below(3) {
            let price = Money(minor: Int64(100 + random.below(900)), currency: .gbp)
            let sku = skus[random.below(skus.count)]
            if let line = try? OrderLine(
                sku: sku, quantity: 1 + random.below(Self.mostPieces), unitPrice: price)
            {
                lines.append(line)
            }
        }
        guard let order = OrderID("o\(seed)-\(number)"),
            let draft = try? Order.Draft(
                customer: CustomerID("c\(random.below(5))"), contact: "c@example.org",
                currency: .gbp, lines: lines, token: tokens[random.below(tokens.count)],
                reference: random.once(in: 4) ? "ref-\(number)" : nil,
                shipping: ways[random.below(ways.count)])
        else { return [] }
        let request = Asked(key: "key-\(number)", order: order, draft: draft)
        asked.append(request)
        return submit(request, shop, &random)
    }

    private mutating func submit(
        _ request: Asked, _ shop: SimulatedShop, _ random: inout SeededRandom
    ) -> [String] {
        let key = IdempotencyKey(
            principal: "sim", key: request.key, body: SHA256.hash(request.key.utf8))
        // A repeated request may come with another id: the first one's counts.
        let id =
            random.once(in: 3) ? OrderID("\(request.order)-again") ?? request.order : request.order
        let context = Self.context(request.key, key: mistake == .keyForgotten ? nil : key)
        switch shop.orders.submit(.place(id, request.draft), context) {
        case .answer(.accepted(let placed, _, let position), _):
            let identity = EventIdentity(
                log: OrdersCore.log, epoch: shop.orders.board.status?.epoch ?? .first,
                position: position)
            acknowledged.append((request.key, placed, ConsistencyToken(identity)))
            return ["\(request.key) acknowledged as \(placed)"]
        case .answer(let answer, _): return ["\(request.key): \(answer)"]
        case .unknown where mistake == .acknowledgedBeforeCommit,
            .unavailable where mistake == .acknowledgedBeforeCommit:
            acknowledged.append((request.key, id, ConsistencyToken()))
            return ["\(request.key) acknowledged"]
        // What the file says of it may name the folder, which differs from run to run.
        case .unknown: return ["\(request.key): it is not known"]
        default: return ["\(request.key): nothing was done"]
        }
    }

    private mutating func cancel(_ shop: SimulatedShop, _ random: inout SeededRandom) -> [String] {
        guard !acknowledged.isEmpty else { return [] }
        let order = acknowledged[random.below(acknowledged.count)].order
        let output = shop.orders.submit(
            .cancel(order, reason: "changed my mind"), Self.context("cancel"))
        guard case .answer(let answer, _) = output else { return ["cancel \(order): no answer"] }
        return ["cancel \(order): \(answer)"]
    }

    /// Goods come in under a few references, which are said again and again.
    private mutating func receiveMore(_ shop: SimulatedShop, _ random: inout SeededRandom)
        -> [String]
    {
        let sku = skus[random.below(skus.count)]
        let reference = "note-\(random.below(3))"
        let command = DeliveriesCommand.receive(sku, quantity: 5, reference: reference)
        switch shop.deliveries.submit(command, Self.context("receipt")) {
        case .answer(.received, _), .answer(.alreadyReceived, _):
            noted.insert("\(reference) \(sku)")
            return ["\(reference) of \(sku) acknowledged"]
        default: return ["\(reference) of \(sku): no"]
        }
    }

    /// Whoever placed an order reads it with the token of the answer.
    private mutating func read(_ shop: SimulatedShop, _ random: inout SeededRandom) -> [String] {
        guard shop.view.isUp, !acknowledged.isEmpty else { return [] }
        let (_, order, token) = acknowledged[random.below(acknowledged.count)]
        guard mistake == .staleRead || shop.view.freshness.hasSeen(token) else {
            return ["\(order) is not visible yet"]
        }
        do {
            let found = try shop.view.store.order(order)
            reads += 1
            if found == nil { unseen = "\(order) is not shown to who reads it with its token" }
            return ["\(order) reads as \(found.map { "\($0.status)" } ?? "absent")"]
        } catch { return ["\(order) cannot be read now"] }
    }
}

import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Projections

extension Simulation {
    /// What the payments service has on record of each order is what the provider did: what it took
    /// was authorized, and what it neither took nor was asked for is given back.
    func checkMoney() throws {
        var authorized: [String: Money] = [:]
        var captured: [String: Money] = [:]
        var voided: Set<String> = []
        for record in try records(shop.payments.path) where record.stream.category == "payment" {
            let order = record.stream.id
            switch try record.decoded(as: Payment.Event.self).event {
            case .authorizationRequested(_, let amount, _, _): authorized[order] = amount
            case .captured(_, _, let amount):
                guard captured.updateValue(amount, forKey: order) == nil else {
                    throw violated("\(order) is captured twice on record")
                }
            case .voided: voided.insert(order)
            default: break
            }
        }
        let books = shop.outside.books
        var taken: [String: Money] = [:]
        for capture in books.captured.values {
            taken[SimulatedOutside.order(of: capture.authorization)] = capture.amount
        }
        let orders = Set(authorized.keys).union(taken.keys).subtracting(losses.orders)
        for order in orders.sorted() {
            guard taken[order] == captured[order] else {
                throw violated(
                    "\(order): \(captured[order]?.minor ?? 0) captured on record, "
                        + "\(taken[order]?.minor ?? 0) taken")
            }
            guard captured[order]?.minor ?? 0 <= authorized[order]?.minor ?? 0 else {
                throw violated("\(order): more is captured than was asked to be authorized")
            }
            guard captured[order] == nil || !voided.contains(order) else {
                throw violated("\(order) is captured and voided on record")
            }
        }
    }

    /// Received = on hand + sold; nothing is held; what the engine has in memory equals a fresh
    /// fold.
    func checkStock() throws {
        guard let live = shop.deliveries.engine?.core.availability else { return }
        var sold: [SKU: Int] = [:]
        var fresh = Availability()
        var reserved: [String: [StockLine]] = [:]
        var counted: [SKU: Int] = [:]
        var references: [String: Int] = [:]
        for record in try records(shop.deliveries.path) {
            let order = OrderID(record.stream.id)
            switch record.stream.category {
            case "stock":
                let event = try record.decoded(as: Stock.Event.self).event
                fresh.apply(event)
                if case .received(let sku, let quantity, let reference) = event {
                    counted[sku, default: 0] += quantity
                    if let reference { references["\(reference) \(sku)", default: 0] += 1 }
                }
            case "reservation":
                let event = try record.decoded(as: Reservation.Event.self).event
                if case .made(_, let lines) = event { reserved[record.stream.id] = lines }
                if case .expired = event { outcome.unheld += 1 }
                if let order { fresh.apply(event, order: order) }
            case "delivery":
                let event = try record.decoded(as: Domain.Delivery.Event.self).event
                if case .handedOver = event {
                    for line in reserved[record.stream.id] ?? [] {
                        sold[line.sku, default: 0] += line.quantity
                    }
                }
                if let order { fresh.apply(event, order: order) }
            default: break
            }
        }
        guard fresh == live else { throw violated("availability differs from a fresh fold") }
        let abandoned = abandonedStock(reserved, live)
        // A receipt whose commit is of unknown outcome may be there; an acknowledged one must.
        for name in users.noted.keys.sorted() where references[name] == nil {
            throw violated("the receipt \(name) was acknowledged, and is not there")
        }
        for (name, count) in references.sorted(by: { $0.key < $1.key }) where count != 1 {
            throw violated("the receipt \(name) is counted \(count) times")
        }
        for (sku, quantity) in counted.sorted(by: { $0.key < $1.key }) {
            guard quantity >= users.received[sku] ?? 0 else {
                throw violated(
                    "\(sku): received \(users.received[sku] ?? 0), on record \(quantity)")
            }
            guard live.onHand(sku) + (sold[sku] ?? 0) == quantity, live.onHand(sku) >= 0 else {
                throw violated("\(sku): received \(quantity), on hand \(live.onHand(sku))")
            }
            guard live.reserved(sku) == abandoned[sku] ?? 0 else {
                throw violated("\(sku): \(live.reserved(sku)) still reserved")
            }
        }
    }

    /// What is held for orders that nobody speaks of any more: an operator must decide about it.
    private func abandonedStock(_ reserved: [String: [StockLine]], _ live: Availability)
        -> [SKU: Int]
    {
        var abandoned: [SKU: Int] = [:]
        for order in reserved.keys where losses.orders.contains(order) {
            guard let lines = OrderID(order).flatMap({ live.reservation(of: $0) }) else { continue }
            for line in lines { abandoned[line.sku, default: 0] += line.quantity }
        }
        return abandoned
    }
}

extension Simulation {
    /// The gateway's books balance, and equal the sums of its rows; what was published is what is
    /// recorded.
    func checkAccounts() throws {
        let accounts = try shop.view.store.accounts(
            .init(isVerifying: true, isQuiet: true, most: 10_000))
        // What an event spoke of that is gone nobody can reckon with.
        let wrong = accounts.alarms.first { alarm in
            alarm.order.map { !losses.orders.contains($0) } ?? true
        }
        if let wrong { throw violated("\(wrong.code): \(wrong.detail)") }
        let revenue = accounts.money.reduce(0) { $0 - $1.balance("revenue") }
        let captured = accounts.money.reduce(0) { $0 + $1.balance("captured") }
        guard revenue == captured || !losses.orders.isEmpty else {
            throw violated("\(revenue) were earned, and \(captured) captured")
        }
    }
}

import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Orders
import Projections

extension Simulation {
    /// Whether nothing is left to do: no timer, no call, and everybody has read everybody.
    func isQuiet() throws -> Bool {
        guard let orders = shop.orders.engine, let payments = shop.payments.engine,
            let deliveries = shop.deliveries.engine,
            let notifications = shop.notifications.engine
        else { return false }
        let far = Timestamp(microseconds: .max)
        guard try openCheckouts() == 0,
            // Stock that nobody asks for any more is held until its time is over.
            try deliveries.log.countTimers(prefix: "") == 0,
            try payments.log.effects(dueBy: far, limit: 1).isEmpty,
            try deliveries.log.effects(dueBy: far, limit: 1).isEmpty,
            try notifications.log.effects(dueBy: far, limit: 1).isEmpty
        else { return false }
        guard try shop.services.allSatisfy({ try $0.log?.parked(limit: 1).isEmpty ?? false }) else {
            return false
        }
        let heads = [
            "orders": orders.log.head, "payments": payments.log.head,
            "deliveries": deliveries.log.head,
        ]
        func hasRead<Core>(_ engine: Engine<Core>) -> Bool {
            Core.sources.allSatisfy {
                engine.checkpoint(of: $0).position == heads[$0.log.value]
            }
        }
        let hasProjected = shop.view.feeds.allSatisfy { source, _ in
            let head = heads[source.log.value] ?? notifications.log.head
            return shop.view.engine?.checkpoint(of: source).position == head
        }
        return hasRead(orders) && hasRead(payments) && hasRead(deliveries)
            && hasRead(notifications) && hasProjected
    }

    /// The checkouts that are open but for those that may stay so: where an event is gone, a step
    /// after the pivot may be tried for ever, until an operator decides.
    func openCheckouts() throws -> Int {
        try checkouts(areLost: false).count
    }

    /// The orders whose checkouts are open.
    private func checkouts(areLost: Bool) throws -> Set<String> {
        let prefix = "checkout-"
        let timers = try shop.orders.engine?.log.queries.keys(of: .timers) ?? []
        let open = timers.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        return Set(open.filter { losses.orders.contains($0) == areLost })
    }

    /// What keeps the shop busy, for whoever reads a violation.
    func diagnosis() throws -> String {
        var lines = ["\(try openCheckouts()) checkouts are open"]
        func describe<Core>(_ service: SimulatedService<Core>) throws {
            guard let engine = service.engine else {
                return lines.append("\(service.name) is down")
            }
            let calls = try engine.log.effects(dueBy: Timestamp(microseconds: .max), limit: 3)
            lines.append(
                "\(service.name): head \(engine.log.head), halted: \(engine.log.haltReason ?? "no")"
            )
            lines += calls.map { "  waits for \($0.kind) \($0.key), due \($0.due)" }
            for source in Core.sources {
                let checkpoint = engine.checkpoint(of: source)
                lines.append(
                    "  has read \(source) to \(checkpoint.position) as of \(checkpoint.asOf)")
            }
            lines += try engine.log.parked(limit: 3).map { "  parked \($0.id): \($0.reason)" }
            lines += service.notices.suffix(5).map { "  told: \($0)" }
        }
        try describe(shop.orders)
        try describe(shop.payments)
        try describe(shop.deliveries)
        try describe(shop.notifications)
        return lines.joined(separator: "\n")
    }

    /// What must hold after every step.
    func checkAlong() throws {
        if let wrong = users.wrong { throw violated(wrong) }
        if let wrong = shop.outside.wrong(but: losses.orders) { throw violated(wrong) }
        if let available = shop.deliveries.engine?.core.availability {
            for sku in users.skus
            where available.onHand(sku) < 0 || available.reserved(sku) < 0
                || available.reserved(sku) > available.onHand(sku)
            {
                throw violated(
                    "\(sku): \(available.onHand(sku)) on hand, \(available.reserved(sku)) reserved")
            }
        }
        try checkCheckpoints(of: shop.orders)
        try checkCheckpoints(of: shop.payments)
        try checkCheckpoints(of: shop.deliveries)
        try checkCheckpoints(of: shop.notifications)
    }

    /// Nobody has read more of a log than it holds.
    private func checkCheckpoints<Core>(of service: SimulatedService<Core>) throws {
        guard let engine = service.engine else { return }
        for source in Core.sources {
            // A reader of an older epoch than the log's may have read what is no longer there.
            let read = engine.checkpoint(of: source)
            guard let log = shop.log(source.log), log.haltReason == nil, log.epoch == read.epoch
            else { continue }
            // What a second process wrote is in the file, and not in the first one's memory.
            guard try read.position <= log.head || read.position <= log.queries.head() else {
                throw violated(
                    "\(service.name) has read \(source) to \(read.position), it ends at "
                        + "\(log.head)")
            }
        }
    }

    /// What the logs are in the end.
    func rootsOfLogs() throws -> [String] {
        [
            shop.orders.engine?.log.tree.root, shop.payments.engine?.log.tree.root,
            shop.deliveries.engine?.log.tree.root, shop.notifications.engine?.log.tree.root,
        ].map { $0?.hex ?? "none" }
    }

    /// Every promise, at quiet.
    func check() throws {
        try checkLogs()
        try checkAcknowledged()
        try checkEnds()
        try checkOutcomes()
        try checkStock()
        try checkMoney()
        try checkParked()
        try checkView()
        try checkAccounts()
        try checkBounds()
        try checkCounts()
        try checkMessages()
        try checkHashes()
        try checkProofs()
        try checkAudit()
    }

    /// The rows equal those of a fresh fold, whatever the order in which logs are mixed.
    private func checkView() throws {
        if let why = shop.view.engine?.staleReason { throw violated("the view is stale: \(why)") }
        let path = try shop.view.store.path
        let comparison: Comparison
        do throws(ComparisonError) {
            comparison = try Comparison(
                path: path, freshPath: "\(folder.path)/fresh.db",
                feeds: shop.view.feeds, seed: random.next())
        } catch { throw violated("the view cannot be compared: \(error)") }
        guard comparison.isEqual, let rows = comparison.rows.first(where: { $0.table == "orders" }),
            rows.count > 0 || outcome.placed == 0
        else {
            throw violated("the view differs from a fresh fold: \(comparison.differences)")
        }
    }

    func records(_ path: String, after position: Position = .start) throws -> [StoredRecord] {
        let queries = try LogReader(path: path).queries
        var all: [StoredRecord] = []
        while true {
            let page = try queries.log(after: all.last?.position ?? position, limit: 1000)
            all += page
            if page.count < 1000 { return all }
        }
    }

    /// Positions without gap or reuse, leaves that fit, time that never runs backwards.
    private func checkLogs() throws {
        let paths = [
            shop.orders.path, shop.payments.path, shop.deliveries.path, shop.notifications.path,
        ]
        for path in paths {
            var position = Position.start
            var time = Timestamp.epoch
            for record in try records(path) {
                position = position.next
                guard record.position == position else {
                    throw violated("\(path): a gap before \(record.position)")
                }
                guard record.leaf == record.computedLeaf else {
                    throw violated("\(path): the leaf of \(record.position) does not fit")
                }
                guard record.recordedAt >= time else {
                    throw violated("\(path): time ran backwards at \(record.position)")
                }
                time = record.recordedAt
            }
        }
    }

    /// Each acknowledged request led to one order, the same one each time it was asked.
    private func checkAcknowledged() throws {
        var orders: [String: OrderID] = [:]
        for (key, order) in users.acknowledged.map({ ($0.key, $0.order) }) {
            if let first = orders[key], first != order, !losses.orders.contains(first.value) {
                throw violated("\(key) was acknowledged as \(first) and as \(order)")
            }
            orders[key] = order
        }
        var placed: [String: Int] = [:]
        for record in try records(shop.orders.path) where record.type.name == "order.placed" {
            placed[record.stream.id, default: 0] += 1
        }
        let promised = Set(orders.values.map(\.value)).subtracting(losses.orders).sorted()
        for order in promised where placed[order] != 1 {
            throw violated(
                "\(order) was acknowledged and is placed \(placed[order] ?? 0) times")
        }
        outcome.placed = orders.count
    }

    /// Each checkout has ended, and money and parcels are where the end says.
    private func checkEnds() throws {
        var ends: [String: String] = [:]
        var drafts: [String: Order.Draft] = [:]
        for record in try records(shop.orders.path) where record.stream.category == "order" {
            let event = try record.decoded(as: Order.Event.self).event
            switch event {
            case .placed(let draft): drafts[record.stream.id] = draft
            case .completed, .rejected, .cancelled: ends[record.stream.id] = record.type.name
            case .expired
            where losses.orders.contains(record.stream.id)
                // What lies parked was read, and nobody has answered it in time.
                || shop.services.contains { $0.delayed.contains(record.stream.id) }:
                ends[record.stream.id] = record.type.name
            case .expired(let reason):
                ends[record.stream.id] = record.type.name
                let token = drafts[record.stream.id]?.token ?? ""
                // A provider may keep one call for hours; being asked often and refusing is another
                // thing.
                let isSlow = ["tok_late", "tok_timeout"].contains(token)
                guard reason.hasSuffix("authorize payment") || isSlow && reason.contains("payment")
                else {
                    throw violated("\(record.stream) (\(token)) \(reason): nobody outside was slow")
                }
            case .confirmed, .cancellationRequested, .cancellationRefused, .corrected: break
            }
        }
        let books = shop.outside.books
        let openForLoss = try checkouts(areLost: true)
        for (order, draft) in drafts.sorted(by: { $0.key < $1.key }) {
            if openForLoss.contains(order) { continue }
            guard let end = ends[order] else { throw violated("\(order) has not ended") }
            guard !losses.orders.contains(order) else { continue }
            let authorization = "\(order)/authorize payment/forward"
            let taken = books.captured.values.filter { $0.authorization == authorization }
            if end == "order.completed" {
                outcome.completed += 1
                guard taken.count == 1, taken[0].amount == draft.total,
                    !books.voided.contains(authorization)
                else { throw violated("\(order) is completed; taken: \(taken)") }
                guard books.parcels.contains("\(order)/hand over/forward") else {
                    throw violated("\(order) is completed without a parcel")
                }
                try checkParcel(of: order, draft)
                try checkReserved(of: order, draft)
            } else {
                guard taken.isEmpty else { throw violated("\(order): \(end), yet money was taken") }
                guard books.authorized[authorization] == nil || books.voided.contains(authorization)
                else { throw violated("\(order): \(end), yet its authorization is held") }
            }
            outcome.cancelled += end == "order.cancelled" ? 1 : 0
            outcome.rejected += end == "order.rejected" ? 1 : 0
            outcome.expired += end == "order.expired" ? 1 : 0
        }
    }

    /// All that was ordered, and nothing else, was reserved.
    private func checkReserved(of order: String, _ draft: Order.Draft) throws {
        let queries = try LogReader(path: shop.deliveries.path).queries
        let stream = StreamID("reservation", order)
        var reserved: [SKU: Int] = [:]
        for record in try queries.stream(stream, after: .none, limit: 100) {
            if case .made(_, let lines) = try record.decoded(as: Reservation.Event.self).event {
                for line in lines { reserved[line.sku, default: 0] += line.quantity }
            }
        }
        var ordered: [SKU: Int] = [:]
        for line in draft.lines { ordered[line.sku, default: 0] += line.quantity }
        guard reserved == ordered else {
            throw violated("\(order): \(ordered) were ordered, \(reserved) reserved")
        }
    }

    /// The parcel has come to where the carrier says.
    private func checkParcel(of order: String, _ draft: Order.Draft) throws {
        guard let id = OrderID(order) else { return }
        let shown = try shop.view.store.order(id)?.delivery
        let isLost = draft.shipping == "ship_lost"
        guard shown == (isLost ? .lost : .delivered) else {
            throw violated("\(order): its parcel is shown as \(shown.map { "\($0)" } ?? "none")")
        }
        outcome.lost += isLost ? 1 : 0
        outcome.delivered += isLost ? 0 : 1
    }

    private func checkParked() throws {
        let logs = [
            shop.orders.engine?.log, shop.payments.engine?.log, shop.deliveries.engine?.log,
            shop.notifications.engine?.log,
        ]
        for log in logs {
            if let parked = try log?.parked(limit: 1).first {
                throw violated("parked: \(parked.reason)")
            }
        }
    }
}

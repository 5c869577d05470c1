import Deliveries
import Domain
import EventSourcing
import EventStore
import Foundation
import Messaging
import Notifications
import Orders
import Payments
import Projections

/// Replays a shop's history from its files alone, and compares it with what the shop has in use.
///
/// Each log: gapless positions, leaves over the stored bytes, the tree's root, time that never runs
/// backwards, each stream folded afresh. Then what is derived: stream versions, timers of open
/// checkouts, due calls, snapshots, and the read store row by row. Then what must agree across
/// services: money, parcels and orders' ends. A running shop may be audited.
package struct Audit: Sendable {
    package struct Finding: Hashable, Sendable {
        /// A service, or `read store`.
        package let place: String
        package let what: String
    }

    /// What was looked at, by place: events and rows.
    package private(set) var counts: [(place: String, unit: String, count: Int)] = []
    /// The root of each log's tree, for whoever keeps it as evidence.
    package private(set) var roots: [(log: String, size: Int64, root: String)] = []
    /// The first differences, at most 100.
    package private(set) var findings: [Finding] = []
    package private(set) var findingCount = 0
    package var isClean: Bool { findingCount == 0 }

    private var orders: [String: (end: String?, total: Money?)] = [:]
    private var captured: [String: Money] = [:]
    /// Of the deliveries that have begun.
    private var phases: [String: Delivery.Phase] = [:]

    /// - Parameters:
    ///   - data: the shop's folder.
    ///   - scratch: a path that does not exist, for the fresh read store; removed afterwards by the
    ///     caller.
    ///   - progress: told, now and then, what is being done.
    /// - Throws: `Shop.Failure` where a file cannot be read at all.
    package init(data: String, scratch: String, progress: (String) -> Void) throws {
        // Orders first: what they say of the others was on record there before.
        try audit(OrdersCore.log, in: data, progress) { (audit, log) throws(StoreError) in
            try audit.auditOrders(log)
        }
        try audit(PaymentsCore.log, in: data, progress) { (audit, log) throws(StoreError) in
            try audit.auditPayments(log)
        }
        try audit(DeliveriesCore.log, in: data, progress) { (audit, log) throws(StoreError) in
            try audit.auditDeliveries(log)
        }
        try audit(NotificationsCore.log, in: data, progress) { (audit, log) throws(StoreError) in
            let notifications = try log.folds("notification", Notification.self)
            let due = notifications.flatMap { order, state in
                state.due.map { "\(order)/\($0.rawValue)" }
            }
            audit.compare("notifications", "calls that wait", try log.effectKeys(), Set(due))
        }
        crossCheck()
        progress("read store")
        try compareReadStore(data, scratch)
    }

    private mutating func find(_ place: String, _ what: String) {
        findingCount += 1
        if findings.count < 100 { findings.append(Finding(place: place, what: what)) }
    }

    private mutating func audit(
        _ name: LogName, in data: String, _ progress: (String) -> Void,
        _ body: (inout Audit, AuditedLog) throws(StoreError) -> Void
    ) throws {
        progress(name.value)
        do throws(StoreError) {
            let log = try AuditedLog(path: DataFolder.log(name.value, in: data))
            counts.append((name.value, "events", log.count))
            roots.append((name.value, log.tree.size, log.tree.root.hex))
            for what in log.problems { find(name.value, what) }
            try body(&self, log)
        } catch {
            switch error {
            case .unreadableEvent, .unusable: find(name.value, error.description)
            default:
                throw Shop.Failure.cannotStart(
                    "\(error); is \(data) a shop's folder? start one with shopctl up")
            }
        }
    }

    private mutating func compare(
        _ place: String, _ what: String, _ live: Set<String>, _ fresh: Set<String>
    ) {
        for key in live.subtracting(fresh).sorted() { find(place, "\(what): \(key) should not be") }
        for key in fresh.subtracting(live).sorted() { find(place, "\(what): \(key) is missing") }
    }

    private mutating func auditOrders(_ log: AuditedLog) throws(StoreError) {
        for (id, order) in try log.folds("order", Order.self) {
            let isEnded: Bool =
                switch order.phase {
                case .completed, .rejected, .cancelled, .expired: true
                case .absent, .placed, .confirmed, .cancelPending: false
                }
            orders[id] = (isEnded ? order.phase.rawValue : nil, order.draft?.total)
        }
        var open: Set<String> = []
        for (id, checkout) in try log.folds("checkout", CheckoutProgress.self) {
            if checkout.isOpen { open.insert("checkout-\(id)") }
            let end = orders[id].flatMap(\.end)
            if checkout.isOpen != (end == nil) {
                find("orders", "checkout-\(id) is \(checkout.phase), its order \(end ?? "open")")
            }
        }
        compare("orders", "timers of open checkouts", try log.timerKeys(), open)
    }

    private mutating func auditPayments(_ log: AuditedLog) throws(StoreError) {
        var due: Set<String> = []
        for (id, payment) in try log.folds("payment", Payment.self) {
            switch payment.nextEffect {
            case .authorize(let key, _, _, _), .void(let key, _), .capture(let key, _, _):
                due.insert(key)
            case nil: break
            }
            if payment.phase == .captured, let amount = payment.captured { captured[id] = amount }
        }
        compare("payments", "calls that wait", try log.effectKeys(), due)
    }

    private mutating func auditDeliveries(_ log: AuditedLog) throws(StoreError) {
        var due: Set<String> = []
        for (id, delivery) in try log.folds("delivery", Delivery.self) {
            if let call = delivery.nextEffect { due.insert(call.key) }
            phases[id] = delivery.phase
        }
        var held: Set<String> = []
        for (id, reservation) in try log.folds("reservation", Reservation.self) {
            guard let order = OrderID(id), reservation.phase == .made,
                phases[id] ?? .absent == .absent
            else { continue }
            held.insert(DeliveriesCore.holdTimer(order))
        }
        compare("deliveries", "timers of what is held", try log.timerKeys(), held)
        compare("deliveries", "calls that wait", try log.effectKeys(), due)
        guard let snapshot = try log.snapshot("availability", fold: Availability.version) else {
            return
        }
        let fresh = try log.availability(through: snapshot.position)
        var json = JSONWriter()
        fresh.encode(to: &json)
        if json.text != snapshot.data {
            find("deliveries", "the snapshot of what is available differs from a fresh fold")
        }
    }

    /// What one service's end says of the others.
    private mutating func crossCheck() {
        for (id, order) in orders.sorted(by: { $0.key < $1.key }) {
            guard let end = order.end else { continue }
            if end == "completed" {
                if captured[id] != order.total {
                    find("payments", "order \(id) is completed, but its total was not captured")
                }
                if !Self.isWithCarrier(phases[id] ?? .absent) {
                    find("deliveries", "order \(id) is completed, but no parcel was handed over")
                }
            } else if captured[id] != nil {
                find("payments", "order \(id) is \(end), but money was captured")
            }
        }
    }

    private static func isWithCarrier(_ phase: Delivery.Phase) -> Bool {
        switch phase {
        case .handedOver, .outForDelivery, .delivered, .lost: true
        case .absent, .packed, .unpacked, .handingOver, .recallPending, .recalled: false
        }
    }

    private mutating func compareReadStore(_ data: String, _ scratch: String) throws {
        let feeds = Wiring.publications.map { log, publication in
            (
                source: Source(log, Publication.facts),
                feed: LogFeed(
                    path: DataFolder.log(log.value, in: data), publication: publication,
                    onBehind: { _ in }) as any Feed
            )
        }
        let path = DataFolder.readStore(in: data)
        guard FileManager.default.fileExists(atPath: path) else {
            return find("read store", "there is none; the next shopctl up builds it anew")
        }
        let comparison: Comparison
        do throws(ComparisonError) {
            comparison = try Comparison(path: path, freshPath: scratch, feeds: feeds, seed: 1)
        } catch {
            // A rebuild may have put another file in its place between two looks.
            if DataFolder.readStore(in: data) != path, !FileManager.default.fileExists(atPath: path)
            {
                return try compareReadStore(data, scratch)
            }
            // Findings that explain it may be there already: they must be told as well.
            return find("read store", error.description)
        }
        if let why = comparison.staleReason { find("read store", "it is stale: \(why)") }
        for (table, count) in comparison.rows {
            // The comparison counts the rows of both sides.
            counts.append(("read store", "rows of \(table)", (count + 1) / 2))
        }
        for difference in comparison.differences {
            find("read store", difference.description)
        }
        findingCount += comparison.differenceCount - comparison.differences.count
    }
}

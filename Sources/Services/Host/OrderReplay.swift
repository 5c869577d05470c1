import Deliveries
import Domain
package import EventSourcing
import EventStore
import Notifications
import Orders
import Payments

/// One order's history over all services, and how each of its streams stood after each event,
/// folded by the deciders that the shop itself runs on.
///
/// States hold neither the means of payment nor the sealed contact.
package struct OrderReplay: Sendable {
    package enum Failure: Error, CustomStringConvertible {
        case unknown(String, in: String)
        package var description: String {
            switch self {
            case .unknown(let id, let data):
                "no service in \(data) has an event of an order \(id); list them with "
                    + "shopctl events --service orders"
            }
        }
    }

    /// What a stream's state comes to.
    package struct State: Sendable {
        package enum Value: Hashable, CustomStringConvertible, Sendable {
            case text(String)
            case count(Int64)
            case money(Amount)

            package var description: String {
                switch self {
                case .text(let text): text
                case .count(let count): "\(count)"
                case .money(let amount): amount.text
                }
            }
        }

        package let phase: String
        /// What matters besides, by name.
        package var details: [(name: StaticString, value: Value)] = []
    }

    package struct Step: Sendable {
        package let identity: EventIdentity
        package let stream: StreamID
        package let version: Version
        package let type: String
        package let recordedAt: Timestamp
        /// Nil where it cannot be read.
        package let metadata: Metadata?
        package var cause: EventIdentity? { metadata?.cause }
        /// The stream's state with this event.
        package let state: State
    }

    package let id: String
    /// In the order of recorded time; see `MergedEvents`.
    package private(set) var steps: [Step] = []
    /// When the order was first heard of, whether or not that is among the steps.
    package private(set) var begunAt = Timestamp.epoch
    /// How many events were left out, as they were recorded later than was asked for.
    package private(set) var laterCount = 0

    /// - Parameter moment: what was recorded later is left out.
    /// - Throws: `Failure.unknown`; `Shop.Failure` where the folder holds no shop; `StoreError` for
    ///   an event that cannot be read.
    package init(order id: String, data: String, at moment: Timestamp? = nil) throws {
        self.id = id
        var merged = MergedEvents()
        for (service, category) in Self.streams {
            let queries = try EventListing.open(service.value, data)
            let stream = StreamID(category, id)
            merged.add(service, key: { $0.version.value }) { place, limit in
                try queries.stream(stream, after: Version(place), limit: limit)
            }
        }
        var folds = Folds()
        var isKnown = false
        while let record = try merged.next() {
            if !isKnown { begunAt = record.recordedAt }
            isKnown = true
            if let moment, record.recordedAt > moment {
                laterCount += 1
                continue
            }
            guard let state = try folds.apply(record) else { continue }
            steps.append(
                Step(
                    identity: record.identity, stream: record.stream, version: record.version,
                    type: record.type.name, recordedAt: record.recordedAt,
                    metadata: try? record.parsedMetadata(), state: state))
        }
        guard isKnown else { throw Failure.unknown(id, in: data) }
    }

    /// The categories of an order's streams, in the order they are begun.
    private static let streams: [(LogName, String)] = [
        (OrdersCore.log, "order"), (OrdersCore.log, "checkout"),
        (DeliveriesCore.log, "reservation"),
        (PaymentsCore.log, "payment"), (DeliveriesCore.log, "delivery"),
        (NotificationsCore.log, "notification"),
    ]

    /// How each stream stood at the end of the steps, in the order they were begun.
    package var states: [(category: String, state: State)] {
        Self.streams.compactMap { _, category in
            steps.last { $0.stream.category == category }.map { (category, $0.state) }
        }
    }
}

/// The states of one order's streams.
private struct Folds {
    private var order = Order()
    private var checkout = CheckoutProgress()
    private var payment = Payment()
    private var reservation = Reservation()
    private var delivery = Delivery()
    private var notification = Notification()

    /// The stream's state with this event; nil for a stream that is not an order's.
    mutating func apply(_ record: StoredRecord) throws(StoreError) -> OrderReplay.State? {
        switch record.stream.category {
        case "order": try Self.fold(record, into: &order).summary
        case "checkout": try Self.fold(record, into: &checkout).summary
        case "payment": try Self.fold(record, into: &payment).summary
        case "reservation": try Self.fold(record, into: &reservation).summary
        case "delivery": try Self.fold(record, into: &delivery).summary
        case "notification": try Self.fold(record, into: &notification).summary
        default: nil
        }
    }

    private static func fold<D: Decider>(_ record: StoredRecord, into state: inout D)
        throws(StoreError) -> D
    {
        state.evolve(try record.decoded(as: D.Event.self).event)
        return state
    }
}

extension Order {
    fileprivate var summary: OrderReplay.State {
        var summary = OrderReplay.State(phase: phase.rawValue)
        if let draft {
            summary.details = [
                ("total", .money(Amount(draft.total))), ("lines", .count(Int64(draft.lines.count))),
                ("units", .count(draft.lines.reduce(0) { $0 + Int64($1.quantity) })),
            ]
        }
        return summary
    }
}

extension SagaProgress<Checkout> {
    fileprivate var summary: OrderReplay.State {
        var summary = OrderReplay.State(phase: "\(phase)")
        if let pending {
            let verb = pending.direction == .undo ? "undo " : ""
            summary.details.append(("step", .text(verb + pending.step)))
            summary.details.append(("attempt", .count(Int64(pending.attempt))))
        }
        if let reason { summary.details.append(("reason", .text(reason))) }
        return summary
    }
}

extension Payment {
    fileprivate var summary: OrderReplay.State {
        var summary = OrderReplay.State(phase: phase.rawValue)
        switch phase {
        case .authorizing, .voidPending, .unknown, .declined:
            if let amount { summary.details.append(("asked", .money(Amount(amount)))) }
        case .authorized, .capturing, .captured:
            if let amount { summary.details.append(("authorized", .money(Amount(amount)))) }
        case .absent, .voiding, .voided: break
        }
        if let captured {
            summary.details.append(
                phase == .captured
                    ? ("captured", .money(Amount(captured)))
                    : ("capturing", .money(Amount(captured))))
        }
        if let code { summary.details.append(("code", .text(code))) }
        if !reason.isEmpty { summary.details.append(("reason", .text(reason))) }
        return summary
    }
}

extension Reservation {
    fileprivate var summary: OrderReplay.State {
        var summary = OrderReplay.State(phase: phase.rawValue)
        if phase == .made {
            let units = lines.reduce(0) { $0 + Int64($1.quantity) }
            summary.details.append(("units", .count(units)))
        }
        if !shortages.isEmpty {
            summary.details.append(("reason", .text(Shortage.reason(shortages))))
        }
        return summary
    }
}

extension Delivery {
    fileprivate var summary: OrderReplay.State {
        var summary = OrderReplay.State(phase: phase.rawValue)
        if let shipping { summary.details.append(("shipping", .text(shipping))) }
        if let tracking { summary.details.append(("tracking", .text(tracking))) }
        return summary
    }
}

extension Notification {
    /// Mails have no phase together: `due` while one waits to be sent.
    fileprivate var summary: OrderReplay.State {
        var counts: [Status: [String]] = [:]
        for kind in Kind.allCases {
            if let status = status(of: kind) { counts[status, default: []].append(kind.rawValue) }
        }
        let isOpen = counts[.requested] != nil || counts[.deferred] != nil
        var summary = OrderReplay.State(phase: isOpen ? "due" : "quiet")
        let names: [(Status, StaticString)] = [
            (.deferred, "deferred"), (.requested, "requested"), (.sent, "sent"),
            (.failed, "failed"), (.skipped, "skipped"),
        ]
        for (status, name) in names {
            guard let kinds = counts[status] else { continue }
            summary.details.append((name, .text(kinds.joined(separator: ", "))))
        }
        return summary
    }
}

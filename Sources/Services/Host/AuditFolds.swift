import Deliveries
import Domain
import EventSourcing
import EventStore

/// The streams of one category, each folded from its first event to its last, and then forgotten.
private struct StreamFolds<D: Decider> {
    private var open: [Int64: (id: String, state: D)] = [:]

    /// - Returns: the state, once the stream's last event is folded.
    mutating func fold(
        _ decoded: D.Event, _ event: ScannedEvent, of stream: StreamID, isLast: Bool
    ) -> D? {
        guard !isLast else {
            var state = open.removeValue(forKey: event.key)?.state ?? D()
            state.evolve(decoded)
            return state
        }
        open[event.key, default: (stream.id, D())].state.evolve(decoded)
        return nil
    }

    /// What has not come to its end: of streams whose events are out of order.
    mutating func rest() -> [(id: String, state: D)] {
        defer { open = [:] }
        return open.values.sorted { $0.id < $1.id }
    }
}

/// What the services' logs say of each order, noted to be compared once all are read.
struct AuditNotes {
    enum Kind: Int, CaseIterable {
        case end, captured, carried
        /// An operator took the step as done.
        case captureSkipped, handOverSkipped

        fileprivate init?(skipped step: StepReference) {
            switch (step.step, step.direction) {
            case ("capture payment", .forward): self = .captureSkipped
            case ("hand over", .forward): self = .handOverSkipped
            default: return nil
            }
        }
    }

    /// Nil where only one service is looked at.
    let book: Notebook?

    func take(_ kind: Kind, of order: String, _ note: String) throws(StoreError) {
        try book?.take(kind.rawValue, of: order, note)
    }
}

extension Money {
    fileprivate var note: String { "\(minor) \(currency.code)" }
}

struct OrdersAudit: AuditFold {
    private let notes: AuditNotes
    private var orders = StreamFolds<Order>()
    private var checkouts = StreamFolds<CheckoutProgress>()
    /// Orders and checkouts that wait for the other: how each ended, or that it has not.
    private var ends: [String: String] = [:]
    private var waiting: [String: CheckoutProgress] = [:]
    private var open: Set<String> = []
    private var findings = AuditFindings()

    init(_ notes: AuditNotes) { self.notes = notes }

    /// How an order's end is noted: with what must have been captured where it is completed.
    static func end(_ order: Order) -> String? {
        switch order.phase {
        case .completed: "completed \(order.draft?.total.note ?? "")"
        case .rejected, .cancelled, .expired: order.phase.rawValue
        case .absent, .placed, .confirmed, .cancelPending: nil
        }
    }

    mutating func fold(_ event: ScannedEvent, of stream: StreamID, isLast: Bool)
        throws(StoreError)
    {
        switch stream.category {
        case "order":
            let order = orders.fold(try event.decoded(), event, of: stream, isLast: isLast)
            if let order { try settle(order, stream.id) }
        case "checkout":
            let decoded = try event.decoded(as: CheckoutProgress.Event.self)
            if case .skipped(let step, _) = decoded, let kind = AuditNotes.Kind(skipped: step) {
                try notes.take(kind, of: stream.id, "")
            }
            let checkout = checkouts.fold(decoded, event, of: stream, isLast: isLast)
            if let checkout { settle(checkout, stream.id) }
        default: break
        }
    }

    private mutating func settle(_ order: Order, _ id: String) throws(StoreError) {
        let end = Self.end(order)
        if let end { try notes.take(.end, of: id, end) }
        let shown = end == nil ? "open" : order.phase.rawValue
        if let checkout = waiting.removeValue(forKey: id) {
            compare(checkout, id, order: shown)
        } else {
            ends[id] = shown
        }
    }

    private mutating func settle(_ checkout: CheckoutProgress, _ id: String) {
        if checkout.isOpen { open.insert("checkout-\(id)") }
        if let end = ends.removeValue(forKey: id) {
            compare(checkout, id, order: end)
        } else {
            waiting[id] = checkout
        }
    }

    private mutating func compare(_ checkout: CheckoutProgress, _ id: String, order: String) {
        guard checkout.isOpen != (order == "open") else { return }
        findings.add("checkout-\(id) is \(checkout.phase), its order \(order)")
    }

    mutating func finish(_ queries: LogQueries, _ findings: inout AuditFindings)
        throws(StoreError)
    {
        for (id, order) in orders.rest() { try settle(order, id) }
        for (id, checkout) in checkouts.rest() { settle(checkout, id) }
        for (id, checkout) in waiting.sorted(by: { $0.key < $1.key }) {
            compare(checkout, id, order: "open")
        }
        // Placed, and its checkout has not begun.
        for (id, shown) in ends where shown == "open" { open.insert("checkout-\(id)") }
        findings.add(self.findings)
        findings.compare("timers of open checkouts", try queries.keys(of: .timers), open)
    }
}

struct PaymentsAudit: AuditFold {
    private let notes: AuditNotes
    private var payments = StreamFolds<Payment>()
    private var due: Set<String> = []

    init(_ notes: AuditNotes) { self.notes = notes }

    mutating func fold(_ event: ScannedEvent, of stream: StreamID, isLast: Bool)
        throws(StoreError)
    {
        guard stream.category == "payment" else { return }
        let payment = payments.fold(try event.decoded(), event, of: stream, isLast: isLast)
        if let payment { try settle(payment, stream.id) }
    }

    private mutating func settle(_ payment: Payment, _ id: String) throws(StoreError) {
        switch payment.nextEffect {
        case .authorize(let key, _, _, _), .void(let key, _), .capture(let key, _, _):
            due.insert(key)
        case nil: break
        }
        if payment.phase == .captured, let amount = payment.captured {
            try notes.take(.captured, of: id, amount.note)
        }
    }

    mutating func finish(_ queries: LogQueries, _ findings: inout AuditFindings)
        throws(StoreError)
    {
        for (id, payment) in payments.rest() { try settle(payment, id) }
        findings.compare("calls that wait", try queries.keys(of: .effects), due)
    }
}

struct DeliveriesAudit: AuditFold {
    private let notes: AuditNotes
    private var reservations = StreamFolds<Reservation>()
    private var deliveries = StreamFolds<Delivery>()
    /// What is held by orders that nobody has begun to deliver.
    private var held: Set<String> = []
    /// Deliveries that have begun before their reservation came to its last event.
    private var begun: Set<String> = []
    private var due: Set<String> = []
    /// What is kept of the stock, and the same folded from the events.
    private let snapshot: Snapshot?
    private var availability = Availability()

    init(_ notes: AuditNotes, snapshot: Snapshot?) {
        self.notes = notes
        self.snapshot = snapshot
    }

    mutating func fold(_ event: ScannedEvent, of stream: StreamID, isLast: Bool)
        throws(StoreError)
    {
        let order = OrderID(stream.id)
        let isInSnapshot = snapshot.map { event.position <= $0.position } ?? false
        switch stream.category {
        case "stock":
            if isInSnapshot { availability.apply(try event.decoded(as: Stock.Event.self)) }
        case "reservation":
            let decoded = try event.decoded(as: Reservation.Event.self)
            if isInSnapshot, let order { availability.apply(decoded, order: order) }
            let state = reservations.fold(decoded, event, of: stream, isLast: isLast)
            if let state { settle(state, stream.id) }
        case "delivery":
            let decoded = try event.decoded(as: Delivery.Event.self)
            if isInSnapshot, let order { availability.apply(decoded, order: order) }
            let state = deliveries.fold(decoded, event, of: stream, isLast: isLast)
            if let state { try settle(state, stream.id) }
        default: break
        }
    }

    private mutating func settle(_ reservation: Reservation, _ id: String) {
        let hasBegun = begun.remove(id) != nil
        if reservation.phase == .made, !hasBegun { held.insert(id) }
    }

    private mutating func settle(_ delivery: Delivery, _ id: String) throws(StoreError) {
        if let call = delivery.nextEffect { due.insert(call.key) }
        if Self.isWithCarrier(delivery.phase) { try notes.take(.carried, of: id, "") }
        guard delivery.phase != .absent else { return }
        // Nothing but a repeated request is recorded of a reservation from then on.
        if held.remove(id) == nil { begun.insert(id) }
    }

    private static func isWithCarrier(_ phase: Delivery.Phase) -> Bool {
        switch phase {
        case .handedOver, .outForDelivery, .delivered, .lost: true
        case .absent, .packed, .unpacked, .handingOver, .recallPending, .recalled: false
        }
    }

    mutating func finish(_ queries: LogQueries, _ findings: inout AuditFindings)
        throws(StoreError)
    {
        for (id, reservation) in reservations.rest() { settle(reservation, id) }
        for (id, delivery) in deliveries.rest() { try settle(delivery, id) }
        findings.compare(
            "timers of what is held", try queries.keys(of: .timers),
            Set(held.compactMap { OrderID($0).map(DeliveriesCore.holdTimer) }))
        findings.compare("calls that wait", try queries.keys(of: .effects), due)
        guard let snapshot else { return }
        var json = JSONWriter()
        availability.encode(to: &json)
        if json.text != snapshot.data {
            findings.add("the snapshot of what is available differs from a fresh fold")
        }
    }
}

struct NotificationsAudit: AuditFold {
    private var notifications = StreamFolds<Notification>()
    private var due: Set<String> = []

    mutating func fold(_ event: ScannedEvent, of stream: StreamID, isLast: Bool)
        throws(StoreError)
    {
        guard stream.category == "notification" else { return }
        let state = notifications.fold(try event.decoded(), event, of: stream, isLast: isLast)
        if let state { settle(state, stream.id) }
    }

    private mutating func settle(_ state: Notification, _ id: String) {
        for kind in state.due { due.insert("\(id)/\(kind.rawValue)") }
    }

    mutating func finish(_ queries: LogQueries, _ findings: inout AuditFindings)
        throws(StoreError)
    {
        for (id, state) in notifications.rest() { settle(state, id) }
        findings.compare("calls that wait", try queries.keys(of: .effects), due)
    }
}

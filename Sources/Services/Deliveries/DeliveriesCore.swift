package import Domain
package import EventSourcing
package import EventStore
package import Messaging

/// What the deliveries service is asked to do.
package enum DeliveriesCommand: Sendable {
    /// Goods have come in.
    case receive(SKU, quantity: Int, reference: String?)
}

package enum DeliveriesAnswer: ServiceAnswer, Hashable {
    case received(SKU, Version, Position)
    /// A receipt of that reference is on record, at that position or before it.
    case alreadyReceived(SKU, Version, Position)
    case refused(String)
    /// The reference belongs to another receipt.
    case referenceTaken(String)

    package var remembered: LedgerEntry? {
        switch self {
        case .received(let sku, let version, let position),
            .alreadyReceived(let sku, let version, let position):
            LedgerEntry(
                body: MerkleTree.emptyRoot, stream: StreamID("stock", sku.value),
                version: version, position: position)
        case .refused, .referenceTaken: nil
        }
    }

    package var position: Position? { remembered?.position }

    package var refusal: String? {
        switch self {
        case .received, .alreadyReceived: nil
        case .refused(let why), .referenceTaken(let why): why
        }
    }
}

/// The deliveries service: stock, reservations, deliveries, and the calls to the carrier.
package final class DeliveriesCore: ServiceCore {
    package static let log = LogName("deliveries")
    package static let sources = [Source(LogName("orders"), "to-deliveries")]
    package static let publication = Publication(
        channels: [Publication.facts],
        rules: [
            "stock.received": Publication.fact,
            "reservation.made": Publication.fact,
            "reservation.refused": Publication.fact,
            "reservation.released": Publication.fact,
            "reservation.expired": Publication.fact,
            "reservation.answered": Publication.fact,
            "delivery.packed": Publication.fact,
            "delivery.unpacked": Publication.fact,
            "delivery.hand-over-requested": Publication.fact,
            "delivery.handed-over": Publication.fact,
            "delivery.hand-over-refused": Publication.fact,
            "delivery.recall-requested": Publication.fact,
            "delivery.recalled": Publication.fact,
            "delivery.out-for-delivery": Publication.fact,
            "delivery.delivered": Publication.fact,
            "delivery.lost": Publication.fact,
            "delivery.answered": Publication.fact,
        ])
    private let stock = Aggregates<Stock>(category: "stock")
    private let reservations = Aggregates<Reservation>(category: "reservation")
    private let deliveries = Aggregates<Delivery>(category: "delivery")
    /// What can be sold, over all orders: folded as inputs are kept.
    package private(set) var availability = Availability()
    private var unfolded: [Fact] = []
    private var snapshotAt = Position.start
    private let retryPause: Duration
    private let holdFor: Duration
    private let snapshotEvery: Int64

    private enum Fact {
        case stock(Stock.Event)
        case reservation(Reservation.Event, OrderID)
        case delivery(Delivery.Event, OrderID)
    }

    /// - Parameters:
    ///   - retryPause: the first pause after a call without an answer; it doubles up to a minute.
    ///   - holdFor: how long stock stays reserved for an order that is not packed, with the orders
    ///     service up all the while.
    ///   - snapshotEvery: how many events pass between two snapshots of what is available.
    package init(
        retryPause: Duration = .seconds(1), holdFor: Duration = .seconds(86_400),
        snapshotEvery: Int64 = 20_000
    ) {
        self.retryPause = retryPause
        self.holdFor = holdFor
        self.snapshotEvery = snapshotEvery
    }

    /// Folds the log after the newest snapshot that this version of the fold made.
    package func open(_ log: EventLog) throws(StoreError) {
        if let snapshot = try log.queries.snapshot("availability", fold: Availability.version),
            let json = try? JSON(parsing: snapshot.data), let state = try? Availability(json)
        {
            availability = state
            snapshotAt = snapshot.position
        }
        var position = snapshotAt
        while true {
            let page = try log.queries.log(after: position, limit: 1000)
            for record in page { try fold(record) }
            guard let last = page.last else { break }
            position = last.position
        }
    }

    private func fold(_ record: StoredRecord) throws(StoreError) {
        let order = OrderID(record.stream.id)
        switch (record.stream.category, order) {
        case ("stock", _): availability.apply(try record.decoded(as: Stock.Event.self).event)
        case ("reservation", let order?):
            availability.apply(
                try record.decoded(as: Reservation.Event.self).event, order: order)
        case ("delivery", let order?):
            availability.apply(try record.decoded(as: Delivery.Event.self).event, order: order)
        default: break
        }
    }

    package func keep() {
        stock.keep()
        reservations.keep()
        deliveries.keep()
        for fact in unfolded {
            switch fact {
            case .stock(let event): availability.apply(event)
            case .reservation(let event, let order): availability.apply(event, order: order)
            case .delivery(let event, let order): availability.apply(event, order: order)
            }
        }
        unfolded.removeAll(keepingCapacity: true)
    }

    package func rollback() {
        stock.rollback()
        reservations.rollback()
        deliveries.rollback()
        unfolded.removeAll(keepingCapacity: true)
    }

    package func snapshot(in transaction: Transaction) throws(StoreError) {
        guard transaction.head.value - snapshotAt.value >= snapshotEvery else { return }
        var json = JSONWriter()
        availability.encode(to: &json)
        try transaction.save(
            Snapshot(
                name: "availability", fold: Availability.version, position: transaction.head,
                data: json.text))
        snapshotAt = transaction.head
    }

    package static func label(of command: DeliveriesCommand) -> CommandLabel {
        switch command {
        case .receive(let sku, _, _): CommandLabel("receive goods", StreamID("stock", sku.value))
        }
    }

    package func handle(_ command: DeliveriesCommand, in transaction: Transaction)
        throws(StoreError) -> DeliveriesAnswer
    {
        switch command {
        case .receive(let sku, let quantity, let reference):
            switch try stock.decide(
                .receive(sku, quantity: quantity, reference: reference), for: sku.value,
                in: transaction)
            {
            case .success(let events):
                unfolded += events.map(Fact.stock)
                let version = try stock.load(sku.value, in: transaction).version
                return events.isEmpty
                    ? .alreadyReceived(sku, version, transaction.head)
                    : .received(sku, version, transaction.head)
            case .failure(.referenceTaken(let quantity)):
                return .referenceTaken(
                    Stock.Rejection.referenceTaken(quantity: quantity).description)
            case .failure(let rejection): return .refused(rejection.description)
            }
        }
    }

    package func render(_ entry: LedgerEntry, in transaction: Transaction) -> DeliveriesAnswer {
        guard let sku = SKU(entry.stream.id) else { return .refused("no such SKU") }
        return .received(sku, entry.version, entry.position)
    }

    package func react(to message: Message, in transaction: Transaction) throws(ReactionError) {
        let asked: (StepReference, StepRequest)?
        do throws(UnreadableEvent) {
            asked = try Checkout.request(in: message.type, message.data)
        } catch { throw ReactionError(reading: error) }
        guard let (step, request) = asked else { return }
        guard let order = OrderID(step.saga) else { throw .poison("\(step) names no order") }
        do throws(StoreError) {
            switch request {
            case .reserve(let lines):
                try decide(.reserve(step, lines, from: availability), order, in: transaction)
            case .release: try decide(.release(step), order, in: transaction)
            case .pack:
                let reservation = try reservations.load(order.value, in: transaction)
                try decide(.pack(step, from: reservation.state.phase), order, in: transaction)
            case .unpack: try decide(.unpack(step), order, in: transaction)
            case .handOver(let shipping):
                try decide(.handOver(step, shipping: shipping), order, in: transaction)
            case .recall: try decide(.recall(step), order, in: transaction)
            case .authorize, .void, .confirm, .capture, .complete:
                throw StoreError.closed
            }
        } catch {
            if case .closed = error {
                throw .poison("\(step) asks for what is not the deliveries service's")
            }
            throw .store(error)
        }
    }

    private func decide(
        _ command: Reservation.Command, _ order: OrderID, in transaction: Transaction
    ) throws(StoreError) {
        let result = try reservations.decide(command, for: order.value, in: transaction)
        guard case .success(let events) = result else { return }
        unfolded += events.map { .reservation($0, order) }
        let key = Self.holdTimer(order)
        for event in events {
            switch event {
            case .made:
                // It fires when it comes due for the second time, since only the first shows that
                // the orders service has heard of the reservation.
                try transaction.set(
                    Timer(
                        key: key, due: transaction.now + holdFor / 2, source: "orders",
                        request: transaction.head, within: holdFor / 2,
                        data: Hold(order: order, since: transaction.now).text))
            case .released: try transaction.removeTimer(key)
            case .refused, .expired, .answered: break
            }
        }
    }

    /// The timer that ends a reservation; it is there while stock is held for an order that nobody
    /// has begun to deliver.
    package static func holdTimer(_ order: OrderID) -> String { "reservation-\(order)" }

    private func decide(
        _ command: Delivery.Command, _ order: OrderID, in transaction: Transaction
    ) throws(StoreError) {
        let isFirst =
            try deliveries.load(order.value, in: transaction).state.phase == .absent
        let result = try deliveries.decide(command, for: order.value, in: transaction)
        if case .success(let events) = result { unfolded += events.map { .delivery($0, order) } }
        let delivery = try deliveries.load(order.value, in: transaction).state
        if isFirst, delivery.phase != .absent {
            try transaction.removeTimer(Self.holdTimer(order))
        }
        guard let call = delivery.nextEffect else { return }
        try transaction.request(
            call.key, call.kind, for: StreamID("delivery", order.value),
            data: call.data(at: transaction.now))
    }

    package func fire(_ timer: Timer, in transaction: Transaction) throws(StoreError) {
        guard let hold = Hold(timer.data) else { return }
        transaction.metadata = try transaction.metadataOfTimer(
            for: StreamID(reservations.category, hold.order.value))
        try decide(.expire(held: transaction.now - hold.since), hold.order, in: transaction)
    }

    package func finish(_ effect: Effect, _ result: EffectResult, in transaction: Transaction)
        throws(StoreError)
    {
        guard case .answered(let text) = result else {
            let pause = min(retryPause * (1 << min(effect.attempts, 16)), .seconds(60))
            return try transaction.postpone(effect, until: transaction.now + pause)
        }
        guard let order = OrderID(effect.stream.id),
            let (command, pause) = CarrierCalls.command(text)
        else { return try transaction.finish(effect) }
        if let pause {
            try transaction.postpone(effect, until: transaction.now + max(pause, retryPause))
        } else {
            try transaction.finish(effect)
        }
        try decide(command, order, in: transaction)
    }
}

/// What a reservation's timer says when it fires.
private struct Hold {
    let order: OrderID
    /// When the reservation was made.
    let since: Timestamp

    init(order: OrderID, since: Timestamp) {
        self.order = order
        self.since = since
    }

    var text: String {
        var json = JSONWriter()
        json.object { json in
            json.member("order", order.value)
            json.member("since", since.microseconds)
        }
        return json.text
    }

    /// Nil for text that is none of ours.
    init?(_ text: String) {
        guard let json = try? JSONObject(try JSON(parsing: text)),
            let order = (try? json.string("order")).flatMap(OrderID.init),
            let since = try? json.integer("since")
        else { return nil }
        self.init(order: order, since: Timestamp(microseconds: since))
    }
}

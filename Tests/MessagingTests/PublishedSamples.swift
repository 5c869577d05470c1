import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Notifications
import Orders
import Payments
import Testing

/// The four logs, what they publish, and each event that they do, with all that may be left out and
/// without.
struct PublishedSamples {
    let log: LogName
    let publication: Publication
    let events: [any StoredEvent]

    static let all: [PublishedSamples] = {
        do {
            return [try orders(), payments(), try deliveries(), notifications()].map(\.withActs)
        } catch {
            Issue.record(error)
            return []
        }
    }()

    /// With what operators did about its parked messages.
    private var withActs: PublishedSamples {
        guard let instruction = Instruction(by: "ann", why: "w") else { return self }
        let text = ParkedHistory.ParkedText(
            source: "orders/facts", position: Position(7), id: "orders/1/7", data: "{}")
        let stop = ParkedReport.Stop(position: Position(8), reason: "r")
        let acts: [ParkedHistory.Event] = [
            .retried(source: "orders/facts", [Position(7)], nil, instruction),
            .retried(source: "orders/facts", [], stop, instruction),
            .edited(text, after: "{}", instruction),
            .discarded(text, reason: "r", instruction),
        ]
        return PublishedSamples(log: log, publication: publication, events: events + acts)
    }

    /// The subjects of the types, `orders.facts.order.placed` with `kassa.` before it.
    var subjects: Set<String> {
        let facts = publication.types(on: Publication.facts)
        return Set(
            publication.channels.flatMap { channel in
                // What is a fact, is on no channel of commands.
                let types = publication.types(on: channel).filter {
                    channel == Publication.facts || !facts.contains($0)
                }
                return types.map { "\(Source(log, channel).subject).\($0)" }
            })
    }

    var watermarks: Set<String> {
        Set(publication.channels.map { "\(Source(log, $0).subject).watermark" })
    }

    /// All events in their published forms.
    func messages() throws -> [BrokerMessage] {
        try events.enumerated().flatMap { index, event in
            let metadata = Metadata(
                correlation: "request", cause: EventIdentity("orders/1/41"), actor: "anonymous",
                trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                occurredAt: Timestamp(microseconds: 1_300_000_000_000_000))
            var data = JSONWriter()
            event.encode(to: &data)
            // Streams are named for what the types begin with; a checkout's, an order's and so on.
            let category = event.type.name.prefix { $0 != "." }
            let record = StoredRecord(
                identity: EventIdentity(
                    log: log, epoch: .first, position: Position(Int64(index + 1))),
                stream: StreamID(String(category), "o-1"), version: Version(1), type: event.type,
                recordedAt: Timestamp(microseconds: 1_800_000_000_000_000), data: data.bytes,
                metadata: Array(metadata.text.utf8), leaf: MerkleTree.emptyRoot)
            return try publication.forms(of: record).map {
                Bulletin.event(try record.message($0, previous: .start)).brokerMessage
            }
        }
    }

    private static func orders() throws -> PublishedSamples {
        let bare = try OrderLine(sku: try sku("A 1"), quantity: 1, unitPrice: gbp(0))
        let named = try OrderLine(
            sku: try sku("B-2"), quantity: 2, unitPrice: gbp(500), description: "Bolt")
        let placed: [Order.Event] = [
            .placed(try Order.Draft(currency: .gbp, lines: [bare], token: "tok_ok")),
            .placed(
                try Order.Draft(
                    customer: CustomerID("c-1"), contact: "customer:c-1 sealed:v1:AbC_-9",
                    currency: .gbp, lines: [named, bare], token: "tok_ok", reference: "m-1",
                    shipping: "ship_ok")),
        ]
        let others: [Order.Event] = [
            .confirmed, .completed, .cancellationRequested(reason: "r"), .cancellationRefused,
            .rejected(reason: "r"), .cancelled(reason: "r"), .expired(reason: "r"),
        ]
        let ann = try #require(Instruction(by: "ann", why: "w"))
        let corrected: [Order.Event] = [
            .corrected(Order.Correction(customer: CustomerID("c-2"), contact: nil, ann)),
            .corrected(
                Order.Correction(customer: nil, contact: "customer:c-1 sealed:v1:AbC_-9", ann)),
        ]
        let steered: [CheckoutProgress.Event] = [
            .asked(step("o-1", "pack"), ann), .skipped(step("o-1", "pack"), ann), .sentBack(ann),
        ]
        let requests: [StepRequest] = [
            .reserve(StockLine.summing([named])), .release, .pack, .unpack, .handOver(),
            .handOver(shipping: "ship_ok"), .recall,
            .authorize(amount: gbp(500), token: "tok_ok"),
            .authorize(amount: gbp(500), token: "tok_ok", within: .seconds(5)), .void,
            .capture(gbp(500)), .confirm, .complete,
        ]
        let asked = requests.map { CheckoutProgress.Event.requested(step("o-1", "pack"), $0) }
        let events: [[any StoredEvent]] = [
            placed, others, corrected, asked, steered, [Customer.Event.erased],
        ]
        return PublishedSamples(
            log: OrdersCore.log, publication: OrdersCore.publication, events: events.flatMap { $0 })
    }

    private static func payments() -> PublishedSamples {
        let ref = step("o-1", "authorize payment")
        let events: [Payment.Event] = [
            .authorizationRequested(ref, gbp(500), token: "tok_ok"),
            .authorizationRequested(ref, gbp(500), token: "tok_ok", within: .seconds(5)),
            .authorizationRepeated(ref), .authorized(ref, code: "c"),
            .declined(ref, reason: "r"), .authorizationUnknown(ref, reason: "r"),
            .authorizationOverdue(ref, reason: "r"), .voidRequested(ref), .voided(ref),
            .voided(nil), .captureRequested(ref, gbp(500)), .captureRepeated(ref),
            .captured(ref, id: "i", amount: gbp(500)), .captureFailed(ref, reason: "r"),
            .answered(ref, .done), .answered(ref, .refused("r")),
        ]
        return PublishedSamples(
            log: PaymentsCore.log, publication: PaymentsCore.publication, events: events)
    }

    private static func deliveries() throws -> PublishedSamples {
        let mug = try sku("mug")
        let ref = step("o-1", "reserve stock", .undo, attempt: 2)
        let received: [Stock.Event] = [
            .received(mug, quantity: 5, reference: nil),
            .received(mug, quantity: 5, reference: "n-1"),
        ]
        let line = try #require(StockLine(sku: mug, quantity: 2))
        let reservations: [Reservation.Event] = [
            .made(ref, [line]),
            .refused(ref, [Shortage(sku: mug, wanted: 2, available: 0)]),
            .released(ref), .expired(held: .seconds(1800)), .answered(ref, .done),
            .answered(ref, .refused("r")),
        ]
        let parcels: [Delivery.Event] = [
            .packed(ref), .unpacked(ref), .handOverRequested(ref),
            .handOverRequested(ref, shipping: "ship_ok"), .handOverRepeated(ref),
            .handedOver(ref, tracking: "t"), .handOverRefused(ref, reason: "r"),
            .recallRequested(ref), .recalled(ref), .outForDelivery(tracking: "t"),
            .delivered(tracking: "t"), .lost(tracking: "t", reason: "r"),
            .answered(ref, .done), .answered(ref, .refused("r")),
        ]
        let events: [[any StoredEvent]] = [received, reservations, parcels]
        return PublishedSamples(
            log: DeliveriesCore.log, publication: DeliveriesCore.publication,
            events: events.flatMap { $0 })
    }

    private static func notifications() -> PublishedSamples {
        let events = Notification.Kind.allCases.flatMap { kind -> [Notification.Event] in
            [
                .requested(kind, contact: "customer:c-1 sealed:v1:AbC_-9"), .deferred(kind),
                .sent(kind), .failed(kind, reason: "r"), .skipped(kind),
            ]
        }
        return PublishedSamples(
            log: NotificationsCore.log, publication: NotificationsCore.publication, events: events)
    }
}

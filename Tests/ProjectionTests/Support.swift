import Domain
import EventSourcing
import EventStore
import Glibc
import Messaging
import Projections
import Synchronization

struct Unexpected: Error {}

/// A generator whose sequence is its seed's (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A directory that goes with its owner.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/kassa-projections-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Unexpected() }
        path = String(cString: made)
    }

    deinit {
        for name in ["live.db", "fresh.db", "other.db"] {
            for suffix in ["", "-wal", "-shm"] { unlink("\(path)/\(name)\(suffix)") }
        }
        rmdir(path)
    }
}

/// A log's public facts, with gaps where private events lie.
struct FakeLog {
    let source: Source
    private(set) var messages: [Message] = []
    private(set) var head = Position.start
    private var versions: [StreamID: Int64] = [:]
    var epoch = Epoch.first

    init(_ name: String) { source = Source(LogName(name), Publication.facts) }

    static func leaf(_ position: Position) -> Digest { SHA256.hash("\(position)".utf8) }

    /// As the log publishes it: without the means of payment.
    mutating func append(_ stream: StreamID, _ event: some StoredEvent, skipping gap: Int64 = 0) {
        var json = JSONWriter()
        event.encode(to: &json)
        var data = json.bytes
        if case .object(let members)? = try? JSON(parsing: json.bytes) {
            var writer = JSONWriter()
            writer.value(.object(members.filter { $0.name != "token" }))
            data = writer.bytes
        }
        append(stream, event.type, data, skipping: gap)
    }

    mutating func append(
        _ stream: StreamID, _ type: EventType, _ data: [UInt8], skipping gap: Int64 = 0,
        occurredAt: Timestamp? = nil
    ) {
        let previous = messages.last?.identity.position ?? .start
        head = Position(head.value + 1 + gap)
        let version = (versions[stream] ?? 0) + 1
        versions[stream] = version
        messages.append(
            Message(
                identity: EventIdentity(log: source.log, epoch: epoch, position: head),
                channel: source.channel, previous: previous, stream: stream,
                version: Version(version), type: type,
                recordedAt: Timestamp(microseconds: 1_000_000 * head.value),
                metadata: Metadata(
                    correlation: "c-\(stream.id)", actor: "anonymous", occurredAt: occurredAt),
                data: data, leaf: Self.leaf(head)))
    }

    /// Loses all after `position`, and begins a new epoch.
    mutating func restore(to position: Position) {
        messages.removeAll { $0.identity.position > position }
        head = position
        epoch = Epoch(epoch.value + 1)
    }

    func received(_ range: Range<Int>? = nil) -> [Received] {
        messages[range ?? 0..<messages.count].map { Received(Bulletin.event($0).brokerMessage) }
    }

    func watermark(asOf: Timestamp = .epoch) -> Received {
        let mark = Watermark(
            log: source.log, channel: source.channel, epoch: epoch, through: head,
            leaf: Self.leaf(head), last: messages.last?.identity.position ?? .start, asOf: asOf,
            upSince: .epoch, treeSize: head.value, treeRoot: Self.leaf(head), read: [:])
        return Received(Bulletin.watermark(mark).brokerMessage)
    }
}

/// The feed of a fake log, in pages of a few positions.
final class FakeFeed: Feed {
    private let log: Mutex<FakeLog>
    init(_ log: FakeLog) { self.log = Mutex(log) }

    func read(
        _ channel: String, after position: Position, limit: Int
    ) throws(FeedError) -> FeedPage {
        log.withLock { log in
            let through = min(log.head, Position(position.value + Int64(min(7, limit))))
            let found = log.messages.filter {
                $0.identity.position > position && $0.identity.position <= through
            }
            let messages = found.prefix { $0.identity.epoch == found[0].identity.epoch }
            let isCut = messages.count < found.count
            let end = isCut ? messages[messages.count - 1].identity.position : through
            return FeedPage(
                after: position, messages: Array(messages), through: max(position, end),
                epoch: messages.last?.identity.epoch ?? log.epoch, leaf: FakeLog.leaf(end),
                hasMore: isCut || through < log.head)
        }
    }

    func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict {
        log.withLock { log in
            let later = log.messages.first { $0.identity.epoch > checkpoint.epoch }
            guard let later, later.identity.position == checkpoint.position.next else {
                return .good
            }
            return .rewind(later.identity.epoch, checkpoint.position, checkpoint.leaf)
        }
    }
}

/// Four logs of one shop, with `count` orders that end in several ways.
struct Shop {
    var orders = FakeLog("orders")
    var payments = FakeLog("payments")
    var deliveries = FakeLog("deliveries")
    var notifications = FakeLog("notifications")

    var logs: [FakeLog] { [orders, payments, deliveries, notifications] }
    var feeds: [(source: Source, feed: any Feed)] { logs.map { ($0.source, FakeFeed($0)) } }

    static func step(_ order: String, _ name: String) -> StepReference {
        StepReference(saga: order, step: name, direction: .forward, attempt: 1)
    }

    init(orders count: Int, seed: UInt64 = 1) throws {
        var random = SeededGenerator(state: seed)
        for sku in ["A-1", "B-2"] {
            guard let sku = SKU(sku) else { throw Unexpected() }
            deliveries.append(
                StreamID("stock", sku.value),
                Stock.Event.received(sku, quantity: 1000, reference: nil))
        }
        for number in 0..<count {
            try addOrder("order-\(number)", ending: Int(random.next() % 8), &random)
        }
    }

    private mutating func addOrder(
        _ id: String, ending: Int, _ random: inout SeededGenerator
    ) throws {
        guard let a = SKU("A-1"), let b = SKU("B-2") else { throw Unexpected() }
        let lines = [
            try OrderLine(sku: a, quantity: 2, unitPrice: Money(minor: 1250, currency: .gbp)),
            try OrderLine(
                sku: b, quantity: 1, unitPrice: Money(minor: 99, currency: .gbp),
                description: "A \"quoted\" thing"),
        ]
        let draft = try Order.Draft(
            customer: CustomerID("c-\(id)"), currency: .gbp, lines: lines, token: "tok_secret",
            reference: "ref-\(id)", shipping: ending == 4 ? "ship_flaky" : nil)
        let order = StreamID("order", id)
        let payment = StreamID("payment", id)
        let reservation = StreamID("reservation", id)
        let delivery = StreamID("delivery", id)
        func step(_ name: String) -> StepReference { Self.step(id, name) }

        orders.append(order, Order.Event.placed(draft), skipping: Int64(random.next() % 3))
        notifications.append(StreamID("notification", id), Notification.Event.sent(.received))
        guard ending != 0 else {
            deliveries.append(
                reservation,
                Reservation.Event.refused(
                    step("reserve"), [Shortage(sku: a, wanted: 2, available: 0)]))
            orders.append(order, Order.Event.rejected(reason: "out of stock"))
            return
        }
        deliveries.append(
            reservation, Reservation.Event.made(step("reserve"), draft.stockLines))
        payments.append(
            payment,
            Payment.Event.authorizationRequested(step("pay"), draft.total, token: "tok_secret"))
        guard ending != 1 else {
            payments.append(payment, Payment.Event.declined(step("pay"), reason: "no funds"))
            deliveries.append(reservation, Reservation.Event.released(step("reserve")))
            orders.append(order, Order.Event.rejected(reason: "declined"))
            return
        }
        payments.append(payment, Payment.Event.authorized(step("pay"), code: "ok"))
        guard ending != 6 else { return expire(id, step("pay")) }
        orders.append(order, Order.Event.confirmed, skipping: 2)
        guard ending != 2 else {
            orders.append(order, Order.Event.cancellationRequested(reason: "changed my mind"))
            payments.append(payment, Payment.Event.voidRequested(step("pay")))
            payments.append(payment, Payment.Event.voided(step("pay")))
            deliveries.append(reservation, Reservation.Event.released(step("reserve")))
            orders.append(order, Order.Event.cancelled(reason: "changed my mind"))
            return
        }
        deliveries.append(delivery, Delivery.Event.packed(step("pack")))
        guard ending != 3 else { return }
        orders.append(order, Order.Event.cancellationRequested(reason: "too late"))
        deliveries.append(
            delivery, Delivery.Event.handedOver(step("hand over"), tracking: "T-\(id)"))
        orders.append(order, Order.Event.cancellationRefused)
        guard ending != 4 else { return }
        payments.append(payment, Payment.Event.captureRequested(step("capture"), draft.total))
        payments.append(
            payment, Payment.Event.captured(step("capture"), id: "cap", amount: draft.total))
        orders.append(order, Order.Event.completed)
        notifications.append(StreamID("notification", id), Notification.Event.sent(.completed))
        deliver(id, isLost: ending == 7)
    }

    /// The stock was held too long, and all is undone.
    private mutating func expire(_ id: String, _ step: StepReference) {
        deliveries.append(
            StreamID("reservation", id), EventType("reservation.expired"),
            Array(#"{"heldSeconds":86400}"#.utf8))
        let payment = StreamID("payment", id)
        payments.append(payment, Payment.Event.voidRequested(step))
        payments.append(payment, Payment.Event.voided(step))
        orders.append(StreamID("order", id), Order.Event.expired(reason: "not packed"))
        notifications.append(
            StreamID("notification", id), Notification.Event.failed(.expired, reason: "no answer"))
    }

    private mutating func deliver(_ id: String, isLost: Bool) {
        let delivery = StreamID("delivery", id)
        let tracking = #""tracking":"T-\#(id)""#
        deliveries.append(
            delivery, EventType("delivery.out-for-delivery"), Array("{\(tracking)}".utf8))
        deliveries.append(
            delivery, EventType(isLost ? "delivery.lost" : "delivery.delivered"),
            Array((isLost ? #"{\#(tracking),"reason":"fell off"}"# : "{\(tracking)}").utf8))
    }
}

import Domain
import EventSourcing
import EventStore
import Gateway
import Host
import Messaging
import Testing

/// A value as it goes from process to process, and how it is read there.
struct WireSample: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    /// The members that may be left out, such as `draft.lines.description`; they are then absent,
    /// false or of no effect.
    let optional: Set<String>
    /// Reads bytes, and writes what it made of them.
    let rewrite: @Sendable ([UInt8]) throws -> [UInt8]

    var testDescription: String { name }

    init(
        _ name: String, _ bytes: [UInt8], optional: Set<String> = [],
        _ rewrite: @escaping @Sendable ([UInt8]) throws -> [UInt8]
    ) {
        (self.name, self.bytes, self.optional, self.rewrite) = (name, bytes, optional, rewrite)
    }

    /// The JSON, which is all but for a page of a feed: there it is the first line.
    var json: JSON { get throws { try JSON(parsing: Array(head)) } }

    private var head: ArraySlice<UInt8> { bytes.prefix { $0 != UInt8(ascii: "\n") } }

    /// The same with another JSON.
    func bytes(with json: JSON) -> [UInt8] {
        var writer = JSONWriter()
        writer.value(json)
        return writer.bytes + bytes.dropFirst(head.count)
    }

    static let all: [WireSample] =
        announcements + commands + outcomes + checkpoints + pages
        + statuses

    // MARK: Of each kind

    private static let announcements: [WireSample] = {
        var announcement = Announcement.sample(.gateway, "b", health: .halted, shard: 3, shards: 5)
        announcement.residentBytes = 123_456_789
        return [
            WireSample(
                "an announcement", announcement.bytes(asks: false), optional: ["residentBytes"]
            ) { try Announcement(try JSONObject(try JSON(parsing: $0))).bytes(asks: false) }
        ]
    }()

    static let contexts = [
        RequestContext(metadata: Metadata(correlation: "c-1", actor: "anonymous"), key: nil),
        RequestContext(
            metadata: Metadata(
                correlation: "c-2", cause: identity, actor: "somebody \u{1F600}",
                trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                occurredAt: Timestamp(microseconds: -5)),
            key: .init(principal: "p", key: "k\"\\\n", digest: [UInt8](0..<32))),
    ]

    private static func acts(_ order: OrderID) -> [InnerCommand.Kind] {
        guard let ann = Instruction(by: "ann", why: "paid in cash") else { return [] }
        func parked(_ kind: ParkedAct.Kind, _ isRehearsal: Bool) -> ParkedAct {
            ParkedAct(
                kind, source: "orders/to-payments", key: order.value, isRehearsal: isRehearsal,
                ann)
        }
        return [
            .steer(order, .retry, ann), .steer(order, .skip(step: "pack"), ann),
            .steer(order, .compensate, ann),
            .correct(
                order, OrderCorrection(customer: CustomerID("c-9"), contact: "a@b.example", ann)),
            .parked(parked(.retry, true), on: .payments),
            .parked(parked(.discard(Position(7)), false), on: .orders),
            .parked(parked(.edit(Position(7), data: Array("{}".utf8)), false), on: .notifications),
        ]
    }

    static let kinds: [InnerCommand.Kind] = {
        guard let order = OrderID("o-1"), let sku = SKU("A 1"),
            let draft = try? Order.Draft(
                customer: CustomerID("c-9"), contact: "sealed", currency: .gbp,
                lines: [
                    OrderLine(
                        sku: sku, quantity: 2, unitPrice: Money(minor: 1250, currency: .gbp)),
                    OrderLine(
                        sku: sku, quantity: 1, unitPrice: Money(minor: 0, currency: .gbp),
                        description: "a gift"),
                ], token: "tok_ok", reference: "r-1", shipping: "express")
        else { return [] }
        return [
            .place(order, draft), .cancel(order, reason: "changed \u{0} my mind"),
            .receive(sku, quantity: 1_000_000, reference: "delivery note 7"),
            .receive(sku, quantity: -3, reference: nil),
        ] + acts(order)
    }()

    private static let commands: [WireSample] = kinds.flatMap { kind in
        contexts.map { context in
            WireSample(
                "a command: \(kind)", InnerCommand(kind, context).bytes,
                optional: [
                    "key", "metadata.cause", "metadata.trace", "metadata.occurredAt",
                    "draft.customer", "draft.contact", "draft.reference", "draft.shipping",
                    "draft.lines.description", "reference", "customer", "contact", "isRehearsal",
                ]
            ) { try InnerCommand($0).bytes }
        }
    }

    static let identity = EventIdentity(
        log: LogName("orders"), epoch: Epoch(2), position: Position(41))

    static let outcomeValues: [CommandOutcome] = {
        guard let order = OrderID("o-1") else { return [] }
        return [
            .accepted(identity, Version(7), replayed: true, id: "o-1"),
            .accepted(identity, Version(1), replayed: false, id: "A 1"),
            .refused(code: RefusalCode.tooLate, detail: "it has \"shipped\""),
            .referenceTaken(by: order), .keyReused, .busy, .unknown("no answer"),
            .unavailable("not there"),
        ]
    }()

    private static let outcomes: [WireSample] = outcomeValues.map { outcome in
        WireSample("an outcome: \(outcome)", outcome.bytes, optional: ["replayed"]) {
            try CommandOutcome($0).bytes
        }
    }

    static func digest(_ first: UInt8) -> Digest {
        Digest([first] + [UInt8](repeating: 0xA7, count: 31)) ?? MerkleTree.emptyRoot
    }

    static let checkpoint = Checkpoint(
        epoch: Epoch(2), position: Position(.max), leaf: digest(1), treeSize: 9,
        treeRoot: digest(2),
        asOf: Timestamp(microseconds: 1_800_000_000_000_000), upSince: .epoch,
        read: [
            "orders/to-payments": ReadMark(Epoch(3), Position(5)),
            "orders/facts": ReadMark(.first, .start),
        ])

    static let verdicts: [CheckpointVerdict] = [
        .good, .rewind(Epoch(3), Position(40), digest(3)), .refused("the log is behind"),
    ]

    private static let checkpoints: [WireSample] =
        [checkpoint, .start].map { checkpoint in
            var json = JSONWriter()
            checkpoint.encode(to: &json)
            return WireSample("a checkpoint at \(checkpoint.position)", json.bytes) { bytes in
                var json = JSONWriter()
                try Checkpoint(try JSONObject(try JSON(parsing: bytes))).encode(to: &json)
                return json.bytes
            }
        }
        + verdicts.map { verdict in
            WireSample("a verdict: \(verdict)", verdict.bytes) {
                try CheckpointVerdict($0).bytes
            }
        }

    /// A message whose payload has so many bytes, two at least.
    static func message(_ position: Int64, payload: Int = 2, _ context: RequestContext) -> Message {
        Message(
            identity: EventIdentity(
                log: LogName("orders"), epoch: Epoch(2), position: Position(position)),
            channel: "facts", previous: Position(position - 1), stream: StreamID("order", "o-1"),
            version: Version(position), type: EventType("order.placed", schema: 3),
            recordedAt: Timestamp(microseconds: 1_700_000_000_000_000 + position),
            metadata: context.metadata,
            data: [0x7B] + [UInt8](repeating: 0x20, count: payload - 2) + [0x7D],
            leaf: digest(UInt8(truncatingIfNeeded: position)))
    }

    static let page = FeedPage(
        after: Position(4), messages: contexts.enumerated().map { message(5 + Int64($0), $1) },
        through: Position(9), epoch: Epoch(2), leaf: digest(4), hasMore: true)

    private static let pages = [
        WireSample("a page of a feed", page.bytes, optional: ["hasMore"]) {
            try FeedPage($0).bytes
        }
    ]

    private static let statuses: [WireSample] = [
        status(
            """
            "service":{"isUp":true,"inputs":3,"refused":4,"calls":5,"parked":6,\
            "parkedBySource":[{"source":"orders/facts","count":6}],"openCheckouts":8,\
            "waitingCheckouts":7,"oldestParked":21,"sagas":[{"step":"pack","direction":"undo",\
            "open":2,"stuck":1,"oldestAt":"2026-01-02T03:04:05.678901Z"}],\
            "epoch":2,"head":40,"published":39,"haltReason":"it is behind","waiting":9,\
            "begun":10,"read":[{"source":"orders/facts","position":12,"asOf":13}]},\
            "isCounted":true,"diskFree":14,"diskHeld":15,"isIntakeStopped":true,"mailsSent":16,\
            "mailsFailed":17,"streams":[{"stream":"kassa-orders","messages":18,"bytes":19}]
            """),
        status(
            """
            "isCounted":false,"diskFree":0,"diskHeld":0,"isIntakeStopped":false,"streams":[]
            """),
    ].enumerated().map { number, bytes in
        WireSample(
            "a part's status \(number)", bytes,
            optional: [
                "service", "service.isUp", "service.calls", "service.parked",
                "service.parkedBySource", "service.openCheckouts", "service.oldestParked",
                "service.sagas", "service.epoch", "service.published", "service.haltReason",
                "service.waiting", "isCounted", "isIntakeStopped", "mailsSent",
            ]
        ) { try PartStatus($0).bytes }
    }

    /// A status with these members behind its announcement's.
    private static func status(_ members: String) -> [UInt8] {
        let announcement = Announcement.sample(.notifications).bytes(asks: false)
        return Array(announcement.dropLast()) + Array(",\(members)}".utf8)
    }
}

import Domain
import EventSourcing
import EventStore
import Foundation
import Messaging
import SQLite
import Simulation
import Synchronization
import Testing

/// One service's engine over a file of its own, without broker and threads.
final class Bench<Core: ServiceCore> {
    let folder: TemporaryFolder
    let runtime: SimulatedRuntime
    let board = LogBoard()
    let notices = Notices()
    private let makeCore: () -> Core
    private var running: Engine<Core>?
    /// Asked before and after each commit.
    var fault: ((EventLog.CommitMoment) -> SQLiteError?)?

    init(
        runtime: SimulatedRuntime = SimulatedRuntime(seed: 1),
        folder: TemporaryFolder? = nil, _ makeCore: @escaping () -> Core
    ) throws {
        self.folder = try folder ?? TemporaryFolder()
        self.runtime = runtime
        self.makeCore = makeCore
        try open()
    }

    var path: String { "\(folder.path)/\(Core.log).db" }
    var now: Timestamp { runtime.now() }

    var engine: Engine<Core> {
        get throws { try #require(running) }
    }

    private func open() throws {
        let log = try EventLog(path: path, name: Core.log, at: now, durability: .none)
        log.commitFault = { [weak self] moment in self?.fault?(moment) }
        running = try Engine(core: makeCore(), log: log, board: board, at: now) { [notices] text in
            notices.take(text)
        }
    }

    /// Dies without closing its file, and starts again from what is on disk.
    func crash() throws {
        stop()
        try open()
    }

    func stop() { running = nil }

    func restartCleanly() throws {
        try engine.log.close()
        try crash()
    }

    @discardableResult
    func send(_ inputs: [EngineInput<Core>]) throws -> [EngineOutput<Core.Answer>] {
        try engine.process(inputs, at: now)
    }

    @discardableResult
    func send(_ input: EngineInput<Core>) throws -> EngineOutput<Core.Answer> {
        try #require(try send([input]).first)
    }

    @discardableResult
    func read(_ source: Source, _ received: [Received]) throws -> EngineOutput<Core.Answer> {
        try send(.bulletins(source, received))
    }

    /// All that is on record, oldest first.
    func records() throws -> [StoredRecord] {
        try engine.log.queries.log(after: .start, limit: 100_000)
    }

    func types() throws -> [String] { try records().map(\.type.name) }

    func effects() throws -> [Effect] {
        try engine.log.effects(dueBy: Timestamp(microseconds: .max), limit: 100)
    }
}

/// Puts messages of one source on the wire, as its relay does.
struct Publisher {
    let source: Source
    let runtime: SimulatedRuntime
    var epoch = Epoch.first
    /// The newest position in the log, and in this channel.
    private(set) var head = Position.start
    private(set) var last = Position.start

    init(_ log: String, _ channel: String = Publication.facts, _ runtime: SimulatedRuntime) {
        source = Source(LogName(log), channel)
        self.runtime = runtime
    }

    static func leaf(_ position: Position) -> Digest {
        MerkleTree.leaf(Array("leaf of \(position)".utf8))
    }

    /// Events that are not for this channel.
    mutating func skip(_ count: Int64) { head = Position(head.value + count) }

    mutating func event(
        _ event: some StoredEvent, of stream: StreamID, cause: EventIdentity? = nil
    ) -> Received {
        var json = JSONWriter()
        event.encode(to: &json)
        return raw(event.type, json.text, of: stream, cause: cause)
    }

    mutating func raw(
        _ type: EventType, _ data: String, of stream: StreamID, cause: EventIdentity? = nil
    ) -> Received {
        head = head.next
        let message = Message(
            identity: EventIdentity(log: source.log, epoch: epoch, position: head),
            channel: source.channel, previous: last, stream: stream, version: Version(1),
            type: type, recordedAt: runtime.now(),
            metadata: Metadata(correlation: stream.id, cause: cause, actor: "test"),
            data: Array(data.utf8), leaf: Self.leaf(head))
        last = head
        return Received(Bulletin.event(message).brokerMessage)
    }

    /// An orders service asks for a step.
    mutating func ask(_ step: StepReference, _ request: StepRequest) -> Received {
        event(
            CheckoutProgress.Event.requested(step, request), of: StreamID("checkout", step.saga))
    }

    func watermark(
        upSince: Timestamp? = nil, asOf: Timestamp? = nil, read: [String: Position] = [:],
        in epochRead: Epoch = .first
    ) -> Received {
        let asOf = asOf ?? runtime.now()
        return Received(
            Bulletin.watermark(
                Watermark(
                    log: source.log, channel: source.channel, epoch: epoch, through: head,
                    leaf: Self.leaf(head), last: last, asOf: asOf, upSince: upSince ?? asOf,
                    treeSize: head.value, treeRoot: Self.leaf(head),
                    read: read.mapValues { ReadMark(epochRead, $0) })
            ).brokerMessage)
    }

    /// A page of the feed with these messages.
    func page(_ received: [Received]) throws -> FeedPage {
        var messages: [Message] = []
        for item in received {
            if case .event(let message) = try Bulletin(item.carried) { messages.append(message) }
        }
        return FeedPage(
            after: messages.first?.previous ?? .start, messages: messages, through: head,
            epoch: epoch, leaf: Self.leaf(head), hasMore: false)
    }
}

/// What an operator would have been told.
final class Notices: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    @Sendable func take(_ line: LogLine) { texts.withLock { $0.append(line.text) } }
}

func step(
    _ saga: String, _ name: String, _ direction: StepReference.Direction = .forward,
    attempt: Int = 1
) -> StepReference {
    StepReference(saga: saga, step: name, direction: direction, attempt: attempt)
}

func orderID(_ text: String) throws -> OrderID { try #require(OrderID(text)) }

func gbp(_ minor: Int64) -> Money { Money(minor: minor, currency: .gbp) }

func draft(
    _ sku: String = "mug", _ quantity: Int = 1, token: String = "tok_ok", contact: String? = nil,
    customer: String? = "c1", reference: String? = nil
) throws -> Order.Draft {
    let line = try OrderLine(
        sku: try MessagingTests.sku(sku), quantity: quantity, unitPrice: gbp(500))
    return try Order.Draft(
        customer: customer.flatMap(CustomerID.init), contact: contact, currency: .gbp,
        lines: [line], token: token, reference: reference)
}

func context(_ key: String? = nil, body: String = "body") -> CommandContext {
    CommandContext(
        metadata: Metadata(correlation: key ?? "none", actor: "test"),
        key: key.map {
            IdempotencyKey(principal: "test", key: $0, body: SHA256.hash(body.utf8))
        })
}

/// Copies a database file as it lies on disk, as after a kill.
func copyDatabase(_ path: String, to copy: String) throws {
    for suffix in ["", "-wal", "-shm"] {
        try? FileManager.default.removeItem(atPath: copy + suffix)
        if FileManager.default.fileExists(atPath: path + suffix) {
            try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
        }
    }
}

extension EngineOutput {
    var isTaken: Bool { if case .taken = self { true } else { false } }
    var isUnknown: Bool { if case .unknown = self { true } else { false } }
    var gapAfter: Position? {
        if case .gap(let checkpoint) = self { checkpoint.position } else { nil }
    }
    var unavailable: String? { if case .unavailable(let why) = self { why } else { nil } }
    var stopped: String? { if case .stopped(let why) = self { why } else { nil } }
    var answered: (Answer, replayed: Bool)? {
        if case .answer(let answer, let replayed) = self { (answer, replayed) } else { nil }
    }
}

/// A value that a test changes while others look at it.
final class Shared<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    init(_ value: Value) { state = Mutex(value) }
    var value: Value {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

func sku(_ text: String) throws -> SKU { try #require(SKU(text)) }

struct NoReport: Error {}

extension Bench {
    /// Has an operator try a key's parked messages again.
    func retry(_ source: Source, _ key: String, isRehearsal: Bool = false) throws -> ParkedReport {
        try act(.retry, source, key, isRehearsal: isRehearsal).get()
    }

    func act(
        _ kind: ParkedAct.Kind, _ source: Source, _ key: String, isRehearsal: Bool = false
    ) throws -> Result<ParkedReport, ParkedRefusal> {
        let instruction = try #require(Instruction(by: "ann", why: "a test"))
        let act = ParkedAct(
            kind, source: source.description, key: key, isRehearsal: isRehearsal, instruction)
        let metadata = Metadata(correlation: "by hand", actor: instruction.actor)
        guard case .parked(let result) = try send(.parked(act, CommandContext(metadata: metadata)))
        else { throw NoReport() }
        return result
    }
}

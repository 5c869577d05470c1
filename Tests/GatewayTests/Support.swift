import Domain
import EventSourcing
import EventStore
import Gateway
import Glibc
import HTTP
import Messaging
import Projections
import Synchronization
import Telemetry
import Testing

struct Unexpected: Error {}

/// A clock that stands where it is put, and ids that count up.
final class ManualRuntime: Runtime {
    private let state = Mutex(
        (now: Timestamp(microseconds: 1_800_000_000_000_000), count: 0 as UInt64))

    func now() -> Timestamp { state.withLock { $0.now } }
    func advance(by duration: Duration) { state.withLock { $0.now = $0.now + duration } }

    func random() -> UInt64 {
        state.withLock { state in
            state.count += 1
            return state.count
        }
    }
}

/// Stands for the services: remembers what it was asked, and answers what it was told to.
final class FakeServices: OrdersClient, StockClient, OperatorClient {
    struct Call: Sendable {
        let what: String
        let id: String
        let draft: Order.Draft?
        let text: String?
        let quantity: Int
        let context: RequestContext
    }

    private let state = Mutex((calls: [Call](), outcome: CommandOutcome?.none))
    /// Orders that are answered later; nil to answer at once.
    let held = Mutex<[@Sendable () -> Void]?>(nil)

    var calls: [Call] { state.withLock { $0.calls } }

    /// - Parameter outcome: nil to accept.
    func answer(_ outcome: CommandOutcome?) { state.withLock { $0.outcome = outcome } }

    private func take(_ call: Call, _ log: String) -> CommandOutcome {
        state.withLock { state in
            state.calls.append(call)
            let position = Position(Int64(state.calls.count))
            return state.outcome
                ?? .accepted(
                    EventIdentity(log: LogName(log), epoch: .first, position: position),
                    Version(1), replayed: false, id: call.id)
        }
    }

    func place(
        _ order: OrderID, _ draft: Order.Draft, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        let call = Call(
            what: "place", id: order.value, draft: draft, text: nil, quantity: 0, context: context)
        let outcome = take(call, "orders")
        let isHeld = held.withLock { held in
            held?.append { reply(outcome) }
            return held != nil
        }
        if !isHeld { reply(outcome) }
    }

    func cancel(
        _ order: OrderID, reason: String, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        let call = Call(
            what: "cancel", id: order.value, draft: nil, text: reason, quantity: 0,
            context: context)
        reply(take(call, "orders"))
    }

    func receive(
        _ sku: SKU, quantity: Int, reference: String?, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        let call = Call(
            what: "receive", id: sku.value, draft: nil, text: reference, quantity: quantity,
            context: context)
        reply(take(call, "deliveries"))
    }

    // MARK: Under an operator's hand

    /// What it was asked to show, and what it shows.
    let looks = Mutex<[String]>([])
    let shown = Mutex<Result<[UInt8]?, Unexpected>>(.success(Array("{}".utf8)))

    private func look(_ what: String) throws -> [UInt8]? {
        looks.withLock { $0.append(what) }
        return try shown.withLock { $0 }.get()
    }

    func parked(of service: LogName, _ query: ParkedQuery) throws -> [UInt8] {
        try look("parked \(service) \(query)") ?? []
    }

    func sagas(_ query: SagaQuery) throws -> [UInt8] { try look("sagas \(query)") ?? [] }
    func saga(of order: OrderID) throws -> [UInt8]? { try look("saga \(order)") }

    func act(
        _ act: ParkedAct, on service: LogName, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        let call = Call(
            what: "parked \(act.kind)", id: act.key, draft: nil, text: act.instruction.why,
            quantity: act.isRehearsal ? 0 : 1, context: context)
        let outcome = take(call, service.value)
        guard case .accepted(let identity, _, _, _) = outcome else { return reply(outcome) }
        var report = ParkedReport()
        (report.applied, report.left, report.event) = (3, 1, identity)
        report.stop = .init(position: Position(14), reason: "it makes no sense")
        reply(.parked(report))
    }

    func steer(
        _ order: OrderID, _ steering: Steering, _ instruction: Instruction,
        context: RequestContext, reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        let call = Call(
            what: "\(steering)", id: order.value, draft: nil, text: instruction.why, quantity: 0,
            context: context)
        reply(take(call, "orders"))
    }

    func correct(
        _ order: OrderID, _ correction: OrderCorrection, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        let call = Call(
            what: "correct \(correction.customer?.value ?? "")", id: order.value, draft: nil,
            text: correction.contact, quantity: 0, context: context)
        reply(take(call, "orders"))
    }
}

/// Does work where it is given.
let atOnce: Gateway.Aside = { work in
    work()
    return true
}

/// A gateway behind a real server, with services that are fakes and logs that the test writes.
final class Rig {
    let runtime = ManualRuntime()
    let services = FakeServices()
    let projections = FakeProjections()
    let freshness = Freshness()
    let engine: ProjectionEngine
    let server: HTTPServer
    let client: HTTPClient
    private let directory: String
    private var heads: [String: Int64] = [:]

    /// - Parameters:
    ///   - aside: in the server's thread, unless a test says otherwise.
    ///   - asideForMetrics: the same.
    init(
        feeds: [LogName: any Feed] = [:],
        readings: @escaping @Sendable () -> ShopReadings = { ShopReadings() },
        aside: @escaping Gateway.Aside = atOnce,
        asideForMetrics: @escaping Gateway.Aside = atOnce,
        intakeRefusal: @escaping @Sendable () -> IntakeRefusal? = { nil },
        tracer: Tracer = .off
    ) throws {
        var template = Array("/tmp/kassa-gateway-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Unexpected() }
        directory = String(cString: made)
        let store = try ReadStore(path: "\(directory)/read.db")
        let names = ["orders", "payments", "deliveries", "notifications"]
        engine = try ProjectionEngine(
            store: store, sources: names.map { Source(LogName($0), Publication.facts) },
            freshness: freshness, notice: { _ in })
        let ready = ReadinessBox()
        let gateway = Gateway(
            runtime: runtime, readStore: store, freshness: freshness, orders: services,
            stock: services, desk: services, projections: projections,
            cursorKey: Array(repeating: 7, count: 32), feeds: feeds, readings: readings,
            aside: aside, asideForMetrics: asideForMetrics,
            intakeRefusal: intakeRefusal, tracer: tracer, readiness: { ready.value })
        self.ready = ready
        server = try HTTPServer.start(
            renderError: gateway.renderError, handler: gateway.router.handle)
        client = HTTPClient(port: server.port)
    }

    let ready: ReadinessBox

    final class ReadinessBox: Sendable {
        private let state = Mutex(Readiness(heartbeatAge: .milliseconds(10), isCaughtUp: true))
        var value: Readiness { state.withLock { $0 } }
        func set(_ value: Readiness) { state.withLock { $0 = value } }
    }

    deinit {
        server.stop(within: .zero)
        for suffix in ["", "-wal", "-shm"] { unlink("\(directory)/read.db\(suffix)") }
        rmdir(directory)
    }

    /// Records an event, and projects it.
    func record(
        _ log: String, _ stream: String, _ type: String, _ data: String,
        occurredAt: Timestamp? = nil
    ) throws {
        let position = (heads[log] ?? 0) + 1
        heads[log] = position
        guard let stream = StreamID(stream) else { throw Unexpected() }
        let message = Message(
            identity: EventIdentity(
                log: LogName(log), epoch: .first, position: Position(position)),
            channel: Publication.facts, previous: Position(position - 1), stream: stream,
            version: Version(1), type: EventType(type),
            recordedAt: Timestamp(microseconds: 1_700_000_000_000_000 + position),
            metadata: Metadata(correlation: "c", actor: "anonymous", occurredAt: occurredAt),
            data: Array(data.utf8), leaf: MerkleTree.emptyRoot)
        let output = engine.take(
            [Received(Bulletin.event(message).brokerMessage)], of: message.source,
            at: runtime.now())
        guard case .taken = output else { throw Unexpected() }
    }

    /// Has all logs say that there is nothing more up to now.
    func readThrough() throws {
        runtime.advance(by: .seconds(2))
        for source in engine.sources {
            let head = Position(heads[source.log.value] ?? 0)
            let mark = Watermark(
                log: source.log, channel: source.channel, epoch: .first, through: head,
                leaf: MerkleTree.emptyRoot, last: head, asOf: runtime.now(), upSince: .epoch,
                treeSize: 0, treeRoot: MerkleTree.emptyRoot, read: [:])
            let output = engine.take(
                [Received(Bulletin.watermark(mark).brokerMessage)], of: source, at: runtime.now())
            guard case .taken = output else { throw Unexpected() }
        }
        runtime.advance(by: .seconds(2))
        _ = engine.process([], at: runtime.now())
    }

    func recordOrder(_ id: String) throws {
        try record(
            "orders", "order-\(id)", "order.placed",
            """
            {"customer":"c-1","currency":"GBP","lines":[{"sku":"A-1","quantity":2,\
            "unitPrice":1250}],"reference":"r-1"}
            """)
    }

    func post(_ target: String, _ body: String, _ headers: HTTPHeaders = [:]) throws -> HTTPResponse
    {
        var headers = headers
        if headers["Content-Type"] == nil { headers["Content-Type"] = "application/json" }
        return try client.send(.post, target, headers: headers, body: Array(body.utf8))
    }

    func get(_ target: String, headers: HTTPHeaders = [:]) throws -> HTTPResponse {
        try client.get(target, headers: headers)
    }

    func send(_ method: HTTPMethod, _ target: String) throws -> HTTPResponse {
        try client.send(method, target)
    }

    func token(_ log: String, _ position: Int64) -> String {
        ConsistencyToken(
            EventIdentity(log: LogName(log), epoch: .first, position: Position(position))
        ).description
    }
}

extension HTTPResponse {
    var json: JSON { get throws { try JSON(parsing: body) } }

    /// The error's code; nil for what is no problem.
    var code: String? { (try? json)?["code"]?.string }

    /// Whether these words are in it.
    func says(_ words: String) -> Bool { String(decoding: body, as: UTF8.self).contains(words) }

    /// The pointers of all errors, in order.
    var pointers: [String] {
        ((try? json)?["errors"]?.array ?? []).compactMap { $0["pointer"]?.string }
    }
}

let goodOrder = """
    {"customer":"c-1","currency":"GBP","lines":[{"sku":"A-1","quantity":2,"unitPrice":1250}],\
    "token":"tok_ok","reference":"r-1"}
    """

package import EventSourcing
package import EventStore
import Synchronization
package import Telemetry

/// What a service needs to run.
package struct ServiceSettings: Sendable {
    /// The log's file.
    package let path: String
    package let durability: EventLog.Durability
    /// The most commands that may wait; above it they are refused for now.
    package var inboxLimit = 1_000
    /// While more than a batch waits, and the oldest longer than this, commands are refused.
    package var patience = Duration.milliseconds(500)
    /// The most inputs in one commit.
    package var batchLimit = 256
    /// The most messages of a source in one commit; few where people wait behind them.
    package var fetchLimit = CourierDriver.batch
    /// How many calls to the outside run at once.
    package var effectThreads = 4
    /// How often timers are looked at while nothing else happens.
    package var tick = Duration.milliseconds(20)
    /// After a commit of at least `busyLoad` messages and results of calls the next ones gather for
    /// as long.
    package var pause = Duration.milliseconds(5)
    package var busyLoad = 100
    /// Whether the disk is nearly full, and the log is to take little room beside its file.
    package var isDiskShort: @Sendable () -> Bool = { false }

    /// Whether people wait for the writer's answers.
    package var urgency = Worker.Urgency.background
    /// Where it tells of what it does.
    package var tracer = Tracer.off
    /// Whether each command, message and call has a line of the log.
    package var logsAll = false

    package init(path: String, durability: EventLog.Durability = .full) {
        self.path = path
        self.durability = durability
    }
}

/// Runs a service: its writer, its relay, a courier for each source, and its calls to the outside,
/// each a thread.
package final class ServiceRunner<Core: ServiceCore>: Sendable {
    package typealias Reply = @Sendable (EngineOutput<Core.Answer>) -> Void

    /// The effects that wait for a thread.
    struct Calls: Sendable {
        var waiting: [Effect] = []
        var isStopping = false
    }

    package let settings: ServiceSettings
    package let board = LogBoard()
    let inbox = Monitor(Inbox<Core>())
    /// Apart from the inbox, so that what comes for the writer wakes the writer alone.
    let calls = Monitor(Calls())
    /// Counts commits: the relay waits for it to move.
    let commits = Monitor(UInt64(0))
    let makeCore: @Sendable () -> Core
    let broker: any Broker
    let feeds: [LogName: any Feed]
    let handler: any EffectHandler
    let runtime: any Runtime
    let notice: @Sendable (LogLine) -> Void
    let spans: ServiceSpans
    private let workers = Mutex<[Worker]>([])

    /// - Parameters:
    ///   - makeCore: makes the core anew, at the start and after an unknown outcome.
    ///   - feeds: the feed of each log that the core reads.
    ///   - notice: told, from any thread, what an operator should know.
    package init(
        settings: ServiceSettings, makeCore: @escaping @Sendable () -> Core,
        broker: any Broker, feeds: [LogName: any Feed], handler: any EffectHandler,
        runtime: any Runtime, notice: @escaping @Sendable (LogLine) -> Void
    ) {
        self.settings = settings
        spans = ServiceSpans(
            tracer: settings.tracer, log: Core.log, publication: Core.publication)
        self.makeCore = makeCore
        self.broker = broker
        self.feeds = feeds
        self.handler = handler
        self.runtime = runtime
        self.notice = notice
    }

    /// Opens the log and starts the threads.
    ///
    /// - Throws: what opening the log throws; nothing runs then.
    package func start() throws(StoreError) {
        let engine = try open()
        inbox.withLock { $0.isUp = true }
        let box = EngineBox(engine)
        // What died with the process before it had told of it.
        let untold = engine.log.wasUnclean ? engine.log.head : .start
        var started = [
            Worker("\(Core.log)-writer", settings.urgency) { [self] in write(box) },
            Worker("\(Core.log)-relay") { [self] in relay(retelling: untold) },
        ]
        for source in Core.sources {
            started.append(Worker("\(Core.log)<\(source.log)") { [self] in carry(source) })
        }
        for _ in 0..<settings.effectThreads {
            started.append(Worker("\(Core.log)-effect") { [self] in runEffects() })
        }
        workers.withLock { $0 = started }
    }

    func open() throws(StoreError) -> Engine<Core> {
        let now = runtime.now()
        return try Engine(
            core: makeCore(), log: try openLog(at: now), board: board, at: now, notice: notice)
    }

    func openLog(at now: Timestamp) throws(StoreError) -> EventLog {
        try EventLog(
            path: settings.path, name: Core.log, at: now, durability: settings.durability)
    }

    /// Tells all threads to come to an end, and does not wait for them.
    package func askToStop() {
        inbox.withLock { $0.isStopping = true }
        inbox.wakeAll()
        calls.withLock { $0.isStopping = true }
        calls.wakeAll()
        commits.wakeAll()
    }

    /// Stops all threads: what waits is still decided, what is running is waited for, the file is
    /// closed cleanly.
    package func stop() {
        askToStop()
        for worker in workers.withLock({ workers in
            defer { workers = [] }
            return workers
        }) { worker.join() }
    }

    /// Now, where somebody wants to know when things were done.
    var moment: Timestamp { spans.tracer.isOn ? runtime.now() : .epoch }

    /// The time, as the service has it.
    package var now: Timestamp { runtime.now() }
    package var isStopping: Bool { inbox.withLock { $0.isStopping } }
    /// Whether the writer has its log open.
    package var isUp: Bool { inbox.withLock { $0.isUp && !$0.isStopping } }
    /// How many inputs wait.
    package var backlog: Int { inbox.withLock { $0.count } }
    /// How many commands were refused for want of room since it was made.
    package var refused: Int64 { inbox.withLock { $0.refused } }

    /// Hands a command to the writer; `reply` is called once, from the writer's thread, after the
    /// commit.
    package func submit(
        _ command: Core.Command, _ context: CommandContext, reply: @escaping Reply
    ) {
        var context = context
        context.at = moment
        submit(.command(command, context), isBounded: true, reply: reply)
    }

    /// Hands an operator's act to the writer, in the same way.
    package func act(_ act: ParkedAct, _ context: CommandContext, reply: @escaping Reply) {
        var context = context
        context.at = moment
        submit(.parked(act, context), isBounded: true, reply: reply)
    }

    func submit(_ input: EngineInput<Core>, isBounded: Bool, reply: @escaping Reply) {
        var wakes = false
        let refusal: String? = inbox.withLock { inbox in
            if inbox.isStopping { return "the service is stopping" }
            if isBounded, inbox.awaited.count >= settings.inboxLimit {
                inbox.refused += 1
                return "\(settings.inboxLimit) requests wait already"
            }
            if isBounded, inbox.awaited.count > settings.batchLimit,
                let oldest = inbox.awaited.first?.since,
                oldest + settings.patience < .now()
            {
                inbox.refused += 1
                return "too many requests wait already"
            }
            wakes = inbox.add(.init(input: input, reply: reply))
            return nil
        }
        if let refusal { return reply(.unavailable(refusal)) }
        if wakes { inbox.wakeAll() }
    }

    /// Hands inputs to the writer whose outputs nobody waits for.
    func submit(_ inputs: [EngineInput<Core>]) {
        let wakes = inbox.withLock { inbox in
            guard !inbox.isStopping else { return false }
            var wakes = false
            for index in inputs.indices {
                wakes = inbox.add(.init(input: inputs[index], reply: { _ in })) || wakes
            }
            return wakes
        }
        if wakes { inbox.wakeAll() }
    }

    /// Hands an input to the writer and waits for its output.
    package func request(_ input: EngineInput<Core>) -> EngineOutput<Core.Answer> {
        let box = Monitor<EngineOutput<Core.Answer>?>(nil)
        submit(input, isBounded: false) { output in
            box.withLock { $0 = output }
            box.wakeAll()
        }
        let output = box.wait(until: .now() + .seconds(60)) { output in
            output.map { .done($0) } ?? .wait(atMost: nil)
        }
        return output ?? .unavailable("the writer did not answer within a minute")
    }

    /// Stops the log from writing, because somebody holds what it does not.
    package func halt(_ why: String) {
        submit([.halt(why)])
    }
}

/// Carries a new engine into the writer's thread.
///
/// `@unchecked Sendable`: the engine belongs to one thread at a time; it is made by the starter and
/// from then on used by the writer alone.
final class EngineBox<Core: ServiceCore>: @unchecked Sendable {
    var engine: Engine<Core>?
    init(_ engine: Engine<Core>) { self.engine = engine }
}

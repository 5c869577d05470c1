import Domain
package import EventSourcing
package import EventStore
package import Messaging
import SQLite
import Synchronization

/// A process of the simulated shop, whatever it runs.
package protocol SimulatedProcess: AnyObject {
    var name: String { get }
    var isUp: Bool { get }
    /// What it runs on, where it has one of its own.
    var machine: SimulatedMachine? { get }
    /// Starts from what is on disk.
    func start() throws
    /// Loses all that is not on disk.
    func crash()
    /// One small piece of work, chosen by `random`; false where there was nothing to do.
    func step(_ random: inout SeededRandom) throws -> Bool
}

extension SimulatedProcess {
    package var machine: SimulatedMachine? { nil }
}

/// A service whose next commit can be made to fail.
protocol FailableService: AnyObject {
    var failsNextCommit: EventLog.CommitMoment? { get set }
}

/// A service as production runs it, but for the threads: one step at a time, in an order that the
/// seed decides.
package final class SimulatedService<Core: ServiceCore>: LoggingProcess {
    package let path: String
    package let machine: SimulatedMachine?
    package private(set) var engine: Engine<Core>?
    package let board = LogBoard()
    let broker: any Broker
    private let handler: any EffectHandler
    private let runtime: any Runtime
    private let makeCore: () -> Core
    /// The feeds of the logs it reads; set before the first start, since services read each other.
    package var feeds: [LogName: any Feed] = [:]
    private var relay: Relay?
    private var drivers: [CourierDriver] = []
    /// What others have asked it to do.
    let desk = Desk<Core>()
    /// Calls that are under way: they come back in any order, or not at all when the process dies.
    private var calls: [Effect] = []
    private let status: ProcessStatus
    private let served: SimulatedFeed
    private var published = Position.start
    /// What operators would have been told.
    package var notices: [String] { status.notices }
    /// What is planted in it.
    var mistake: Mistake?
    /// Where the file of a log is that it reads; for what is planted.
    var pathOfLog: (LogName) -> String? = { _ in nil }
    /// Compares its log with what others have read of it.
    var shakeHands: () throws -> Void = {}
    var isReplaced = false
    private(set) var isOvertaken = false
    var defect: Defect?
    private(set) var delayed: Set<String> = []
    /// For what is planted: the newest of each source.
    var watermarks: [Source: Watermark] = [:]
    /// For what is planted: of the deliveries service.
    var availabilityAtDeath: Availability?
    /// Whether the next commit fails, and when.
    package var failsNextCommit: EventLog.CommitMoment?

    package init(
        path: String, machine: SimulatedMachine?, broker: any Broker, handler: any EffectHandler,
        runtime: any Runtime, makeCore: @escaping () -> Core
    ) {
        let status = ProcessStatus()
        self.status = status
        served = SimulatedFeed {
            LogFeed(
                path: path, publication: Core.publication, isUp: { status.isUp },
                onBehind: { status.halt($0) })
        }
        self.path = path
        self.machine = machine
        self.broker = broker
        self.handler = handler
        self.runtime = runtime
        self.makeCore = makeCore
    }

    package var name: String { Core.log.value }
    package var isUp: Bool { engine != nil }

    /// What others see of this process: whether it is up, and what they told its log.
    package var feed: any Feed { served }

    var logName: LogName { Core.log }
    var log: EventLog? { engine?.log }

    package func start() throws {
        if isReplaced { try shakeHands() }
        let now = runtime.now()
        let log = try EventLog(
            path: path, name: Core.log, at: now,
            durability: mistake == .syncLeftOut ? .none : .full)
        log.commitFault = { [weak self, weak log] moment in
            guard let self else { return nil }
            isOvertaken = false
            if mistake == .publishedBeforeCommit, moment == .before, let log {
                publishAhead(log)
            }
            guard failsNextCommit == moment else { return nil }
            failsNextCommit = nil
            return SQLiteError(code: 10, message: "simulated", action: "COMMIT")
        }
        engine = try Engine(core: makeCore(), log: log, board: board, at: now) { [status] text in
            status.note(text)
        }
        engine?.reactFault = { [weak self] message in self?.refusal(of: message) }
        relay = Relay(
            log: Core.log, path: path, publication: Core.publication, broker: broker, board: board)
        drivers = Core.sources.compactMap { source in
            feeds[source.log].map {
                CourierDriver(
                    courier: Courier(source: source, consumer: Core.log.value), broker: broker,
                    feed: $0)
            }
        }
        calls = []
        served.start()
        status.isUp = true
        (isReplaced, isOvertaken) = (false, false)
    }

    package func crash() {
        plantAtDeath()
        // What its files' end would write is not written.
        machine?.isDead = true
        end()
        machine?.revive()
    }

    private func refusal(of message: Message) -> ReactionError? {
        guard let defect, defect.concerns(message) else { return nil }
        guard defect.kind != .doesNotKnow else {
            return ReactionError(reading: UnreadableEvent.unknownSchema(message.type))
        }
        delayed.insert(message.stream.id)
        // Nothing is written any more; whoever looks next finds it dead.
        if defect.kind == .dies { machine?.isDead = true }
        return .poison("this build cannot apply it")
    }

    func retryParked(_ random: inout SeededRandom) -> String? {
        guard defect == nil, let engine else { return nil }
        let parked = Core.sources.flatMap { source in
            engine.parkedKeys(of: source).sorted().map { (source, $0) }
        }
        guard !parked.isEmpty else { return nil }
        let (source, key) = parked[random.below(parked.count)]
        guard let operatorOnDuty = Instruction(by: "simulator", why: "a build that can runs")
        else { return nil }
        let act = ParkedAct(
            .retry, source: source.description, key: key, isRehearsal: false, operatorOnDuty)
        let context = CommandContext(
            metadata: Metadata(correlation: key, actor: operatorOnDuty.actor))
        _ = process([.parked(act, context)])
        return "\(source) of \(key) is tried again"
    }

    func workTwice() {
        isOvertaken = true
        do {
            let now = runtime.now()
            let second = try Engine(
                core: makeCore(), log: EventLog(path: path, name: Core.log, at: now),
                board: LogBoard(), at: now
            ) { [status] text in status.note(text) }
            _ = second.process([], at: now)
            for effect in second.effectsToRun(at: now, limit: 2) {
                _ = second.process([.effect(effect, handler.run(effect))], at: now)
            }
        } catch {
            // A disk that fails lets the second one do nothing.
        }
    }

    private func end() {
        engine = nil
        relay = nil
        drivers = []
        calls = []
        served.stop()
        status.isUp = false
        _ = status.takeHalt()
        board.clear()
        desk.dismiss()
    }

    /// A process's connection to it, for commands.
    func link(of process: String, over network: SimulatedNetwork) -> CommandLink<Core> {
        CommandLink(of: process, to: desk, board: board, over: network) { [status] in status.isUp }
    }

    /// Offers a command; the outcome of a commit that failed is unknown to whoever asked.
    package func submit(_ command: Core.Command, _ context: CommandContext)
        -> EngineOutput<Core.Answer>
    {
        process([.command(command, context)]).first ?? .unavailable("down")
    }

    private func process(_ inputs: [EngineInput<Core>]) -> [EngineOutput<Core.Answer>] {
        guard let engine else { return inputs.map { _ in .unavailable("down") } }
        let outputs = engine.process(inputs, at: runtime.now())
        if engine.isBroken { end() }
        return outputs
    }

    package func step(_ random: inout SeededRandom) throws -> Bool {
        if let why = status.takeHalt() {
            _ = process([.halt(why)])
            return true
        }
        switch random.below(6 + drivers.count * 3) {
        case 0:
            _ = process(mistake == nil ? [] : pretence(at: runtime.now()))
            guard let engine else { return true }
            let fresh = engine.effectsToRun(at: runtime.now(), limit: 8)
            calls += fresh
            return !fresh.isEmpty
        case 1:
            guard !calls.isEmpty else { return false }
            let together = (0..<1 + random.below(min(handler.most, calls.count))).map { _ in
                calls.remove(at: random.below(calls.count))
            }
            let results = zip(together, handler.run(together)).map {
                EngineInput<Core>.effect($0, $1)
            }
            _ = process(results)
            // Whoever was called may say it twice.
            if random.once(in: 20) { _ = process(results) }
            return true
        case 2, 3: return stepRelay(&random)
        case 4, 5:
            let asked = desk.take(atMost: 1 + random.below(8))
            for (asked, output) in zip(asked, process(asked.map(\.input))) { asked.reply(output) }
            return !asked.isEmpty
        case let choice:
            let index = (choice - 6) % drivers.count
            var driver = drivers[index]
            let step = driver.step(into: SimulatedSink(service: self), wait: .zero)
            // The process may have died over it.
            guard isUp else { return true }
            if case .paused = step { driver.restart() }
            drivers[index] = driver
            return step == .busy
        }
    }

    private func stepRelay(_ random: inout SeededRandom) -> Bool {
        switch relay?.step(at: runtime.now()) {
        case .published(let position):
            if random.once(in: 10), position > published {
                published = position
                _ = process([.published(position)])
            }
            return true
        case .refused(let why):
            _ = process([.halt(why)])
            return true
        case .waiting: return true
        case .idle, nil: return false
        }
    }

    fileprivate func take(_ input: EngineInput<Core>) -> EngineOutput<NoAnswer> {
        process([input]).first?.withoutAnswer ?? .unavailable("down")
    }
}

/// What may be asked of a process from outside, while it is dead as well.
private final class ProcessStatus: Sendable {
    private let state = Mutex<(isUp: Bool, halt: String?)>((false, nil))
    private let noted = Mutex<[String]>([])

    var notices: [String] { noted.withLock { $0 } }
    func note(_ line: LogLine) { noted.withLock { $0 = $0.suffix(199) + [line.text] } }

    var isUp: Bool {
        get { state.withLock { $0.isUp } }
        set { state.withLock { $0.isUp = newValue } }
    }

    func halt(_ why: String) { state.withLock { $0.halt = why } }

    func takeHalt() -> String? {
        state.withLock { state in
            defer { state.halt = nil }
            return state.halt
        }
    }
}

private struct SimulatedSink<Core: ServiceCore>: BulletinSink {
    let service: SimulatedService<Core>

    func checkpoint(of source: Source) -> EngineOutput<NoAnswer> {
        service.take(.checkpoint(source))
    }

    func take(_ received: [Received], of source: Source) -> EngineOutput<NoAnswer> {
        guard let mistake = service.mistake else {
            return service.take(.bulletins(source, received))
        }
        service.keepWatermark(of: received)
        let read = service.engine?.checkpoint(of: source) ?? .start
        return service.take(
            .bulletins(
                source,
                service.takingGivenUp(mistake.altered(received, for: service.name, at: read))))
    }

    func take(_ page: FeedPage, of source: Source) -> EngineOutput<NoAnswer> {
        let read = service.engine?.checkpoint(of: source) ?? .start
        let page = service.mistake?.altered(page, for: service.name, at: read) ?? page
        return service.take(.page(source, page))
    }

    func rewind(_ source: Source, to epoch: Epoch, _ position: Position, _ leaf: Digest)
        -> EngineOutput<NoAnswer>
    {
        service.take(.rewind(source, epoch, position, leaf))
    }
}

import CPlatform
package import EventSourcing
package import EventStore
package import Messaging
import SQLite
import Synchronization
package import Telemetry

/// Runs the projections of a gateway: a courier for each source, and one writer that commits for
/// all of them together.
package final class ProjectionRunner: Sendable {
    struct Pending: Sendable {
        let input: ProjectionInput
        let reply: @Sendable (EngineOutput<NoAnswer>) -> Void
    }

    struct State: Sendable {
        var pending: [Pending] = []
        var checkpoints: [Source: Checkpoint] = [:]
        var isStopping = false
        var isUp = false
        var lag = Duration.zero
        /// Why all live rows are being built anew in their own file; nil where they are whole.
        var renewal: String?
        /// The rebuild that was asked for.
        var rebuild: RebuildProgress?
        var lastRebuild: RebuildReport?
        var swap = Swap.none
        /// When the loop was last seen to turn.
        var heartbeat = Timestamp.epoch
    }

    /// After a commit of so many messages the next ones gather for a while, unless a reader waits
    /// for them: a row that several of them change is written once.
    private static let busyLoad = 100
    private static let pause = Duration.milliseconds(25)

    package let store: ReadStore
    package let freshness: Freshness
    let state = Monitor(State())
    let sources: [Source]
    let feeds: [LogName: any Feed]
    let runtime: any Runtime
    let notice: @Sendable (String) -> Void
    let swapFault: ReadStore.SwapFault
    let closeEnough: Int64
    private let isDiskShort: @Sendable () -> Bool
    private let broker: any Broker
    private let consumer: String
    private let tracer: Tracer
    /// When the messages of each source came that are now folded.
    private let arrivals = Arrivals()
    private let workers = Mutex<[Worker]>([])
    private let orderDurations = Mutex(OrderDurations())

    /// - Parameters:
    ///   - consumer: the durable name at the broker; each gateway has its own.
    ///   - feeds: the feed of each log that is read.
    ///   - isDiskShort: whether the disk is nearly full, and the store is to take little room
    ///     beside its file.
    ///   - swapFault: a seam for tests: what it throws stands for a failing disk.
    ///   - closeEnough: the most events that a rebuild leaves to the writer.
    ///   - tracer: told of the messages that are folded.
    package init(
        store: ReadStore, freshness: Freshness, sources: [Source], broker: any Broker,
        feeds: [LogName: any Feed], consumer: String, runtime: any Runtime,
        isDiskShort: @escaping @Sendable () -> Bool = { false },
        swapFault: @escaping ReadStore.SwapFault = { _ in },
        closeEnough: Int64 = ProjectionRunner.closeEnough, tracer: Tracer = .off,
        notice: @escaping @Sendable (String) -> Void
    ) {
        self.tracer = tracer
        self.store = store
        self.freshness = freshness
        self.sources = sources
        self.broker = broker
        self.feeds = feeds
        self.consumer = consumer
        self.runtime = runtime
        self.isDiskShort = isDiskShort
        self.swapFault = swapFault
        self.closeEnough = closeEnough
        self.notice = notice
    }

    package func start() {
        var started = [
            Worker("projections", .sooner) { [self] in write() },
            Worker("view-rebuild") { [self] in rebuildWhenAsked() },
        ]
        for source in sources {
            started.append(Worker("view<\(source.log)") { [self] in carry(source) })
        }
        workers.withLock { $0 = started }
    }

    /// Tells all threads to come to an end, and does not wait for them.
    package func askToStop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
    }

    package func stop() {
        askToStop()
        for worker in workers.withLock({ workers in
            defer { workers = [] }
            return workers
        }) { worker.join() }
    }

    /// How far behind the slowest source is; nil while the loop is not running.
    package var lag: Duration? { state.withLock { $0.isUp ? $0.lag : nil } }
    /// How long orders took whose end it has folded as it came.
    package var durations: OrderDurations { orderDurations.withLock { $0 } }
    /// When the loop last turned.
    package var heartbeat: Timestamp { state.withLock { $0.heartbeat } }
    /// How far each source is applied; empty before the loop began.
    package var checkpoints: [Source: Checkpoint] { state.withLock { $0.checkpoints } }
    var isStopping: Bool { state.withLock { $0.isStopping } }

    private func write() {
        _ = kassa_stage_enter(KASSA_STAGE_PROJECT)
        var engine: ProjectionEngine?
        var restsUntil = MonotonicTime.now()
        while !isStopping {
            if let why = store.damage {
                engine = nil
                renew(why)
            }
            guard let current = engine ?? open() else { continue }
            engine = current
            // Should this fail, the next round tries again.
            try? current.connection.spareDisk(isDiskShort())
            let batch = state.wait(until: .now() + .milliseconds(50)) {
                (state) -> Monitor<State>.Look<[Pending]> in
                if state.isStopping || state.swap.isDue { return .done([]) }
                guard !state.pending.isEmpty else { return .wait(atMost: nil) }
                let left = restsUntil - .now()
                if left > .zero, freshness.waiterCount == 0 { return .wait(atMost: left) }
                defer { state.pending = [] }
                return .done(state.pending)
            }
            if swapIfDue(current) {
                // The next round opens the file that is in use now.
                engine = nil
                continue
            }
            let now = runtime.now()
            if let batch, !batch.isEmpty {
                current.folded = tracer.isOn ? [] : nil
                current.ended = []
                let outputs = current.process(batch.map(\.input), at: now)
                if let ended = current.ended, !ended.isEmpty { count(ended) }
                let arrived = arrivals.times
                show(current, at: now)
                for (pending, output) in zip(batch, outputs) { pending.reply(output) }
                if let folded = current.folded { tell(folded, arrived, from: now) }
                if batch.reduce(0, { $0 + $1.input.load }) >= Self.busyLoad {
                    restsUntil = .now() + Self.pause
                }
            } else {
                show(current, at: now)
            }
            freshness.expire(at: now)
            if current.isBroken { engine = nil }
        }
        let left = state.withLock { state in
            state.isUp = false
            defer { state.pending = [] }
            return state.pending
        }
        for pending in left { pending.reply(.unavailable("the gateway is stopping")) }
        freshness.expire(at: Timestamp(microseconds: .max))
    }

    private func count(_ ended: [OrderEnd]) {
        orderDurations.withLock { durations in
            for end in ended { durations.add(end.status, end.duration) }
        }
    }

    /// Tells of a batch that was committed.
    private func tell(
        _ folded: [Message], _ arrived: Arrivals.Times, from began: Timestamp
    ) {
        let ended = runtime.now()
        var told = BatchSpans()
        told.reserve(folded.count + 1)
        for message in folded {
            guard let origin = tracer.origin(of: message) else { continue }
            told.add(
                message.handling(
                    by: consumer, origin, from: arrived.time(of: message) ?? began, to: ended))
        }
        told.add(.projection(messages: folded.count), from: began, to: ended)
        tracer.tell(told.spans)
    }

    /// A damaged file is worth nothing more than the logs it was made of.
    private func renew(_ why: String) {
        let targets = state.withLock { state in
            var targets: [String: Position] = [:]
            for (source, checkpoint) in state.checkpoints {
                targets[source.description] = checkpoint.position
            }
            return targets
        }
        do throws(SQLiteError) {
            notice("the read store is damaged, and all rows are made anew from the logs: \(why)")
            try store.renew(because: "the read store was damaged", targets: targets)
        } catch {
            notice("projections: \(error)")
            rest(.seconds(1))
        }
    }

    private func open() -> ProjectionEngine? {
        do throws(SQLiteError) {
            let engine = try ProjectionEngine(
                store: store, sources: sources, freshness: freshness, notice: notice)
            fillIfEmpty(engine)
            if !engine.isBroken { return engine }
        } catch { notice("projections: \(error)") }
        rest(.seconds(1))
        return nil
    }

    /// Without rows, what the logs hold comes from the feeds in one go: by pages, as couriers bring
    /// them, the rows of one order would be written many times.
    private func fillIfEmpty(_ engine: ProjectionEngine) {
        guard engine.eventsRead == 0 else { return }
        do throws(ComparisonError) {
            try Rebuild(engine: engine, feeds: feedsOfSources, targets: nil, goOn: goOn)
                .run(seed: 1)
        } catch {
            // The couriers go on from here, and tell what is wrong.
            return
        }
    }

    private func show(_ engine: ProjectionEngine, at now: Timestamp) {
        state.withLock { state in
            state.isUp = !engine.isBroken
            state.lag = engine.lag(at: now)
            state.renewal = engine.state.rebuild?.why
            state.heartbeat = now
            for source in sources { state.checkpoints[source] = engine.checkpoint(of: source) }
        }
    }

    private func carry(_ source: Source) {
        _ = kassa_stage_enter(KASSA_STAGE_CONSUME)
        guard let feed = feeds[source.log] else { return notice("\(source) has no feed") }
        var driver = CourierDriver(
            courier: Courier(source: source, consumer: consumer), broker: broker, feed: feed)
        var pauses = 0
        while !isStopping {
            switch driver.step(into: RunnerSink(runner: self), wait: .milliseconds(500)) {
            case .busy: pauses = 0
            case .idle: break
            case .paused(let why):
                // What lasts a second is worth a word; what passes, as at a start, is not.
                pauses += 1
                if pauses == 5 { notice("\(consumer) reading \(source): \(why)") }
                driver.restart()
                rest(.milliseconds(200))
            }
        }
    }

    func rest(_ pause: Duration) {
        _ = state.wait(until: .now() + pause) { (state) -> Monitor<State>.Look<Void> in
            state.isStopping ? .done(()) : .wait(atMost: nil)
        }
    }

    /// Messages of a source have come.
    fileprivate func note(_ source: Source) {
        if tracer.isOn { arrivals.note(source, at: runtime.now()) }
    }

    fileprivate func checkpoint(of source: Source) -> Checkpoint? {
        state.withLock { $0.isUp ? $0.checkpoints[source] ?? .start : nil }
    }

    fileprivate func request(_ input: ProjectionInput) -> EngineOutput<NoAnswer> {
        let box = Monitor<EngineOutput<NoAnswer>?>(nil)
        let isTaken = state.withLock { state in
            guard !state.isStopping else { return false }
            state.pending.append(
                Pending(input: input) { output in
                    box.withLock { $0 = output }
                    box.wakeAll()
                })
            return true
        }
        guard isTaken else { return .unavailable("the gateway is stopping") }
        state.wakeAll()
        return box.wait(until: .now() + .seconds(60)) { output in
            output.map { .done($0) } ?? .wait(atMost: nil)
        } ?? .unavailable("the projections did not answer within a minute")
    }
}

private struct RunnerSink: BulletinSink {
    let runner: ProjectionRunner

    func checkpoint(of source: Source) -> EngineOutput<NoAnswer> {
        runner.checkpoint(of: source).map { .at($0) } ?? .unavailable("the projections are down")
    }

    func take(_ received: [Received], of source: Source) -> EngineOutput<NoAnswer> {
        runner.note(source)
        return runner.request(.bulletins(source, received))
    }

    func take(_ page: FeedPage, of source: Source) -> EngineOutput<NoAnswer> {
        runner.note(source)
        return runner.request(.page(source, page))
    }

    func rewind(_ source: Source, to epoch: Epoch, _ position: Position, _ leaf: Digest)
        -> EngineOutput<NoAnswer>
    {
        runner.request(.rewind(source, epoch, position, leaf))
    }
}

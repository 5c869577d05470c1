import CPlatform
import EventSourcing
import EventStore
import Glibc
import Telemetry

extension ServiceRunner {
    /// The writer: drains what waits, commits together, and replies afterwards. Nobody waits for a
    /// timer.
    func write(_ box: EngineBox<Core>) {
        while let engine = box.engine ?? reopen() {
            box.engine = engine
            engine.log.spareDisk(settings.isDiskShort())
            let looked = inbox.wait(until: .now() + settings.tick) {
                (inbox) -> Monitor<Inbox<Core>>.Look<[Inbox<Core>.Pending]> in
                inbox.next(limit: settings.batchLimit, at: .now())
            }
            let batch = looked ?? []
            if spans.tracer.isOn || settings.logsAll { engine.trail = EngineTrail() }
            let began = runtime.now()
            let outputs = engine.process(batch.map { $0.input }, at: began)
            let (ended, arrived) = (moment, spans.arrivals.times)
            runtime.notBefore(engine.log.lastRecorded)
            // By index: a sequence of a generic type costs more here than a call does.
            for index in batch.indices { batch[index].reply(outputs[index]) }
            commits.withLock { $0 &+= 1 }
            commits.wakeAll()
            if let trail = engine.trail {
                let failure = engine.isBroken ? "the commit failed" : nil
                if spans.tracer.isOn {
                    spans.tell(trail, arrived, from: began, to: ended, failure: failure)
                }
                if settings.logsAll { for line in trail.lines { notice(line) } }
            }
            if engine.isBroken {
                // Its connection goes with it; what is true is on disk.
                box.engine = nil
                inbox.withLock { $0.isUp = false }
                continue
            }
            handOut(engine)
            if looked?.isEmpty == true { break }
            var load = 0
            for index in batch.indices { load += batch[index].input.load }
            if load >= settings.busyLoad {
                inbox.withLock { $0.rest(for: settings.pause, at: .now()) }
            }
        }
        closeCleanly(box)
        inbox.withLock { $0.isUp = false }
        refuseWaiting("the service is stopping")
    }

    /// Marks the file as cleanly closed. On a full disk that may have to wait for the reserve, and
    /// the engine may be gone by then.
    private func closeCleanly(_ box: EngineBox<Core>) {
        var log = box.engine?.log
        box.engine = nil
        for _ in 0..<10 {
            // Whatever fails here does so again, or was in want of room.
            if log == nil { log = try? openLog(at: runtime.now()) }
            log?.close()
            if log?.isClean == true { return }
            log = nil
            usleep(50_000)
        }
    }

    private func refuseWaiting(_ why: String) {
        for pending in inbox.withLock({ $0.empty() }) { pending.reply(.unavailable(why)) }
    }

    /// Recovers from disk, however often it takes; nil when the service stops first.
    private func reopen() -> Engine<Core>? {
        var pause = Duration.milliseconds(50)
        while !isStopping {
            do throws(StoreError) {
                let engine = try open()
                inbox.withLock { $0.isUp = true }
                notice(
                    LogLine(
                        "\(Core.log): recovered from disk at position \(engine.log.head)", .info))
                return engine
            } catch {
                notice(LogLine("\(Core.log): cannot open its log: \(error)", .error))
                // It may take long: nobody is left to wait for it.
                refuseWaiting("its log cannot be opened: \(error)")
                rest(pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
        return nil
    }

    private func handOut(_ engine: Engine<Core>) {
        let stage = kassa_stage_enter(KASSA_STAGE_CALLS)
        defer { kassa_stage_leave(stage) }
        // Enough for all threads until the next commit, which may be a while where processors are
        // short.
        let most = settings.effectThreads * max(64, 4 * handler.most)
        let free = calls.withLock { most - $0.waiting.count }
        let effects = engine.effectsToRun(at: runtime.now(), limit: free)
        guard !effects.isEmpty else { return }
        calls.withLock { $0.waiting += effects }
        if effects.count <= handler.most { calls.wakeOne() } else { calls.wakeAll() }
    }

    /// Carries out calls to the outside, never inside a decision.
    func runEffects() {
        _ = kassa_stage_enter(KASSA_STAGE_CALLS)
        // Of calls that are quick several are taken at once: to be woken for each costs more.
        var areQuick = false
        while true {
            let effects = calls.wait(until: .now() + .seconds(1)) {
                (calls) -> Monitor<Calls>.Look<[Effect]> in
                if calls.isStopping { return .done([]) }
                guard !calls.waiting.isEmpty else { return .wait(atMost: nil) }
                let share = min(calls.waiting.count / settings.effectThreads, Self.quickCalls)
                let effects = Array(
                    calls.waiting.prefix(max(handler.most, areQuick ? share : 1)))
                calls.waiting.removeFirst(effects.count)
                return .done(effects)
            }
            guard let effects else { continue }
            if effects.isEmpty { return }
            areQuick = run(effects[...])
        }
    }

    /// So many calls a thread takes at once, where they are quick.
    private static var quickCalls: Int { 16 }

    /// Makes calls one after the other; once one was slow the rest is left to whoever is free.
    ///
    /// - Returns: whether none was slow.
    private func run(_ effects: ArraySlice<Effect>) -> Bool {
        var left = effects
        var (results, areQuick): ([EngineInput<Core>], Bool) = ([], true)
        let start = MonotonicTime.now()
        while !left.isEmpty {
            let lot = Array(left.prefix(handler.most))
            left = left.dropFirst(lot.count)
            let began = moment
            let answers = handler.run(lot)
            spans.tell(lot, answers, from: began, to: moment)
            results.reserveCapacity(results.count + lot.count)
            for index in lot.indices { results.append(.effect(lot[index], answers[index])) }
            guard MonotonicTime.now() - start > .milliseconds(1) else { continue }
            areQuick = false
            if !left.isEmpty {
                calls.withLock { $0.waiting.insert(contentsOf: left, at: 0) }
                calls.wakeAll()
                left = []
            }
        }
        submit(results)
        return areQuick
    }

    /// - Parameter head: up to where it is to tell again what the log says was done.
    func relay(retelling head: Position) {
        _ = kassa_stage_enter(KASSA_STAGE_RELAY)
        let relay = Relay(
            log: Core.log, path: settings.path, publication: Core.publication, broker: broker,
            board: board)
        if spans.tracer.isOn { follow(relay, retelling: head) }
        var seen: UInt64 = 0
        var (unsaved, saved) = (Position?.none, Timestamp.epoch)
        while !isStopping {
            // The cursor matters only where the broker loses everything: a second's worth is
            // published again.
            if let position = unsaved, runtime.now() - saved > .seconds(1) {
                (unsaved, saved) = (nil, runtime.now())
                submit([.published(position)])
            }
            switch relay.step(at: runtime.now()) {
            case .published(let position): unsaved = position
            case .idle:
                let last = seen
                seen =
                    commits.wait(until: .now() + .milliseconds(100)) { count in
                        count == last ? .wait(atMost: nil) : .done(count)
                    } ?? last
            case .waiting(let why):
                notice("\(Core.log) relay: \(why)")
                rest(.milliseconds(500))
            case .refused(let why):
                halt(why)
                rest(.seconds(1))
            }
        }
    }

    /// Tells of what a relay publishes, once each.
    private func follow(_ relay: Relay, retelling head: Position) {
        var (untold, told) = (head, Position.start)
        relay.didResume = { [self] position in
            guard untold > .start else { return }
            spans.retell(settings.path, through: untold, published: position)
            untold = .start
        }
        relay.didPublish = { [self] messages in
            spans.tell(messages.filter { $0.identity.position > told }, to: moment)
            told = max(told, messages.last?.identity.position ?? told)
        }
    }

    /// Brings one source's bulletins to the writer.
    func carry(_ source: Source) {
        _ = kassa_stage_enter(KASSA_STAGE_CONSUME)
        guard let feed = feeds[source.log] else { return notice("\(source) has no feed") }
        var driver = CourierDriver(
            courier: Courier(source: source, consumer: Core.log.value), broker: broker, feed: feed,
            batch: settings.fetchLimit)
        let sink = RunnerSink(runner: self)
        var pauses = 0
        while !isStopping {
            switch driver.step(into: sink, wait: .milliseconds(500)) {
            case .busy: pauses = 0
            case .idle: break
            case .paused(let why):
                // What lasts a second is worth a word; what passes, as at a start, is not.
                pauses += 1
                if pauses == 5 { notice("\(Core.log) reading \(source): \(why)") }
                driver.restart()
                rest(.milliseconds(200))
            }
        }
    }

    /// Messages of a source have come.
    fileprivate func note(_ source: Source) {
        if spans.tracer.isOn { spans.arrivals.note(source, at: runtime.now()) }
    }

    /// Sleeps, and wakes up when the service stops.
    private func rest(_ pause: Duration) {
        _ = inbox.wait(until: .now() + pause) { (inbox) -> Monitor<Inbox<Core>>.Look<Void> in
            inbox.isStopping ? .done(()) : .wait(atMost: nil)
        }
    }
}

private struct RunnerSink<Core: ServiceCore>: BulletinSink {
    let runner: ServiceRunner<Core>

    func checkpoint(of source: Source) -> EngineOutput<NoAnswer> {
        runner.request(.checkpoint(source)).withoutAnswer
    }

    func take(_ received: [Received], of source: Source) -> EngineOutput<NoAnswer> {
        runner.note(source)
        return runner.request(.bulletins(source, received)).withoutAnswer
    }

    func take(_ page: FeedPage, of source: Source) -> EngineOutput<NoAnswer> {
        runner.note(source)
        return runner.request(.page(source, page)).withoutAnswer
    }

    func rewind(_ source: Source, to epoch: Epoch, _ position: Position, _ leaf: Digest)
        -> EngineOutput<NoAnswer>
    {
        runner.request(.rewind(source, epoch, position, leaf)).withoutAnswer
    }
}

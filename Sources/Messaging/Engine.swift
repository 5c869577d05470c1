import CPlatform
package import EventSourcing
package import EventStore

/// What goes into an engine. Each gets its output, in order, after the commit.
package enum EngineInput<Core: ServiceCore>: Sendable {
    case command(Core.Command, CommandContext)
    /// Bulletins of one source, in the order its broker or feed gave them.
    case bulletins(Source, [Received])
    /// A page of the source's feed, after the checkpoint.
    case page(Source, FeedPage)
    /// The source's feed says where a newer epoch begins.
    case rewind(Source, Epoch, Position, Digest)
    case effect(Effect, EffectResult)
    /// The relay has published so far.
    case published(Position)
    /// A reader or the broker holds what this log does not.
    case halt(String)
    /// Where a source is read to.
    case checkpoint(Source)
    /// An operator's act on the parked messages of a key.
    case parked(ParkedAct, CommandContext)
}

/// A bulletin, with what the broker carried, should it have to be parked.
package struct Received: Sendable {
    package let carried: BrokerMessage
    package init(_ carried: BrokerMessage) { self.carried = carried }
}

package enum EngineOutput<Answer: Sendable>: Sendable {
    case answer(Answer, replayed: Bool)
    /// The key was used for another request.
    case keyReused
    /// All bulletins are taken: acknowledge them.
    case taken
    /// Where a source is read to.
    case at(Checkpoint)
    /// Something is missing after the checkpoint: read the feed from there, then offer the same
    /// bulletins again.
    case gap(Checkpoint)
    /// A newer epoch: show the feed the checkpoint.
    case foreign(Checkpoint)
    /// The source stands still until a newer build runs.
    case stopped(String)
    case done
    /// What came of an operator's act.
    case parked(Result<ParkedReport, ParkedRefusal>)
    /// The commit failed: what was asked may be done or not. Ask again with the same key.
    case unknown(String)
    /// Nothing was done.
    case unavailable(String)
}

/// A service's single writer, without threads: decides a batch of inputs, commits once, and only
/// then answers.
///
/// After an `unknown` or `unavailable` output it is broken and must be made anew from the file.
package final class Engine<Core: ServiceCore> {
    package let log: EventLog
    package let core: Core
    package private(set) var isBroken = false
    /// Told what an operator should know.
    let notice: @Sendable (LogLine) -> Void
    let board: LogBoard
    let upSince: Timestamp
    var checkpoints: [String: Checkpoint]
    var parkedKeys: [String: Set<String>]
    /// The message a source died over, counted up at each unclean start.
    var inHand: [String: InHand]
    /// Set while messages are applied singly: then a checkpoint is written with each.
    var savesAlways = false
    /// After an unclean start: how many bulletins of a source are still applied one at a time; of
    /// a source without an entry none.
    var careful: [String: Int] = [:]
    var stopped: [String: String] = [:]
    /// A seam for the simulator: asked before a message is applied; what it answers stands for a
    /// build that cannot.
    package var reactFault: ((Message) -> ReactionError?)?
    /// Set by whoever wants to know what batches do besides their outputs.
    package var trail: EngineTrail?
    private var dirty: Set<String> = []
    private var published: Position?
    private var lastSave = Timestamp.epoch
    private var isClockOff = false
    private var calls = EffectQueue()

    /// The most bulletins of a source in one batch; as many are applied singly after an unclean
    /// start.
    package static var carefulCount: Int { 512 }

    /// - Throws: what opening the log, or folding it, throws.
    package init(
        core: Core, log: EventLog, board: LogBoard, at now: Timestamp,
        notice: @escaping @Sendable (LogLine) -> Void
    ) throws(StoreError) {
        self.core = core
        self.log = log
        self.board = board
        self.notice = notice
        upSince = now
        checkpoints = try log.checkpoints()
        parkedKeys = try log.parkedKeys()
        inHand = [:]
        if log.wasUnclean {
            for source in Core.sources { careful[source.description] = Self.carefulCount }
            for (source, mark) in try log.inHand() {
                guard mark.position > (checkpoints[source] ?? .start).position else { continue }
                inHand[source] = InHand(
                    epoch: mark.epoch, position: mark.position, deaths: mark.deaths + 1)
            }
        }
        try core.open(log)
        show(at: now, appended: [])
    }

    package func checkpoint(of source: Source) -> Checkpoint {
        checkpoints[source.description] ?? .start
    }

    /// Takes `inputs` in order, then whatever timers are due, in one commit.
    ///
    /// - Returns: an output for each input, in the same order.
    package func process(_ inputs: [EngineInput<Core>], at now: Timestamp)
        -> [EngineOutput<Core.Answer>]
    {
        watchClock(now)
        guard !careful.isEmpty else { return commit(inputs, at: now) }
        var outputs: [EngineOutput<Core.Answer>] = []
        outputs.reserveCapacity(inputs.count)
        var batch: [EngineInput<Core>] = []
        for input in inputs {
            if let source = input.carries, isCareful(source) {
                outputs += commit(batch, at: now)
                batch = []
                outputs.append(applySingly(input, at: now))
            } else {
                batch.append(input)
            }
        }
        return outputs + commit(batch, at: now)
    }

    private func isCareful(_ source: Source) -> Bool { careful[source.description] != nil }

    func commit(_ inputs: [EngineInput<Core>], at now: Timestamp) -> [EngineOutput<Core.Answer>] {
        guard !isBroken else { return inputs.map { _ in .unavailable("the service recovers") } }
        for index in inputs.indices {
            if case .halt(let why) = inputs[index] {
                halt(why)
                break
            }
        }
        let saved = (checkpoints, parkedKeys, inHand, stopped)
        let mark = trail?.mark
        var own: [Range<Int>] = []
        do throws(StoreError) {
            let (outputs, done) = try log.commit(at: now) { (transaction) throws(StoreError) in
                let stage = kassa_stage_enter(KASSA_STAGE_DECIDE)
                defer { kassa_stage_leave(stage) }
                var outputs: [EngineOutput<Core.Answer>] = []
                outputs.reserveCapacity(inputs.count)
                for input in inputs {
                    let start = transaction.records.count
                    outputs.append(try take(input, in: transaction))
                    if trail != nil, input.isCommand {
                        own.append(start..<transaction.records.count)
                    }
                }
                let start = transaction.records.count
                try fireTimers(in: transaction)
                try carryOn(in: transaction)
                own.append(start..<transaction.records.count)
                try save(in: transaction, hasWritten: !transaction.records.isEmpty)
                return (outputs, transaction)
            }
            calls.follow(done.effectChanges, at: max(now, log.lastRecorded))
            show(at: now, appended: done.records)
            trail?.commit(done.records, own: own)
            return outputs
        } catch {
            (checkpoints, parkedKeys, inHand, stopped) = saved
            if let mark { trail?.fail(since: mark, because: error.description) }
            if case .halted(let why) = error {
                show(at: now, appended: [])
                return inputs.map { _ in .unavailable(why) }
            }
            isBroken = true
            notice("\(Core.log): \(error)")
            let isUnknown = if case .outcomeUnknown = error { true } else { false }
            return inputs.map { _ in
                isUnknown ? .unknown(error.description) : .unavailable(error.description)
            }
        }
    }

    private func halt(_ why: String) {
        do throws(StoreError) {
            if log.haltReason == nil { notice(LogLine("\(Core.log) has stopped: \(why)", .error)) }
            try log.halt(why)
        } catch { notice("\(Core.log): \(error)") }
    }

    private func take(_ input: EngineInput<Core>, in transaction: Transaction) throws(StoreError)
        -> EngineOutput<Core.Answer>
    {
        transaction.notBefore = .epoch
        switch input {
        case .command(let command, let context):
            let output = try handle(command, context, in: transaction)
            trail?.decide(Core.label(of: command), context, failure: output.failure)
            return output
        case .bulletins(let source, let received):
            return try take(received, of: source, in: transaction)
        case .page(let source, let page):
            return try take(page, of: source, in: transaction)
        case .rewind(let source, let epoch, let position, let leaf):
            var checkpoint = checkpoint(of: source)
            guard epoch > checkpoint.epoch else { return .done }
            notice(
                LogLine(
                    "\(source): epoch \(epoch) begins after \(position); read was "
                        + "\(checkpoint.position)", .info))
            checkpoint.epoch = epoch
            if position < checkpoint.position {
                (checkpoint.position, checkpoint.leaf) = (position, leaf)
            }
            advance(source, to: checkpoint)
            return .done
        case .effect(let effect, let result):
            let isFirst = calls.takeBack(effect)
            guard try isFirst ? true : transaction.isWaiting(effect) else { return .done }
            trail?.finish(effect)
            transaction.metadata = effect.meaning ?? Metadata(stored: effect.metadata)
            let failure = try isolated { () throws(StoreError) in
                try attempt(in: transaction) { () throws(StoreError) in
                    try core.finish(effect, result, in: transaction)
                }
            }
            if let failure {
                notice(LogLine("\(effect.key): \(failure)", about: transaction.metadata))
                try transaction.postpone(effect, until: transaction.now + .seconds(60))
            }
            return .done
        case .published(let position):
            published = position
            return .done
        case .halt: return .done
        case .checkpoint(let source): return .at(checkpoint(of: source))
        case .parked(let asked, let context):
            let output: EngineOutput<Core.Answer> = .parked(
                try act(asked, context, in: transaction))
            trail?.decide(asked.label, context, failure: output.failure)
            return output
        }
    }

    private func handle(
        _ command: Core.Command, _ context: CommandContext, in transaction: Transaction
    ) throws(StoreError) -> EngineOutput<Core.Answer> {
        transaction.metadata = context.metadata
        if let key = context.key, let entry = try transaction.remembered(key) {
            guard entry.body == key.body else { return .keyReused }
            return .answer(try core.render(entry, in: transaction), replayed: true)
        }
        var answered: Core.Answer?
        let failure = try isolated { () throws(StoreError) in
            answered = try attempt(in: transaction) { () throws(StoreError) in
                try core.handle(command, in: transaction)
            }
        }
        guard let answer = answered else {
            notice(
                LogLine(
                    "\(Core.log): \(failure?.description ?? "no answer")", .error,
                    about: context.metadata, stream: Core.label(of: command).subject))
            return .unavailable(failure?.description ?? "no answer")
        }
        if let key = context.key, let entry = answer.remembered {
            try transaction.remember(
                key,
                LedgerEntry(
                    body: key.body, stream: entry.stream, version: entry.version,
                    position: entry.position))
        }
        return .answer(answer, replayed: false)
    }

    /// Runs `body`, and gives back what is wrong with one stream alone: that must not hold up the
    /// rest of the batch.
    func isolated(_ body: () throws(StoreError) -> Void) throws(StoreError) -> StoreError? {
        do throws(StoreError) {
            try body()
            return nil
        } catch {
            switch error {
            case .unreadableEvent, .conflict: return error
            case .notWritten, .outcomeUnknown, .closed, .unusable, .unreadable, .halted:
                throw error
            }
        }
    }

    /// Runs one input's decisions; should they throw, neither file nor memory keeps any of them.
    func attempt<Value>(in transaction: Transaction, _ body: () throws(StoreError) -> Value)
        throws(StoreError) -> Value
    {
        do throws(StoreError) {
            let value = try transaction.attempt(body)
            core.keep()
            return value
        } catch {
            core.rollback()
            throw error
        }
    }

    func advance(_ source: Source, to checkpoint: Checkpoint) {
        checkpoints[source.description] = checkpoint
        dirty.insert(source.description)
    }

    /// Writes what moved. Where nothing else is written, moved checkpoints wait up to a second:
    /// reading again is harmless.
    private func save(in transaction: Transaction, hasWritten: Bool) throws(StoreError) {
        guard hasWritten || savesAlways || transaction.now - lastSave > .seconds(1) else { return }
        for source in dirty.sorted() {
            if let checkpoint = checkpoints[source] {
                try transaction.save(checkpoint, for: source)
            }
        }
        dirty.removeAll()
        if let published {
            try transaction.savePublished(epoch: transaction.epoch, position: published)
            self.published = nil
        }
        try core.snapshot(in: transaction)
        lastSave = transaction.now
    }

    private func show(at now: Timestamp, appended: [StoredRecord]) {
        log.notBefore(now)
        board.show(
            LogStatus(
                epoch: log.epoch, head: log.head, leaf: log.headLeaf, tree: log.tree,
                asOf: max(now, log.lastRecorded), upSince: upSince,
                read: checkpoints.mapValues(\.mark),
                readAsOf: checkpoints.mapValues(\.asOf), haltReason: log.haltReason,
                waiting: core.waiting),
            appended: appended)
    }

    private func watchClock(_ now: Timestamp) {
        let isOff = log.lastRecorded - now > .seconds(5)
        if isOff && !isClockOff {
            notice(
                "\(Core.log): the clock is \(log.lastRecorded - now) behind the log; set it right")
        }
        isClockOff = isOff
    }

    /// Effects that are due and not handed out yet; each must come back as an input.
    package func effectsToRun(at now: Timestamp, limit: Int) -> [Effect] {
        guard !isBroken, log.haltReason == nil, limit > 0 else { return [] }
        do throws(StoreError) {
            return try calls.handOut(at: now, limit: limit, from: log)
        } catch {
            notice("\(Core.log): \(error)")
            return []
        }
    }
}

extension EngineOutput {
    /// The output to bulletins, which carries no answer.
    package var withoutAnswer: EngineOutput<NoAnswer> {
        switch self {
        case .answer, .keyReused, .done, .parked: .done
        case .taken: .taken
        case .at(let checkpoint): .at(checkpoint)
        case .gap(let checkpoint): .gap(checkpoint)
        case .foreign(let checkpoint): .foreign(checkpoint)
        case .stopped(let why): .stopped(why)
        case .unknown(let why): .unknown(why)
        case .unavailable(let why): .unavailable(why)
        }
    }
}

extension EngineInput {
    fileprivate var isCommand: Bool { if case .command = self { true } else { false } }

    /// The source whose messages it brings, from the broker or from its feed.
    fileprivate var carries: Source? {
        switch self {
        case .bulletins(let source, _), .page(let source, _): source
        case .command, .rewind, .effect, .published, .halt, .checkpoint, .parked: nil
        }
    }
}

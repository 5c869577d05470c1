import EventSourcing
import EventStore
import Messaging
import SQLite

/// What came of asking for a rebuild.
package enum RebuildAnswer: Hashable, Sendable {
    case started
    /// One at a time.
    case underWay
    case unknown
}

/// Rows built anew from the feeds, in a file beside the one in use.
///
/// A thread of its own folds the logs to where the live store is, compares all rows as of one
/// moment, and closes the file. The writer then folds the last few events between two batches, and
/// puts the file into use. Readers see nothing of it, and no log's owner is asked for more than
/// its feed; while that cannot be read the rebuild waits.
extension ProjectionRunner {
    /// The rebuild's request to the writer.
    enum Swap: Sendable {
        case none
        case due
        /// Nil where the new file is in use.
        case over(ComparisonError?)

        var isDue: Bool { if case .due = self { true } else { false } }
    }

    /// The most events that are left to the writer, unless a test says otherwise.
    package static let closeEnough: Int64 = 2000
    /// The most rounds of folding what came in during the one before.
    private static let rounds = 20

    /// Begins to build the rows anew; returns at once.
    package func rebuild(_ name: String) -> RebuildAnswer {
        guard name == OrderProjection.name else { return .unknown }
        let now = runtime.now()
        let isTaken = state.withLock { state in
            guard state.rebuild == nil else { return false }
            state.rebuild = RebuildProgress(startedAt: now)
            return true
        }
        state.wakeAll()
        return isTaken ? .started : .underWay
    }

    package var status: ProjectionStatus {
        let (stale, now) = (freshness.staleReason, runtime.now())
        return state.withLock { state in
            let readings = sources.map { source in
                let checkpoint = state.checkpoints[source] ?? .start
                return ProjectionStatus.Reading(
                    source: source, epoch: checkpoint.epoch, position: checkpoint.position,
                    behind: checkpoint.asOf == .epoch ? nil : max(.zero, now - checkpoint.asOf))
            }
            let isHeard = state.isUp && readings.allSatisfy { $0.behind != nil }
            let trouble = stale ?? (state.isUp ? nil : "the projections are down")
            return ProjectionStatus(
                name: OrderProjection.name, version: OrderProjection.version,
                state: state.rebuild != nil ? .rebuilding : trouble != nil ? .stale : .live,
                reason: state.rebuild?.reason ?? trouble,
                lag: isHeard ? readings.compactMap(\.behind).max() : nil, readings: readings,
                rebuild: state.rebuild, lastRebuild: state.lastRebuild)
        }
    }

    /// The rebuild's thread.
    func rebuildWhenAsked() {
        while !isStopping {
            let isAsked = state.wait(until: .now() + .seconds(60)) {
                (state) -> Monitor<State>.Look<Bool> in
                if state.isStopping { return .done(false) }
                return state.rebuild == nil ? .wait(atMost: nil) : .done(true)
            }
            guard isAsked == true else { continue }
            let report = rebuildAll()
            state.withLock { state in
                state.rebuild = nil
                state.lastRebuild = report ?? state.lastRebuild
            }
        }
    }

    /// - Returns: nil where the runner stops before its end.
    private func rebuildAll() -> RebuildReport? {
        var compared: Compared?
        store.files.removeFresh()
        while !isStopping {
            do throws(ComparisonError) {
                if compared == nil { compared = try foldAndCompare() }
                let events = try finishFolding()
                try awaitSwap()
                store.removeOlder()
                for text in compared?.notices ?? [] { notice(text) }
                return RebuildReport(
                    finishedAt: runtime.now(), events: events, differences: compared?.count)
            } catch {
                switch error {
                case .unavailable, .behind: break
                case .changed:
                    store.files.removeFresh()
                    compared = nil
                case .cancelled: continue
                case .unreadable, .damaged, .otherVersion, .stopped:
                    store.files.removeFresh()
                    notice("the rebuild of the projection failed: \(error)")
                    return RebuildReport(
                        finishedAt: runtime.now(),
                        events: state.withLock { $0.rebuild?.events ?? 0 },
                        failure: error.description)
                }
                show(waitingFor: error.description)
                rest(.milliseconds(300))
            }
        }
        store.files.removeFresh()
        return nil
    }

    private func show(waitingFor reason: String?) {
        state.withLock { $0.rebuild?.reason = reason }
    }

    /// Comes close to the live rows, and compares all as of one moment.
    private func foldAndCompare() throws(ComparisonError) -> Compared {
        let engine = try openFresh()
        try approach(engine)
        do throws(ComparisonError) {
            let found = try Comparison(
                LiveRows(path: store.path), engine, feeds: feedsOfSources, seed: 1, goOn: goOn)
            return Compared(found)
        } catch {
            switch error {
            case .unreadable, .damaged, .otherVersion: break
            case .unavailable, .behind, .changed, .stopped, .cancelled: throw error
            }
            // Live rows that cannot be read are just what a rebuild is for; new ones must be.
            try Self.inFiles { () throws(SQLiteError) in
                guard let why = try engine.unsoundness() else { return }
                throw SQLiteError(code: 11, message: why, action: "checking \(engine.store.path)")
            }
            return Compared(error)
        }
    }

    /// Folds what came in meanwhile, and leaves a closed file.
    private func finishFolding() throws(ComparisonError) -> Int64 {
        let engine = try openFresh()
        try approach(engine)
        // The writer is not to wait for what can be written now.
        try Self.inFiles { () throws(SQLiteError) in
            try engine.settleFile()
            try ReadFiles.synchronize(engine.store.path)
        }
        return engine.eventsRead
    }

    /// Damage to it ends the rebuild: under another name nobody would look for it.
    private func openFresh() throws(ComparisonError) -> ProjectionEngine {
        try Self.inFiles { () throws(SQLiteError) in
            try ProjectionEngine(
                store: ReadStore(path: store.files.fresh, readers: 1, renewsItself: false),
                sources: sources, notice: notice)
        }
    }

    private static func inFiles<Value>(
        _ body: () throws(SQLiteError) -> Value
    ) throws(ComparisonError) -> Value {
        do throws(SQLiteError) {
            return try body()
        } catch { throw .unreadable(error.description) }
    }

    var feedsOfSources: [(source: Source, feed: any Feed)] {
        sources.compactMap { source in feeds[source.log].map { (source, $0) } }
    }

    /// Folds the feeds until few events are missing to the live store.
    ///
    /// - Throws: `.unavailable` where it does not come so close; it is tried again.
    private func approach(_ engine: ProjectionEngine) throws(ComparisonError) {
        for _ in 0..<Self.rounds {
            let targets = try liveCheckpoints()
            let total = targets.reduce(0) { $0 + $1.value.position.value }
            try fold(engine, to: targets) { [self] in
                state.withLock { state in
                    state.rebuild?.events = engine.eventsRead
                    state.rebuild?.total = max(total, engine.eventsRead)
                    state.rebuild?.reason = nil
                    return !state.isStopping
                }
            }
            if isClose(engine, to: try liveCheckpoints()) { return }
        }
        throw Self.outrun
    }

    private static let outrun =
        ComparisonError.unavailable("the logs grow faster than they are folded")

    /// Whether so few events are missing that the writer may fold them.
    private func isClose(_ engine: ProjectionEngine, to targets: [String: Checkpoint]) -> Bool {
        targets.reduce(0) { $0 + $1.value.position.value } - engine.eventsRead <= closeEnough
    }

    private func fold(
        _ engine: ProjectionEngine, to targets: [String: Checkpoint],
        goOn: @escaping () -> Bool
    ) throws(ComparisonError) {
        guard engine.isWithin(targets) else {
            throw .changed("the live rows were begun anew meanwhile")
        }
        try Rebuild(engine: engine, feeds: feedsOfSources, targets: targets, goOn: goOn)
            .run(seed: 1)
    }

    func goOn() -> Bool { !isStopping }

    private func liveCheckpoints() throws(ComparisonError) -> [String: Checkpoint] {
        let (live, renewal) = state.withLock { state in
            (state.isUp ? state.checkpoints : nil, state.renewal)
        }
        guard let live else { throw .unavailable("the projections are down") }
        if let renewal { throw .unavailable(renewal) }
        var byName: [String: Checkpoint] = [:]
        for (source, checkpoint) in live { byName[source.description] = checkpoint }
        return byName
    }

    /// Has the writer put the new file into use.
    private func awaitSwap() throws(ComparisonError) {
        state.withLock { $0.swap = .due }
        state.wakeAll()
        while true {
            let outcome = state.wait(until: .now() + .seconds(60)) {
                (state) -> Monitor<State>.Look<ComparisonError?> in
                if case .over(let error) = state.swap {
                    state.swap = .none
                    return .done(error)
                }
                return state.isStopping ? .done(.cancelled) : .wait(atMost: nil)
            }
            guard let outcome else { continue }
            if let error = outcome { throw error }
            return
        }
    }

    /// On the writer's thread, between two batches.
    ///
    /// - Returns: whether another file is in use now, and `live` must be given up.
    func swapIfDue(_ live: ProjectionEngine) -> Bool {
        guard state.withLock({ $0.swap.isDue }) else { return false }
        var failure: ComparisonError?
        do throws(ComparisonError) {
            try swap(live)
        } catch { failure = error }
        state.withLock { $0.swap = .over(failure) }
        state.wakeAll()
        return failure == nil
    }

    private func swap(_ live: ProjectionEngine) throws(ComparisonError) {
        if let renewal = live.state.rebuild { throw .unavailable(renewal.why) }
        try complete(live)
        let (path, doubt) = try Self.inFiles { () throws(SQLiteError) in
            try store.files.promote(fault: swapFault)
        }
        store.turn(to: path)
        if let doubt { notice("the rebuilt projection may not survive a loss of power: \(doubt)") }
    }

    /// Brings the new file to exactly where the live engine is, and closes it.
    private func complete(_ live: ProjectionEngine) throws(ComparisonError) {
        let engine = try openFresh()
        var targets: [String: Checkpoint] = [:]
        for source in sources { targets[source.description] = live.checkpoint(of: source) }
        // The feeds may have run ahead since the last look; nobody is answered meanwhile.
        guard isClose(engine, to: targets) else { throw Self.outrun }
        try fold(engine, to: targets, goOn: goOn)
        try Self.inFiles { () throws(SQLiteError) in
            try engine.takeOver(targets)
            try engine.settleFile()
        }
    }
}

/// What comparing the old rows with the new has brought.
private struct Compared {
    /// The most differences that the operator is told of one by one.
    private static let noticeLimit = 5

    /// Nil where the old ones could not be read.
    let count: Int?
    let notices: [String]

    init(_ comparison: Comparison) {
        count = comparison.differenceCount
        guard comparison.differenceCount > 0 else {
            notices = []
            return
        }
        let places = "\(comparison.differenceCount) place(s)"
        notices =
            ["the old rows of the projection were wrong in \(places), and are mended"]
            + comparison.differences.prefix(Self.noticeLimit).map { "was wrong: \($0)" }
    }

    /// Of rows that could not be read.
    init(_ error: ComparisonError) {
        count = nil
        notices = ["the old rows of the projection could not be compared: \(error)"]
    }
}

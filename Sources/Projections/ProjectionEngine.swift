package import EventSourcing
package import EventStore
package import Messaging
package import SQLite

/// What goes into the engine. Each gets its output, in order, after the commit.
package enum ProjectionInput: Sendable {
    /// Bulletins of one source, in the order its broker or feed gave them.
    case bulletins(Source, [Received])
    /// A page of the source's feed, after the checkpoint.
    case page(Source, FeedPage)
    /// The source's feed says where a newer epoch begins.
    case rewind(Source, Epoch, Position, Digest)

    /// How many messages it brings.
    var load: Int {
        switch self {
        case .bulletins(_, let received): received.count
        case .page(_, let page): page.messages.count
        case .rewind: 0
        }
    }
}

/// The read store's single writer, without threads: rows and checkpoints go into one transaction.
///
/// A message that cannot be read does not park: the projection stops and says so in every answer,
/// as a view with holes would be wrong for good. A broken engine must be made anew from the file,
/// and its couriers restarted: after an `unavailable` output, and after a rewind that began all
/// rows anew.
package final class ProjectionEngine {
    package let store: ReadStore
    package let sources: [Source]
    /// Where readers see how far it is.
    package let freshness: Freshness
    package private(set) var isBroken = false
    /// A seam for tests and the simulator: what it throws stands for a failing disk.
    package var commitFault: ((EventLog.CommitMoment) throws(SQLiteError) -> Void)?

    /// The messages that were folded, of what was committed alone; kept where it is set.
    package var folded: [Message]?
    /// The orders that ended in them; kept where it is set.
    var ended: [OrderEnd]?

    let notice: @Sendable (String) -> Void
    let connection: Connection
    let rows: RowBatch
    let projection = OrderProjection()
    var state: State
    private var isSaveDue = false
    /// Couriers may hold what followed on rows that are gone: nothing more is taken from them.
    var hasReset = false
    private var lastSave = Timestamp.epoch

    /// What a failed commit takes back.
    struct State {
        var checkpoints: [String: Checkpoint]
        /// Checkpoints that are newer than the file's.
        var dirty: Set<String> = []
        /// Why no source goes on.
        var haltReason: String?
        /// Sources that wait for a newer build.
        var stopped: [String: String] = [:]
        /// Why all is projected anew, and how far it must come to be whole again.
        var rebuild: (why: String, targets: [String: Position])?
    }

    /// - Throws: where the file cannot be opened or read.
    package init(
        store: ReadStore, sources: [Source], freshness: Freshness = Freshness(),
        notice: @escaping @Sendable (String) -> Void
    ) throws(SQLiteError) {
        self.store = store
        self.sources = sources.sorted()
        self.freshness = freshness
        self.notice = notice
        connection = try store.openWriter()
        rows = RowBatch(connection)
        state = State(checkpoints: try CheckpointTable(connection).all())
        state.rebuild = try Self.storedRebuild(connection)
        show()
    }

    package func checkpoint(of source: Source) -> Checkpoint {
        state.checkpoints[source.description] ?? .start
    }

    /// Why the rows are not to be trusted; nil where they are.
    package var staleReason: String? {
        if let why = state.haltReason ?? state.rebuild?.why { return why }
        return sources.lazy.compactMap { self.state.stopped[$0.description] }.first
    }

    /// How far behind the slowest source is, as the sources' watermarks tell.
    package func lag(at now: Timestamp) -> Duration {
        let asOf = sources.map { checkpoint(of: $0).asOf }.min() ?? now
        return max(.zero, now - asOf)
    }

    package func take(_ received: [Received], of source: Source, at now: Timestamp)
        -> EngineOutput<NoAnswer>
    {
        process([.bulletins(source, received)], at: now).first ?? .done
    }

    package func take(_ page: FeedPage, of source: Source, at now: Timestamp)
        -> EngineOutput<NoAnswer>
    {
        process([.page(source, page)], at: now).first ?? .done
    }

    package func rewind(
        _ source: Source, _ epoch: Epoch, _ position: Position, _ leaf: Digest, at now: Timestamp
    ) -> EngineOutput<NoAnswer> {
        process([.rewind(source, epoch, position, leaf)], at: now).first ?? .done
    }

    /// Takes `inputs` in order, in one commit; rows that several of them change are written once.
    ///
    /// - Returns: an output for each input, in the same order.
    package func process(_ inputs: [ProjectionInput], at now: Timestamp)
        -> [EngineOutput<NoAnswer>]
    {
        guard !isBroken else { return inputs.map { _ in .unavailable("the projection recovers") } }
        let saved = (state, folded, ended)
        do throws(StoreError) {
            let outputs = try commit(inputs, at: now)
            show()
            isBroken = hasReset
            return outputs
        } catch {
            if connection.isInTransaction { try? connection.execute("ROLLBACK") }
            (state, folded, ended) = saved
            isBroken = true
            // What was written is unknown.
            store.renditions.forgetAll()
            switch error {
            case .notWritten(let cause), .unreadable(let cause):
                store.note(cause, in: connection.path)
            case .conflict, .outcomeUnknown, .closed, .unusable, .unreadableEvent, .halted: break
            }
            notice("projection: \(error)")
            return inputs.map { _ in .unavailable(error.description) }
        }
    }

    /// What came of folding many pages.
    enum Folded {
        /// As many rows have changed as memory is to hold; they are written.
        case full
        /// There is no page left; all is written.
        case over
        /// That source's page was not taken; all before it is written.
        case refused(Source, EngineOutput<NoAnswer>)
        /// The file could not be written, or the engine is broken.
        case failed(String)
    }

    /// Takes pages in one commit, until there is none or enough rows have changed.
    func fold(_ next: () -> ReadPage?) -> Folded {
        guard !isBroken else { return .failed("the projection is broken") }
        let saved = state
        do throws(StoreError) {
            isSaveDue = false
            try writing { (connection) throws(SQLiteError) in try connection.execute("BEGIN") }
            var folded = Folded.full
            while !rows.isFull {
                guard let page = next() else {
                    folded = .over
                    break
                }
                // What is written counts as of its last page.
                isSaveDue = true
                let output = try take(page)
                guard case .taken = output else {
                    folded = .refused(page.source, output)
                    break
                }
                try writing { (_) throws(SQLiteError) in try rows.spill() }
            }
            finishRebuild()
            try writing { (connection) throws(SQLiteError) in
                try save(in: connection, at: lastSave)
                try connection.execute("COMMIT")
            }
            store.renditions.forgetAll()
            rows.settle()
            show()
            return folded
        } catch {
            if connection.isInTransaction { try? connection.execute("ROLLBACK") }
            state = saved
            isBroken = true
            store.renditions.forgetAll()
            notice("projection: \(error)")
            return .failed(error.description)
        }
    }

    private func take(_ page: ReadPage) throws(StoreError) -> EngineOutput<NoAnswer> {
        if let why = state.haltReason { return .stopped(why) }
        return try take(page.page, facts: page.facts, of: page.source)
    }

    private func commit(_ inputs: [ProjectionInput], at now: Timestamp) throws(StoreError)
        -> [EngineOutput<NoAnswer>]
    {
        isSaveDue = false
        try writing { (connection) throws(SQLiteError) in try connection.execute("BEGIN") }
        var outputs: [EngineOutput<NoAnswer>] = []
        outputs.reserveCapacity(inputs.count)
        for input in inputs { outputs.append(try take(input)) }
        finishRebuild()
        try writing { (connection) throws(SQLiteError) in
            try save(in: connection, at: now)
            try commitFault?(.before)
            try connection.execute("COMMIT")
            try commitFault?(.after)
        }
        if hasReset {
            store.renditions.forgetAll()
        } else {
            store.renditions.forget(rows.changedOrders)
        }
        rows.settle()
        return outputs
    }

    private func take(_ input: ProjectionInput) throws(StoreError) -> EngineOutput<NoAnswer> {
        if let why = state.haltReason { return .stopped(why) }
        if hasReset { return .unavailable("the projection begins anew") }
        switch input {
        case .bulletins(let source, let received): return try take(received, of: source)
        case .page(let source, let page): return try take(page, of: source)
        case .rewind(let source, let epoch, let position, let leaf):
            return try rewind(source, epoch, position, leaf)
        }
    }

    /// Writes rows and moved checkpoints. Checkpoints alone wait up to a second: reading again is
    /// harmless.
    private func save(in connection: Connection, at now: Timestamp) throws(SQLiteError) {
        guard isSaveDue || !rows.isEmpty || now - lastSave > .seconds(1) || now < lastSave else {
            return
        }
        try rows.flush()
        let table = CheckpointTable(connection)
        for source in state.dirty.sorted() {
            if let checkpoint = state.checkpoints[source] {
                try table.save(checkpoint, for: source)
            }
        }
        state.dirty.removeAll()
        if isSaveDue {
            let statement = try connection.statement(
                "UPDATE projection SET stale = ?1, targets = ?2 WHERE id = 1")
            try statement.bind(1, staleReason)
            try statement.bind(2, CheckpointTable.text(state.rebuild?.targets ?? [:]))
            try statement.run()
        }
        lastSave = now
    }

    func advance(_ source: Source, to checkpoint: Checkpoint) {
        state.checkpoints[source.description] = checkpoint
        state.dirty.insert(source.description)
    }

    /// The projection's own state has changed, which is written with the rows.
    func saveSoon() { isSaveDue = true }

    func writing(_ body: (Connection) throws(SQLiteError) -> Void) throws(StoreError) {
        do throws(SQLiteError) {
            try body(connection)
        } catch { throw .notWritten(error) }
    }

    private func finishRebuild() {
        guard let rebuild = state.rebuild else { return }
        let isWhole = rebuild.targets.allSatisfy { source, position in
            (state.checkpoints[source] ?? .start).position >= position
        }
        guard isWhole else { return }
        notice("the projection is whole again")
        state.rebuild = nil
        saveSoon()
    }

    /// What cannot be read is tried again at each start, by a newer build perhaps; a rebuild goes
    /// on where it was.
    private static func storedRebuild(_ connection: Connection) throws(SQLiteError)
        -> (why: String, targets: [String: Position])?
    {
        let statement = try connection.statement("SELECT stale, targets FROM projection")
        defer { statement.reset() }
        guard try statement.step(), let why = statement.optionalText(0) else { return nil }
        let targets = CheckpointTable.parse(statement.text(1))
        return targets.isEmpty ? nil : (why, targets)
    }

    private func show() {
        var marks: [LogName: Mark] = [:]
        for source in sources {
            let checkpoint = checkpoint(of: source)
            let mark = Mark(epoch: checkpoint.epoch, position: checkpoint.position)
            marks[source.log] = marks[source.log].map { $0.covers(mark) ? mark : $0 } ?? mark
        }
        freshness.show(marks, staleReason: staleReason)
    }
}

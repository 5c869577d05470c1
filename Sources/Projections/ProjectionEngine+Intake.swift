import EventSourcing
import EventStore
import Messaging
import SQLite

extension ProjectionEngine {
    /// Folds bulletins up to the first that is not next in order.
    func take(_ received: [Received], of source: Source) throws(StoreError)
        -> EngineOutput<NoAnswer>
    {
        if let why = state.stopped[source.description] { return .stopped(why) }
        for item in received {
            var checkpoint = checkpoint(of: source)
            let bulletin: Bulletin
            do throws(MalformedMessage) {
                bulletin = try Bulletin(item.carried)
            } catch {
                // Not ours, or damaged in the broker: what it should have been shows as a gap.
                notice("\(source): \(error)")
                continue
            }
            guard bulletin.comes(from: source) else {
                notice("\(source): a message of \(bulletin.source) came this way and is left out")
                continue
            }
            switch Intake.judge(bulletin, at: checkpoint) {
            case .duplicate: continue
            case .gap: return .gap(checkpoint)
            case .foreign: return .foreign(checkpoint)
            case .next: break
            }
            switch bulletin {
            case .event(let message):
                if let why = try fold(message, of: source) { return .stopped(why) }
                checkpoint.advance(to: message)
            case .watermark(let watermark): checkpoint.advance(to: watermark)
            }
            advance(source, to: checkpoint)
        }
        return .taken
    }

    /// Folds a page of the feed, which begins at or before the checkpoint.
    ///
    /// A page is one look at the log: an epoch that begins within it, behind what is known to be
    /// the log's, or for a reader that has read nothing, has orphaned nothing that was read.
    ///
    /// - Parameter facts: what the messages mean, where that is known already.
    func take(
        _ page: FeedPage, facts: [Result<OrderFact, UnreadableEvent>]? = nil, of source: Source
    ) throws(StoreError) -> EngineOutput<NoAnswer> {
        if let why = state.stopped[source.description] { return .stopped(why) }
        var checkpoint = checkpoint(of: source)
        guard page.after <= checkpoint.position else { return .gap(checkpoint) }
        defer { advance(source, to: checkpoint) }
        for (index, message) in page.messages.enumerated() {
            // What is older than the checkpoint's epoch and comes after it was there before that
            // epoch began.
            guard message.source == source, message.identity.epoch <= checkpoint.epoch else {
                return .foreign(checkpoint)
            }
            guard message.identity.position > checkpoint.position else { continue }
            if let why = try fold(message, facts?[index], of: source) { return .stopped(why) }
            checkpoint.advance(to: message)
        }
        guard page.epoch <= checkpoint.epoch else { return .foreign(checkpoint) }
        checkpoint.advance(to: page)
        return .taken
    }

    /// Folds one message into the rows; returns why its source must stop.
    private func fold(
        _ message: Message, _ fact: Result<OrderFact, UnreadableEvent>? = nil, of source: Source
    ) throws(StoreError) -> String? {
        let why: String
        do throws(ReactionError) {
            try projection.apply(message, meaning: fact, to: rows)
            folded?.append(message)
            if ended != nil, let end = OrderEnd(message) { ended?.append(end) }
            return nil
        } catch {
            switch error {
            case .store(let error): throw error
            case .newer(let reason):
                why = "\(source) stands still at \(message.identity): \(reason)"
                state.stopped[source.description] = why
            case .poison(let reason):
                why =
                    "the projection stands still at \(message.identity): \(reason); "
                    + "start a build that can read it, or mend the log's owner and delete "
                    + "\(store.path) to build it again"
                state.haltReason = why
            }
        }
        notice(why)
        saveSoon()
        return why
    }

    /// Goes over to a newer epoch. Rows that orphaned events have changed cannot be told apart: all
    /// are built anew.
    func rewind(_ source: Source, _ epoch: Epoch, _ position: Position, _ leaf: Digest)
        throws(StoreError) -> EngineOutput<NoAnswer>
    {
        var checkpoint = checkpoint(of: source)
        guard epoch > checkpoint.epoch else { return .done }
        if position >= checkpoint.position {
            checkpoint.epoch = epoch
            advance(source, to: checkpoint)
            // Rows that are built anew for another log's sake do not wait for what this one lost.
            if let target = state.rebuild?.targets[source.description], target > position {
                state.rebuild?.targets[source.description] = position
                saveSoon()
            }
            return .done
        }
        let why =
            "\(source) begins epoch \(epoch) after \(position), and was read up to "
            + "\(checkpoint.position): all rows are built anew"
        notice(why)
        var targets = state.rebuild?.targets ?? [:]
        for source in sources {
            let read = self.checkpoint(of: source).position
            targets[source.description] = max(read, targets[source.description] ?? .start)
        }
        targets[source.description] = position
        try writing { (connection) throws(SQLiteError) in
            try rows.reset()
            try connection.execute("DELETE FROM checkpoints")
        }
        state.checkpoints = [:]
        state.dirty = []
        state.stopped = [:]
        state.rebuild = (why, targets)
        hasReset = true
        saveSoon()
        return .done
    }
}

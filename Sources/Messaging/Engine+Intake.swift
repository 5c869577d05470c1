import CPlatform
import EventSourcing
import EventStore

extension Engine {
    /// Applies bulletins up to the first that is not next in order.
    func take(_ received: [Received], of source: Source, in transaction: Transaction)
        throws(StoreError) -> EngineOutput<Core.Answer>
    {
        let stage = kassa_stage_enter(KASSA_STAGE_CONSUME)
        defer { kassa_stage_leave(stage) }
        if let why = stopped[source.description] { return .stopped(why) }
        var checkpoint = checkpoint(of: source)
        var hasMoved = false
        defer { if hasMoved { advance(source, to: checkpoint) } }
        for item in received {
            let bulletin: Bulletin
            do throws(MalformedMessage) {
                bulletin = try Bulletin(item.carried)
            } catch {
                // Not ours, or damaged in the broker: what it should have been shows as a gap, and
                // comes from the feed.
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
                if let why = try apply(message, item.carried, of: source, in: transaction) {
                    return .stopped(why)
                }
                checkpoint.advance(to: message)
            case .watermark(let watermark): checkpoint.advance(to: watermark)
            }
            hasMoved = true
        }
        return .taken
    }

    /// Applies a page of the feed, which begins at or before the checkpoint.
    func take(_ page: FeedPage, of source: Source, in transaction: Transaction)
        throws(StoreError) -> EngineOutput<Core.Answer>
    {
        let stage = kassa_stage_enter(KASSA_STAGE_CONSUME)
        defer { kassa_stage_leave(stage) }
        if let why = stopped[source.description] { return .stopped(why) }
        let before = checkpoint(of: source)
        guard page.after <= before.position else { return .gap(before) }
        for message in page.messages {
            var checkpoint = checkpoint(of: source)
            // What is older than the checkpoint's epoch and comes after it was there before that
            // epoch began.
            guard message.identity.epoch <= checkpoint.epoch else { return .foreign(checkpoint) }
            guard message.identity.position > checkpoint.position else { continue }
            let carried = Bulletin.event(message).brokerMessage
            if let why = try apply(message, carried, of: source, in: transaction) {
                return .stopped(why)
            }
            checkpoint.advance(to: message)
            advance(source, to: checkpoint)
        }
        var checkpoint = checkpoint(of: source)
        guard page.epoch <= checkpoint.epoch else { return .foreign(checkpoint) }
        checkpoint.advance(to: page)
        advance(source, to: checkpoint)
        return .taken
    }

    /// Applies one message, or parks it; returns why its source must stop.
    private func apply(
        _ message: Message, _ carried: BrokerMessage, of source: Source,
        in transaction: Transaction
    ) throws(StoreError) -> String? {
        let name = source.description
        let key = message.stream.id
        if parkedKeys[name]?.contains(key) == true {
            try park(message, carried, "waits behind a parked message of its key", in: transaction)
            return nil
        }
        if let mark = inHand[name], mark.deaths >= Self.deathsToPark, mark.names(message) {
            try transaction.letGo(source: name)
            inHand[name] = nil
            try park(
                message, carried, "the process died over it \(mark.deaths) times in a row",
                in: transaction)
            return nil
        }
        switch try react(to: message, in: transaction) {
        case nil:
            trail?.handle(message)
            return nil
        case .newer(let why):
            stopped[name] = why
            notice(LogLine("\(source) stands still: \(why)", .error))
            return why
        case .poison(let why):
            try park(message, carried, why, in: transaction)
            return nil
        case .store(let error): throw error
        }
    }

    /// What a message leads to has it as its cause, and is not recorded before it.
    func prepare(_ message: Message, in transaction: Transaction) {
        transaction.metadata = Metadata(
            correlation: message.metadata.correlation, cause: message.identity,
            actor: message.metadata.actor, trace: message.metadata.trace,
            occurredAt: message.metadata.occurredAt)
        transaction.notBefore = message.recordedAt
    }

    func react(to message: Message, in transaction: Transaction) throws(StoreError)
        -> ReactionError?
    {
        prepare(message, in: transaction)
        var failure: ReactionError?
        do throws(StoreError) {
            try attempt(in: transaction) { () throws(StoreError) in
                do throws(ReactionError) {
                    if let error = reactFault?(message) { throw error }
                    try core.react(to: message, in: transaction)
                } catch {
                    failure = error
                    if case .store(let error) = error { throw error }
                    throw .closed
                }
            }
        } catch {
            guard let failure else { throw error }
            // What is wrong with one stream alone is as good as a message that cannot be applied.
            if case .store(let error) = failure,
                try isolated({ () throws(StoreError) in throw error }) != nil
            {
                return .poison(error.description)
            }
            return failure
        }
        return nil
    }

    private func park(
        _ message: Message, _ carried: BrokerMessage, _ reason: String, in transaction: Transaction
    ) throws(StoreError) {
        try transaction.park(
            ParkedMessage(
                source: message.source.description, position: message.identity.position,
                key: message.stream.id, reason: reason, at: transaction.now,
                subject: carried.subject, id: carried.id, headers: carried.headers,
                payload: carried.payload))
        parkedKeys[message.source.description, default: []].insert(message.stream.id)
        trail?.handle(message, parkedBecause: reason)
        notice(
            LogLine(
                "\(message.identity) is parked: \(reason)", .error, about: message.metadata,
                stream: message.stream, event: message.identity))
    }

    /// The keys of the source's messages that lie parked.
    package func parkedKeys(of source: Source) -> Set<String> {
        parkedKeys[source.description] ?? []
    }

    /// A message that was in hand at so many deaths in a row is to blame. Kills that follow each
    /// other closely catch the same message in hand, as every start begins with it: two did so in
    /// one of thirty runs.
    private static var deathsToPark: Int { 5 }

    /// After an unclean start: one message a commit, behind a durable mark, so that the one that
    /// kills is known.
    func applySingly(_ input: EngineInput<Core>, at now: Timestamp) -> EngineOutput<Core.Answer> {
        savesAlways = true
        defer { savesAlways = false }
        switch input {
        case .bulletins(let source, let received):
            for item in received {
                if case .event(let message)? = try? Bulletin(item.carried),
                    Intake.judge(.event(message), at: checkpoint(of: source)) == .next,
                    let failure = mark(message, of: source, at: now)
                {
                    return failure
                }
                let output = commit([.bulletins(source, [item])], at: now).first ?? .done
                guard case .taken = output else { return output }
            }
            return .taken
        case .page(let source, let page):
            for message in page.messages
            where message.identity.position > checkpoint(of: source).position {
                if let failure = mark(message, of: source, at: now) { return failure }
                let single = FeedPage(
                    after: page.after, messages: [message], through: message.identity.position,
                    epoch: message.identity.epoch, leaf: message.leaf, hasMore: true)
                let output = commit([.page(source, single)], at: now).first ?? .done
                guard case .taken = output else { return output }
            }
            return commit([input], at: now).first ?? .done
        case .command, .rewind, .effect, .published, .halt, .checkpoint, .parked: return .done
        }
    }

    private func mark(_ message: Message, of source: Source, at now: Timestamp)
        -> EngineOutput<Core.Answer>?
    {
        let name = source.description
        let left = (careful[name] ?? 0) - 1
        careful[name] = left > 0 ? left : nil
        let before = inHand[name].flatMap { $0.names(message) ? $0.deaths : nil } ?? 0
        let mark = InHand(
            epoch: message.identity.epoch, position: message.identity.position, deaths: before)
        do throws(StoreError) {
            try log.commit(at: now) { (transaction) throws(StoreError) in
                try transaction.takeInHand(mark, of: name)
            }
            return nil
        } catch { return .unavailable(error.description) }
    }
}

extension InHand {
    fileprivate func names(_ message: Message) -> Bool {
        epoch == message.identity.epoch && position == message.identity.position
    }
}

import EventSourcing
import EventStore

/// Parked messages under an operator's hand.
extension Engine {
    typealias Parked = Result<ParkedReport, ParkedRefusal>

    /// Carries an act out, and records it, whatever came of it; a rehearsal leaves nothing behind.
    func act(_ act: ParkedAct, _ context: CommandContext, in transaction: Transaction)
        throws(StoreError) -> Parked
    {
        let page = try log.queries.parked(
            source: act.source, key: act.key, limit: ParkedAct.mostApplied)
        guard let source = Core.sources.first(where: { $0.description == act.source }),
            let first = page.first
        else {
            return .failure(.notFound("no message of \(act.source) with key \(act.key) is parked"))
        }
        switch act.kind {
        case .retry:
            if act.isRehearsal { return .success(try rehearse(page, of: act, in: transaction)) }
            return .success(try retry(page, of: source, act, context, in: transaction))
        case .discard(let position):
            guard position == first.position else {
                return .failure(
                    .invalid(
                        "only the key's first can be discarded, which is at \(first.position)"))
            }
            if act.isRehearsal {
                let rest = Array(page.dropFirst())
                return .success(try rehearse(rest, of: act, in: transaction))
            }
            return .success(try discard(first, of: source, act, context, in: transaction))
        case .edit(let position, let data):
            guard let index = page.firstIndex(where: { $0.position == position }) else {
                return .failure(
                    .notFound("no message of \(act.source) at \(position) is parked"))
            }
            let edited = page[index].with(payload: data, page[index].reason)
            if act.isRehearsal {
                var page = page
                page[index] = edited
                return .success(try rehearse(page, of: act, in: transaction))
            }
            return .success(try edit(page[index], edited, act, context, in: transaction))
        }
    }

    private func retry(
        _ page: [ParkedMessage], of source: Source, _ act: ParkedAct, _ context: CommandContext,
        in transaction: Transaction
    ) throws(StoreError) -> ParkedReport {
        var report = ParkedReport()
        var applied: [Position] = []
        for parked in page {
            switch try apply(parked, in: transaction) {
            case nil:
                try transaction.unpark(source: act.source, position: parked.position)
                applied.append(parked.position)
                continue
            case let why?:
                report.stop = .init(position: parked.position, reason: why)
                try transaction.park(parked.with(payload: parked.payload, why))
            }
            break
        }
        report.applied = applied.count
        let event = ParkedHistory.Event.retried(
            source: act.source, applied, report.stop, act.instruction)
        try conclude(event, &report, act, context, in: transaction)
        return report
    }

    private func discard(
        _ parked: ParkedMessage, of source: Source, _ act: ParkedAct, _ context: CommandContext,
        in transaction: Transaction
    ) throws(StoreError) -> ParkedReport {
        var report = ParkedReport()
        try transaction.unpark(source: act.source, position: parked.position)
        let event = ParkedHistory.Event.discarded(
            .init(parked), reason: parked.reason, act.instruction)
        try conclude(event, &report, act, context, in: transaction)
        return report
    }

    private func edit(
        _ parked: ParkedMessage, _ edited: ParkedMessage, _ act: ParkedAct,
        _ context: CommandContext, in transaction: Transaction
    ) throws(StoreError) -> ParkedReport {
        var report = ParkedReport()
        try transaction.park(edited)
        let after = String(decoding: edited.payload, as: UTF8.self)
        let event = ParkedHistory.Event.edited(.init(parked), after: after, act.instruction)
        try conclude(event, &report, act, context, in: transaction)
        return report
    }

    /// Records the act, and lets the key's next messages flow where none is left.
    private func conclude(
        _ event: ParkedHistory.Event, _ report: inout ParkedReport, _ act: ParkedAct,
        _ context: CommandContext, in transaction: Transaction
    ) throws(StoreError) {
        report.left = try log.queries.countParked(source: act.source, key: act.key)
        if report.left == 0 { parkedKeys[act.source]?.remove(act.key) }
        transaction.metadata = context.metadata
        let histories = Aggregates<ParkedHistory>(category: "parked", capacity: 1)
        _ = try histories.decide(event, for: act.key, in: transaction)
        report.event = EventIdentity(
            log: Core.log, epoch: transaction.epoch, position: transaction.head)
        notice(
            LogLine(
                "\(act.instruction.actor): \(event.type.name) of \(act.source), key \(act.key): "
                    + "\(report.applied) applied, \(report.left) left", .info,
                about: context.metadata, stream: StreamID("parked", act.key)))
    }

    /// - Returns: why it cannot be applied; nil where it was.
    private func apply(_ parked: ParkedMessage, in transaction: Transaction) throws(StoreError)
        -> String?
    {
        guard let message = parked.message else { return "it cannot be read" }
        switch try react(to: message, in: transaction) {
        case nil:
            trail?.handle(message)
            return nil
        case .store(let error): throw error
        case .poison(let why), .newer(let why): return why
        }
    }

    /// Applies messages up to the first that fails, and takes all of it back.
    private func rehearse(
        _ page: [ParkedMessage], of act: ParkedAct, in transaction: Transaction
    ) throws(StoreError) -> ParkedReport {
        var report = ParkedReport()
        let all = try log.queries.countParked(source: act.source, key: act.key)
        var hasEnded = false
        do throws(StoreError) {
            try transaction.attempt { () throws(StoreError) in
                for parked in page {
                    if let why = try tried(parked, in: transaction) {
                        report.stop = .init(position: parked.position, reason: why)
                        break
                    }
                    report.applied += 1
                }
                hasEnded = true
                throw .closed
            }
        } catch {
            core.rollback()
            guard hasEnded else { throw error }
        }
        let isGone = if case .discard = act.kind { 1 } else { 0 }
        report.left = all - report.applied - isGone
        return report
    }

    /// As `apply`, but within an attempt that is taken back as a whole.
    private func tried(_ parked: ParkedMessage, in transaction: Transaction) throws(StoreError)
        -> String?
    {
        guard let message = parked.message else { return "it cannot be read" }
        prepare(message, in: transaction)
        do throws(ReactionError) {
            if let error = reactFault?(message) { throw error }
            try core.react(to: message, in: transaction)
            return nil
        } catch {
            guard case .store(let failure) = error else { return error.description }
            return try isolated { () throws(StoreError) in throw failure }?.description
        }
    }
}

extension ParkedMessage {
    /// Nil where it cannot be read.
    package var message: Message? {
        let carried = BrokerMessage(subject: subject, id: id, headers: headers, payload: payload)
        guard case .event(let message)? = try? Bulletin(carried) else { return nil }
        return message
    }

    fileprivate func with(payload: [UInt8], _ reason: String) -> ParkedMessage {
        ParkedMessage(
            source: source, position: position, key: key, reason: reason, at: at,
            subject: subject, id: id, headers: headers, payload: payload)
    }
}

import EventSourcing
import EventStore

extension Engine {
    /// The most timers fired in one commit.
    private static var timerLimit: Int { 200 }

    /// Fires what is due. A timer that awaits a source waits until that source has been read beyond
    /// the due time.
    func fireTimers(in transaction: Transaction) throws(StoreError) {
        let own = try transaction.timers(
            awaiting: nil, dueBy: transaction.now, limit: Self.timerLimit)
        for timer in own { try fire(timer, in: transaction) }
        for source in Core.sources {
            let name = source.log.value
            let checkpoint = checkpoint(of: source)
            // What the source recorded until it was due has been read: its silence is an answer.
            let due = try transaction.timers(
                awaiting: name, dueBy: min(checkpoint.asOf, transaction.now),
                limit: Self.timerLimit)
            for timer in due {
                if isOverdue(timer, at: checkpoint) {
                    try fire(timer, in: transaction)
                } else {
                    try arm(timer, at: checkpoint, in: transaction)
                }
            }
        }
    }

    /// Lets go on what waited until others have read this log.
    func carryOn(in transaction: Transaction) throws(StoreError) {
        let own = Core.log.value + "/"
        for source in Core.sources {
            var read: Position?
            for (name, mark) in checkpoint(of: source).read where name.hasPrefix(own) {
                let position = try log.read(through: mark)
                read = min(read ?? position, position)
            }
            if let read { core.hasRead(source.log, through: read) }
        }
        for _ in 0..<Self.timerLimit {
            var isDone = false
            let failure = try isolated { () throws(StoreError) in
                isDone = try !attempt(in: transaction) { () throws(StoreError) in
                    try core.carryOn(in: transaction)
                }
            }
            if let failure { notice("\(Core.log): \(failure)") }
            if isDone { return }
        }
    }

    /// Whether the source was up, with the request read, for all of the time it was given.
    private func isOverdue(_ timer: Timer, at checkpoint: Checkpoint) -> Bool {
        let start = Timestamp(microseconds: timer.due.microseconds - timer.within.microseconds)
        return timer.isArmed && checkpoint.upSince <= start
    }

    /// Gives the source its full time anew, from when it was known to have read the request.
    private func arm(_ timer: Timer, at checkpoint: Checkpoint, in transaction: Transaction)
        throws(StoreError)
    {
        var hasRead = false
        for (name, mark) in checkpoint.read where !hasRead && name.hasPrefix("\(Core.log)/") {
            hasRead = try log.read(through: mark) >= timer.request
        }
        try transaction.set(
            Timer(
                key: timer.key, due: max(checkpoint.asOf, checkpoint.upSince) + timer.within,
                source: timer.source, request: timer.request, within: timer.within,
                isArmed: hasRead, data: timer.data))
    }

    private func fire(_ timer: Timer, in transaction: Transaction) throws(StoreError) {
        try transaction.removeTimer(timer.key)
        let failure = try isolated { () throws(StoreError) in
            try attempt(in: transaction) { () throws(StoreError) in
                try core.fire(timer, in: transaction)
            }
        }
        guard let failure else { return }
        notice("\(timer.key): \(failure)")
        try transaction.set(
            Timer(
                key: timer.key, due: transaction.now + .seconds(60), source: timer.source,
                request: timer.request, within: timer.within, isArmed: timer.isArmed,
                data: timer.data))
    }
}

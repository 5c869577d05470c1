import EventSourcing

/// One stream of a `SegmentBroker`: its log and its consumers behind one lock. Older segments are
/// read outside of it.
final class SegmentStream: Sendable {
    struct Core: Sendable {
        var log: SegmentLog
        var acknowledgements: AcknowledgementFile
        var consumers: [String: ConsumerCursor]
        /// Told after each change of what is held, without the lock.
        var listener: (@Sendable () -> Void)?
    }

    private enum Step {
        case deliver([Delivered])
        case read(SegmentRead, room: Int)
    }

    let core: Monitor<Core>
    let runtime: any Runtime
    private let notices: @Sendable (String) -> Void

    /// Opens the stream's folder, which need not be there. What was found damaged is said with the
    /// next call.
    /// - Throws: `unavailable` for files of another version, or that cannot be read for now.
    init(
        folder: String, settings: SegmentBroker.Settings, runtime: any Runtime,
        notices: @escaping @Sendable (String) -> Void
    ) throws(BrokerError) {
        var log = try SegmentLog.open(folder, settings: settings, at: runtime.now())
        var (acknowledgements, floors) = try AcknowledgementFile.open(
            "\(folder)/consumers", on: settings.disk, notices: &log.notices)
        for (consumer, floor) in floors where floor > log.last {
            // The tail it acknowledged is lost; other messages may take those sequences.
            floors[consumer] = log.last
            do {
                try acknowledgements.store(log.last, of: consumer, at: runtime.now())
            } catch { throw error.unavailable }
        }
        core = Monitor(
            Core(
                log: log, acknowledgements: acknowledgements,
                consumers: floors.mapValues { ConsumerCursor(floor: $0) }))
        self.runtime = runtime
        self.notices = notices
    }

    func state() -> StreamState {
        change {
            StreamState(first: $0.log.first, last: $0.log.last, newest: $0.log.window.newest)
        }
    }

    func holdings(_ name: String) -> StreamHoldings {
        core.withLock { core in
            StreamHoldings(
                stream: name, messages: Int64(clamping: core.log.last + 1 - core.log.first),
                bytes: Int64(core.log.segments.reduce(0) { $0 + $1.size }))
        }
    }

    func publish(_ messages: [BrokerMessage], expectedLast: UInt64) throws(BrokerError) -> UInt64 {
        let last = try change { (core) throws(BrokerError) in
            guard core.log.last == expectedLast else {
                throw .wrongLastSequence(expected: expectedLast, actual: core.log.last)
            }
            do throws(FileError) { try core.log.append(messages, at: runtime.now()) } catch {
                throw error.unavailable
            }
            return core.log.last
        }
        core.wakeAll()
        core.withLock { $0.listener }?()
        return last
    }

    func fetch(_ subscription: Subscription, limit: Int, wait: Duration) throws(BrokerError)
        -> [Delivered]
    {
        let deadline = MonotonicTime.now() + wait
        // Each round hands out, or moves the consumer or the stream's first sequence on.
        while true {
            let step = try core.wait(until: deadline) { (core) throws(BrokerError) in
                try look(subscription, in: &core, limit: limit)
            }
            switch step {
            case nil: return []
            case .deliver(let deliveries): return deliveries
            case .read(let read, let room):
                let outcome: SegmentRead.Outcome
                do { outcome = try read.run(limit: room, wants: subscription.wants) } catch {
                    throw error.unavailable
                }
                let deliveries = change { take(outcome, of: read, for: subscription, in: &$0) }
                if !deliveries.isEmpty { return deliveries }
            }
        }
    }

    func acknowledge(_ subscription: Subscription, through sequence: UInt64) throws(BrokerError) {
        let wakes = try change { (core) throws(BrokerError) in
            try admit(subscription, to: &core)
            let consumer = subscription.consumer
            let last = core.log.last
            guard let cursor = core.consumers[consumer],
                cursor.accepts(acknowledgement: sequence, last: last)
            else { return false }
            do throws(FileError) {
                try core.acknowledgements.store(sequence, of: consumer, at: runtime.now())
            } catch { throw error.unavailable }
            return core.consumers[consumer]?.acknowledge(through: sequence, last: last) ?? false
        }
        if wakes { core.wakeAll() }
    }

    func reject(_ subscription: Subscription, from sequence: UInt64, delay: Duration) {
        change {
            $0.consumers[subscription.consumer]?
                .reject(from: sequence, delay: delay, at: runtime.now())
        }
        core.wakeAll()
    }

    /// Runs `body` under the lock, and says outside of it what an operator should know.
    func change<Result, Failure: Error>(
        _ body: (inout Core) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var said: [String] = []
        defer { said.forEach(notices) }
        return try core.withLock { (core) throws(Failure) in
            defer {
                said = core.log.notices
                core.log.notices = []
            }
            return try body(&core)
        }
    }

    private func admit(_ subscription: Subscription, to core: inout Core) throws(BrokerError) {
        guard core.consumers[subscription.consumer] == nil else { return }
        try BrokerRules.admit(subscription, to: core.consumers.count)
        core.consumers[subscription.consumer] = ConsumerCursor()
    }

    private func look(_ subscription: Subscription, in core: inout Core, limit: Int)
        throws(BrokerError) -> Monitor<Core>.Look<Step>
    {
        try admit(subscription, to: &core)
        let now = runtime.now()
        let turn = core.consumers[subscription.consumer]?
            .turn(at: now, first: core.log.first, last: core.log.last)
        guard case .ready(let from, let free)? = turn else {
            guard case .wait(let atMost)? = turn else { return .wait(atMost: nil) }
            return .wait(atMost: atMost)
        }
        let room = min(free, limit)
        if from < core.log.window.first, let read = core.log.read(from: from) {
            return .done(.read(read, room: room))
        }
        let taken = core.consumers[subscription.consumer]?
            .take(
                from: from, room: room, of: core.log.window, for: subscription, at: now)
        guard let taken, !taken.isEmpty else { return .wait(atMost: nil) }
        return .done(.deliver(taken))
    }

    /// Hands out what was read, unless the consumer has been elsewhere meanwhile.
    private func take(
        _ outcome: SegmentRead.Outcome, of read: SegmentRead, for subscription: Subscription,
        in core: inout Core
    ) -> [Delivered] {
        switch outcome {
        case .damaged(let why):
            core.log.giveUp(read.segment, because: why)
            return []
        case .found(let messages, let through, let index):
            core.log.keep(index, for: read.segment)
            let now = runtime.now()
            guard var cursor = core.consumers.removeValue(forKey: subscription.consumer) else {
                return []
            }
            defer { core.consumers[subscription.consumer] = cursor }
            let turn = cursor.turn(at: now, first: core.log.first, last: core.log.last)
            guard case .ready(read.from, let room) = turn, room >= messages.count else { return [] }
            let deliveries = messages.map {
                Delivered(
                    sequence: $0.sequence, attempt: cursor.handOut($0.sequence, at: now),
                    message: $0.message)
            }
            cursor.pass(through: through)
            return deliveries
        }
    }
}

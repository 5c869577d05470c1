package import EventSourcing

/// What waits for a writer, in two queues: what somebody waits for, and what other services and
/// calls to the outside bring.
///
/// What somebody waits for goes first, and at once. The rest comes by the thousand under load, and
/// each commit costs the same pages and the same sync for few events as for many: after a commit
/// that was full of it the next of it comes a pause later, with more in it. Nothing rests while
/// little happens.
package struct Inbox<Core: ServiceCore>: Sendable {
    package struct Pending: Sendable {
        package let input: EngineInput<Core>
        let reply: ServiceRunner<Core>.Reply
        let since = MonotonicTime.now()
        /// When it came, where somebody wants to know.
        let at: Timestamp

        package init(
            input: EngineInput<Core>, at: Timestamp = .epoch,
            reply: @escaping ServiceRunner<Core>.Reply
        ) {
            (self.input, self.at, self.reply) = (input, at, reply)
        }
    }

    private(set) var awaited: [Pending] = []
    private var steady: [Pending] = []
    /// Before it nothing of `steady` is taken, unless it has waited long enough.
    private var restsUntil: MonotonicTime?
    package var isStopping = false
    var isUp = false
    /// How many commands found no room.
    var refused: Int64 = 0

    package init() {}

    package var count: Int { awaited.count + steady.count }

    /// - Returns: whether the writer has to look: not where it sleeps until more has gathered.
    @discardableResult
    package mutating func add(_ pending: Pending) -> Bool {
        guard pending.input.canRest else {
            awaited.append(pending)
            return true
        }
        let knowsOfSome = count > 0
        steady.append(pending)
        return !knowsOfSome || restsUntil.map { pending.since >= $0 } ?? true
    }

    /// The next batch, of at most `limit` inputs; how long to wait for it where there is none yet.
    package mutating func next(limit: Int, at now: MonotonicTime) -> Monitor<Self>.Look<[Pending]> {
        if count == 0 { return isStopping ? .done([]) : .wait(atMost: nil) }
        let rest = isStopping ? nil : restsUntil.flatMap { now < $0 ? $0 - now : nil }
        if awaited.isEmpty, let rest { return .wait(atMost: rest) }
        var batch = Self.take(limit, from: &awaited)
        // Whoever waits has to wait for one lot of the rest in the same commit, and no more.
        if batch.isEmpty {
            batch = Self.take(limit, from: &steady)
        } else if rest == nil {
            batch += Self.take(1, from: &steady)
        }
        return .done(batch)
    }

    private static func take(_ limit: Int, from queue: inout [Pending]) -> [Pending] {
        if queue.count <= limit {
            defer { queue = [] }
            return queue
        }
        defer { queue.removeFirst(limit) }
        return Array(queue[..<limit])
    }

    /// A batch with so much of what can rest in it was committed.
    package mutating func rest(for pause: Duration, at now: MonotonicTime) {
        restsUntil = now + pause
    }

    /// Takes all out, in order.
    package mutating func empty() -> [Pending] {
        defer { (awaited, steady) = ([], []) }
        return awaited + steady
    }
}

extension EngineInput {
    /// How many messages and results of calls it brings.
    var load: Int {
        switch self {
        case .bulletins(_, let received): received.count
        case .page(_, let page): page.messages.count
        case .effect: 1
        case .command, .rewind, .published, .halt, .checkpoint, .parked: 0
        }
    }

    /// Whether nobody stands before a counter for it.
    fileprivate var canRest: Bool {
        switch self {
        case .bulletins, .page, .effect, .published: true
        case .command, .rewind, .halt, .checkpoint, .parked: false
        }
    }
}

package import Domain
package import EventSourcing
package import EventStore

/// A checkout as an operator looks at it, folded from its stream.
package struct SagaView: Sendable {
    package enum State: String, Sendable {
        case notBegun = "not-begun"
        case waiting, postponed, completed, compensated
    }

    /// A step, and how far it has come.
    package struct Step: Sendable {
        package enum State: String, Sendable {
            case ahead, pending, done, refused, skipped, undoing, undone
        }

        package let name: String
        /// Who carries it out.
        package let service: String
        package fileprivate(set) var state = State.ahead
        package fileprivate(set) var attempts = 0
        /// When it was asked for last, or else what it came to.
        package fileprivate(set) var at: Timestamp?
    }

    package let order: OrderID
    package private(set) var state = State.notBegun
    package private(set) var progress = CheckoutProgress()
    package private(set) var steps: [Step] = []
    /// When the pending step was asked for, or put off.
    package private(set) var since: Timestamp?
    /// When it will be looked at again by itself.
    package private(set) var due: Timestamp?
    /// Why it waits, in words; nil for one that has ended.
    package private(set) var why: String?
    /// Whether it needs a person, as far as can be told: it was refused where it must succeed, or
    /// nobody has answered within the step's time.
    package private(set) var isStuck = false
    package private(set) var history: [StoredRecord] = []

    /// What an answer may be late by before that counts.
    private static let grace = Duration.seconds(5)
    /// The most events that are folded: more than any checkout has that a person did not ask for
    /// again and again.
    private static let most = 10_000

    /// - Returns: nil where there is no such order.
    package init?(_ order: OrderID, in queries: LogQueries, at now: Timestamp)
        throws(StoreError)
    {
        self.order = order
        due = try queries.timer(OrdersCore.timer(order))?.due
        let stream = StreamID("checkout", order.value)
        let records = try queries.stream(stream, after: .none, limit: Self.most)
        guard !records.isEmpty else {
            let placed = StreamID("order", order.value)
            let first = try queries.stream(placed, after: .none, limit: 1).first
            guard let first else { return nil }
            (since, why) = (first.recordedAt, "it waits for its turn to begin")
            steps = Self.steps(version: Checkout.version)
            return
        }
        history = records
        for record in records {
            let event = try record.decoded(as: CheckoutProgress.Event.self).event
            progress.evolve(event)
            follow(event, at: record.recordedAt)
        }
        conclude(at: now)
    }

    private static func steps(version: Int) -> [Step] {
        Checkout.steps(version: version).map { step in
            Step(name: step.name, service: step.participant?.value ?? "orders")
        }
    }

    private mutating func change(_ name: String, _ body: (inout Step) -> Void) {
        guard let index = steps.firstIndex(where: { $0.name == name }) else { return }
        body(&steps[index])
    }

    private mutating func follow(_ event: CheckoutProgress.Event, at time: Timestamp) {
        switch event {
        case .started(_, let version, _):
            steps = Self.steps(version: version)
            since = time
        case .requested(let reference, _):
            let isForward = reference.direction == .forward
            settle(before: reference)
            change(reference.step) { step in
                step.state = isForward ? .pending : .undoing
                step.attempts = reference.attempt
                step.at = time
            }
            since = time
        case .turned(let reason):
            why = reason
            // What was in flight is undone next, unless it was refused.
            if let pending = progress.pending { change(pending.step) { $0.state = .refused } }
        case .postponed(_, let reason, _): (since, why) = (time, reason)
        case .skipped(let reference, _):
            change(reference.step) { ($0.state, $0.at) = (.skipped, time) }
        case .completed, .compensated:
            for index in steps.indices {
                switch steps[index].state {
                case .pending: (steps[index].state, steps[index].at) = (.done, time)
                case .undoing: (steps[index].state, steps[index].at) = (.undone, time)
                case .ahead where progress.phase == .completed: steps[index].state = .done
                default: break
                }
            }
        case .resumed, .asked, .sentBack: break
        }
    }

    /// A request says what the ones before it came to.
    private mutating func settle(before reference: StepReference) {
        guard let at = steps.firstIndex(where: { $0.name == reference.step }) else { return }
        if reference.direction == .forward {
            for index in steps.indices.prefix(at)
            where [.pending, .undoing, .ahead].contains(steps[index].state) {
                steps[index].state = .done
            }
        } else {
            for index in steps.indices.suffix(from: at + 1) where steps[index].state == .undoing {
                steps[index].state = .undone
            }
        }
    }

    private mutating func conclude(at now: Timestamp) {
        switch progress.phase {
        case .absent: break
        case .completed: (state, why, due) = (.completed, nil, nil)
        case .compensated: (state, why, due) = (.compensated, nil, nil)
        case .postponed:
            (state, isStuck) = (.postponed, true)
        case .waiting:
            state = .waiting
            let service = progress.current?.participant?.value ?? "orders"
            let waited = now - (since ?? now)
            isStuck = progress.deadline.map { waited > $0 + Self.grace } ?? true
            why = "\(service) has not answered"
        }
    }
}

/// How many checkouts wait for a step.
package struct SagaStepCount: Hashable, Sendable {
    package let step: String
    package let direction: StepReference.Direction
    package var open: Int64
    package var stuck: Int64
    /// Since when the one waits that has waited longest.
    package var oldest: Timestamp

    package init(
        step: String, direction: StepReference.Direction, open: Int64, stuck: Int64,
        oldest: Timestamp
    ) {
        (self.step, self.direction) = (step, direction)
        (self.open, self.stuck, self.oldest) = (open, stuck, oldest)
    }
}

extension OrdersCore {
    /// The orders whose checkouts have not ended, by id, which is by age, after `order`.
    package static func open(_ queries: LogQueries, after order: OrderID?, limit: Int)
        throws(StoreError) -> [OrderID]
    {
        try queries.timers(prefix: timerPrefix, after: order.map(timer), limit: limit)
            .compactMap { OrderID(String($0.key.dropFirst(timerPrefix.count))) }
    }

    /// So many checkouts are looked at when they are counted by step: the oldest of those begun.
    package static let mostCounted = 500

    /// Open checkouts that have begun, by the step they wait for.
    package static func countSteps(_ queries: LogQueries, at now: Timestamp)
        throws(StoreError) -> [SagaStepCount]
    {
        let timers = try queries.timers(
            prefix: timerPrefix, after: nil, butFor: TimerData.startPrefix, limit: mostCounted)
        var counts: [String: SagaStepCount] = [:]
        for timer in timers {
            guard let order = OrderID(String(timer.key.dropFirst(timerPrefix.count))),
                let view = try SagaView(order, in: queries, at: now),
                let pending = view.progress.pending, let since = view.since
            else { continue }
            let fresh = SagaStepCount(
                step: pending.step, direction: pending.direction, open: 0, stuck: 0, oldest: since)
            var count = counts[pending.step + pending.direction.rawValue] ?? fresh
            count.open += 1
            if view.isStuck { count.stuck += 1 }
            count.oldest = min(count.oldest, since)
            counts[pending.step + pending.direction.rawValue] = count
        }
        let order = Checkout.steps(version: Checkout.version).map(\.name)
        return counts.values.sorted { a, b in
            (order.firstIndex(of: a.step) ?? 0, a.direction.rawValue)
                < (order.firstIndex(of: b.step) ?? 0, b.direction.rawValue)
        }
    }
}

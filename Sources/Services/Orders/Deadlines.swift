import Domain
import EventSourcing
import EventStore

/// How long a participant has for what it was asked.
struct Deadline {
    let order: OrderID
    let step: StepReference
    let participant: LogName
    /// The event that asks for it.
    let request: Position
    let since: Timestamp
    let within: Duration

    var due: Timestamp { since + within }

    func timer(_ key: String) -> Timer {
        Timer(
            key: key, due: due, source: participant.value, request: request, within: within,
            data: TimerData.deadline(step).text)
    }
}

/// The deadlines of orders that were asked for lately, and which timers the file has for them.
///
/// A timer that is due no later than the deadline of the next step is left as it is: when it fires
/// and finds the order a step further, it is set for that one. So an order that goes its way
/// quickly has its timer written once and removed, and not written anew with each step.
struct Deadlines {
    private struct Known {
        let deadline: Deadline
        /// When the timer in the file is due.
        let rowDue: Timestamp
    }

    private var known = TwoGenerations<ExactText, Known>(capacity: 5_000)
    /// What the running input has set.
    private var fresh: [Known] = []

    /// Takes in a deadline.
    ///
    /// - Returns: whether its timer must be written.
    mutating func take(_ deadline: Deadline, at now: Timestamp) -> Bool {
        let before =
            fresh.last { $0.deadline.order == deadline.order } ?? known[key(deadline.order)]
        // As long as it is not due nothing has fired it or set it anew.
        if let before, now < before.rowDue, before.rowDue <= deadline.due {
            fresh.append(Known(deadline: deadline, rowDue: before.rowDue))
            return false
        }
        fresh.append(Known(deadline: deadline, rowDue: deadline.due))
        return true
    }

    /// The deadline that was taken in last; nil where that is not known any more.
    mutating func last(of order: OrderID) -> Deadline? { known[key(order)]?.deadline }

    /// Its timer is gone, or another was set.
    mutating func forget(_ order: OrderID) {
        known[key(order)] = nil
        fresh.removeAll { $0.deadline.order == order }
    }

    mutating func keep() {
        guard !fresh.isEmpty else { return }
        for item in fresh { known[key(item.deadline.order)] = item }
        fresh.removeAll(keepingCapacity: true)
    }

    /// The timers of the running input are not in the file.
    mutating func rollback() { fresh.removeAll(keepingCapacity: true) }

    private func key(_ order: OrderID) -> ExactText { ExactText(order.value) }
}

extension OrdersCore {
    /// Sees to it that a timer tells when the deadline has passed.
    func watch(_ deadline: Deadline, in transaction: Transaction) throws(StoreError) {
        guard deadlines.take(deadline, at: transaction.now) else { return }
        try transaction.set(deadline.timer(Self.timer(deadline.order)))
    }

    /// The timer of an earlier step has fired and is gone: that of the present one is set.
    func watchCurrent(_ order: OrderID, in transaction: Transaction) throws(StoreError) {
        let checkout = try checkouts.load(order.value, in: transaction).state
        guard checkout.phase == .waiting, let pending = checkout.pending,
            let participant = checkout.current?.participant, let within = checkout.deadline
        else { return }
        let last = deadlines.last(of: order)
        deadlines.forget(order)
        // Where it is not known when the step was asked for, it was before now.
        let isKnown = last?.step == pending
        try watch(
            Deadline(
                order: order, step: pending, participant: participant,
                request: last.flatMap { isKnown ? $0.request : nil } ?? transaction.head,
                since: last.flatMap { isKnown ? $0.since : nil } ?? transaction.now,
                within: within), in: transaction)
    }
}

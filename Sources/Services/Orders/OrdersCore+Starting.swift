import Domain
package import EventSourcing
package import EventStore
package import Messaging

extension OrdersCore {
    /// An order that waits is begun after as long in any case.
    private static let longestWait = Duration.seconds(3600)

    /// Begins the checkout of an order that was placed just now, or has it wait for its turn.
    func begin(_ order: OrderID, _ draft: Order.Draft, in transaction: Transaction)
        throws(StoreError)
    {
        guard starts.mustWait else { return try start(order, draft, in: transaction) }
        starts.add(order)
        addedStarts += 1
        openChange += 1
        // Its row keeps the order in the queue over a restart.
        try transaction.set(
            Timer(
                key: Self.timer(order), due: transaction.now + Self.longestWait,
                data: TimerData.start(order).text))
    }

    private func start(_ order: OrderID, _ draft: Order.Draft, in transaction: Transaction)
        throws(StoreError)
    {
        let context = Checkout.Context(order: order, draft: draft, payWithin: payWithin)
        try advance(order, .start(context), in: transaction)
    }

    /// Begins a checkout that has waited, where its order has none yet; what it leads to has the
    /// placing as its cause.
    func startWaiting(_ order: OrderID, in transaction: Transaction) throws(StoreError) {
        guard let draft = try orders.load(order.value, in: transaction).state.draft,
            try checkouts.load(order.value, in: transaction).state.phase == .absent
        else { return }
        let stream = StreamID(orders.category, order.value)
        try transaction.settle(stream)
        guard let placed = try transaction.events(of: stream, after: .none, limit: 1).first
        else { return }
        let saved = transaction.metadata
        var metadata = try placed.parsedMetadata()
        metadata.cause = placed.identity
        transaction.metadata = metadata
        defer { transaction.metadata = saved }
        // It was counted when it began to wait.
        openChange -= 1
        try start(order, draft, in: transaction)
    }

    package func hasRead(_ participant: LogName, through position: Position) {
        starts.hasRead(participant, through: position)
    }

    package func carryOn(in transaction: Transaction) throws(StoreError) -> Bool {
        guard let order = starts.next else { return false }
        // Should it throw, its timer begins it later.
        starts.removeFirst()
        try startWaiting(order, in: transaction)
        return true
    }

    package var waiting: WaitingWork? { WaitingWork(count: starts.count, taken: starts.taken) }

    /// How many orders are on their way, and how many of them wait for their checkout to begin, as
    /// the file has them.
    package static func underWay(_ queries: LogQueries) throws(StoreError)
        -> (all: Int, waiting: Int)
    {
        (
            try queries.countTimers(prefix: timerPrefix),
            try queries.countTimers(prefix: timerPrefix, data: TimerData.startPrefix)
        )
    }

    /// Orders that wait, as the file has them, in the order they were placed.
    func readWaiting(_ log: EventLog) throws(StoreError) {
        for timer in try log.queries.timers(prefix: Self.timerPrefix, data: TimerData.startPrefix) {
            if case .start(let order)? = TimerData(timer) { starts.add(order) }
        }
    }
}

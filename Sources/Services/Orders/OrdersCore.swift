import Domain
package import EventSourcing
package import EventStore
package import Messaging

/// The orders service: orders, the references they claim, and the checkouts that lead them through
/// the services.
package final class OrdersCore: ServiceCore {
    package static let log = LogName("orders")
    package static let sources = [
        Source(LogName("deliveries"), Publication.facts),
        Source(LogName("payments"), Publication.facts),
    ]

    let orders = Aggregates<Order>(category: "order")
    let checkouts = Aggregates<CheckoutProgress>(category: "checkout")
    private let references = Aggregates<Reference>(category: "reference", capacity: 2_000)
    private let customers = Aggregates<Customer>(category: "customer", capacity: 2_000)
    private let runtime: any Runtime
    /// The most orders that may be on their way; above it placing is refused for now.
    private let openLimit: Int
    /// How long a customer has to pay; nil for the usual time.
    let payWithin: Duration?
    private(set) var openCount = 0
    var openChange = 0
    var starts: StartQueue
    var deadlines = Deadlines()
    /// How many were added to `starts` since the last `keep`.
    var addedStarts = 0

    /// - Parameter startLimit: the most requests that a participant may have before it while more
    ///   checkouts are begun.
    package init(
        runtime: any Runtime, openLimit: Int = 200_000, startLimit: Int = 2_000,
        payWithin: Duration? = nil
    ) {
        self.runtime = runtime
        self.payWithin = payWithin
        self.openLimit = openLimit
        starts = StartQueue(limit: startLimit)
    }

    static let timerPrefix = "checkout-"

    /// The one timer of an order that is on its way.
    static func timer(_ order: OrderID) -> String { "\(timerPrefix)\(order)" }

    /// Each order on its way has one timer, so that they need not be counted in the log.
    package func open(_ log: EventLog) throws(StoreError) {
        openCount = try log.countTimers(prefix: Self.timerPrefix)
        try readWaiting(log)
    }

    package func keep() {
        orders.keep()
        checkouts.keep()
        references.keep()
        customers.keep()
        openCount += openChange
        openChange = 0
        addedStarts = 0
        deadlines.keep()
    }

    package func rollback() {
        orders.rollback()
        checkouts.rollback()
        references.rollback()
        customers.rollback()
        openChange = 0
        starts.removeLast(addedStarts)
        addedStarts = 0
        deadlines.rollback()
    }

    package func snapshot(in transaction: Transaction) {}

    package static func label(of command: OrdersCommand) -> CommandLabel {
        switch command {
        case .place(let order, _): CommandLabel("place order", StreamID("order", order.value))
        case .cancel(let order, _): CommandLabel("cancel order", StreamID("order", order.value))
        case .erase(let customer):
            CommandLabel("erase customer", StreamID("customer", customer.value))
        case .steer(let order, _, _):
            CommandLabel("steer checkout", StreamID("checkout", order.value))
        case .correct(let order, _, _, _):
            CommandLabel("correct order", StreamID("order", order.value))
        }
    }

    package func handle(_ command: OrdersCommand, in transaction: Transaction) throws(StoreError)
        -> OrdersAnswer
    {
        switch command {
        case .place(let order, let draft): try place(order, draft, in: transaction)
        case .cancel(let order, let reason): try cancel(order, reason, in: transaction)
        case .erase(let customer):
            try erase(customer, in: transaction)
        case .steer(let order, let steering, let instruction):
            try steer(order, steering, instruction, in: transaction)
        case .correct(let order, let customer, let contact, let instruction):
            try correct(order, customer, contact, instruction, in: transaction)
        }
    }

    package func render(_ entry: LedgerEntry, in transaction: Transaction) -> OrdersAnswer {
        guard let order = OrderID(entry.stream.id) else { return .refused(.unknownOrder) }
        return .accepted(order, entry.version, entry.position)
    }

    private func place(_ order: OrderID, _ draft: Order.Draft, in transaction: Transaction)
        throws(StoreError) -> OrdersAnswer
    {
        guard openCount < openLimit else { return .refused(.busy) }
        let claim = draft.reference.map { ($0, id: SHA256.hash($0.utf8).hex) }
        if let claim,
            let other = try references.load(claim.id, in: transaction).state.order,
            other != order
        {
            return .refused(.referenceTaken(by: other))
        }
        let sealed: Order.Draft
        do {
            sealed = try seal(draft, of: order, in: transaction)
            _ = try orders.load(order.value, in: transaction).state.decide(.place(sealed))
        } catch let error as StoreError {
            throw error
        } catch { return .refused(.invalid("\(error)")) }
        // Only an order that will be placed claims its reference: a refusal leaves nothing behind.
        if let claim {
            _ = try references.decide(.claim(claim.0, for: order), for: claim.id, in: transaction)
        }
        switch try orders.decide(.place(sealed), for: order.value, in: transaction) {
        case .failure(let rejection): return .refused(.invalid(rejection.description))
        case .success: break
        }
        let position = transaction.head
        let version = try orders.load(order.value, in: transaction).version
        try begin(order, sealed, in: transaction)
        return .accepted(order, version, position)
    }

    /// The draft with its contact sealed under the customer's key (a guest's: the order's).
    private func seal(_ draft: Order.Draft, of order: OrderID, in transaction: Transaction) throws
        -> Order.Draft
    {
        guard let contact = draft.contact else { return draft }
        let owner = owner(of: order, draft.customer)
        guard let sealed = try seal(contact, of: owner, in: transaction) else { return draft }
        return try Order.Draft(
            customer: draft.customer, contact: sealed, currency: draft.currency,
            lines: draft.lines, token: draft.token, reference: draft.reference,
            shipping: draft.shipping)
    }

    /// Whose key a contact is sealed under.
    func owner(of order: OrderID, _ customer: CustomerID?) -> String {
        customer.map { "customer:\($0)" } ?? "order:\(order)"
    }

    /// A contact sealed under its owner's key, with the owner's name in front.
    func seal(_ contact: String, of owner: String, in transaction: Transaction)
        throws(StoreError) -> String?
    {
        let bytes = try transaction.sealingKey(of: owner, fresh: randomBytes(32))
        guard let key = SealingKey(bytes), let nonce = SealingNonce(randomBytes(12)) else {
            return nil
        }
        return "\(owner) \(SealedText.seal(contact, key: key, nonce: nonce, place: owner))"
    }

    private func randomBytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            withUnsafeBytes(of: runtime.random()) { bytes.append(contentsOf: $0) }
        }
        return Array(bytes.prefix(count))
    }

    private func cancel(_ order: OrderID, _ reason: String, in transaction: Transaction)
        throws(StoreError) -> OrdersAnswer
    {
        let entry = try orders.load(order.value, in: transaction)
        guard entry.state.phase != .absent else { return .refused(.unknownOrder) }
        // One that still waits begins, and turns back at once.
        try startWaiting(order, in: transaction)
        let checkout = try checkouts.load(order.value, in: transaction).state
        let abort = CheckoutProgress.Command.abort(reason: reason)
        do throws(CheckoutProgress.Rejection) {
            _ = try checkout.decide(abort)
        } catch { return .refused(.tooLate(tooLate(entry.state))) }
        switch try orders.decide(
            .requestCancellation(reason: reason), for: order.value, in: transaction)
        {
        case .failure(let rejection): return .refused(.tooLate(rejection.description))
        case .success: break
        }
        let position = transaction.head
        try advance(order, abort, in: transaction)
        let version = try orders.load(order.value, in: transaction).version
        return .accepted(order, version, position)
    }

    func tooLate(_ order: Order) -> String {
        switch order.phase {
        case .rejected, .cancelled, .expired, .completed: "the order is \(order.phase.rawValue)"
        case .absent, .placed, .confirmed, .cancelPending:
            "the order was handed to the carrier; return the goods instead"
        }
    }

    private func erase(_ customer: CustomerID, in transaction: Transaction) throws(StoreError)
        -> OrdersAnswer
    {
        _ = try customers.decide(.erase, for: customer.value, in: transaction)
        try transaction.destroySealingKey(of: "customer:\(customer)")
        return .erased
    }

    /// Feeds the checkout a command and carries out what it asks for: local steps at once, others
    /// by message and timer.
    func advance(
        _ order: OrderID, _ command: CheckoutProgress.Command, in transaction: Transaction
    ) throws(StoreError) {
        let command = try passing(command, of: order, in: transaction)
        guard
            case .success(let events) = try checkouts.decide(
                command, for: order.value, in: transaction)
        else { return }
        let first = Position(transaction.head.value - Int64(events.count))
        for (offset, event) in events.enumerated() {
            try follow(
                event, at: Position(first.value + Int64(offset) + 1), of: order, in: transaction)
        }
    }

    /// Where the checkout goes on with a step of the orders service itself, that is carried out
    /// first, so that nothing need be recorded of asking for it.
    private func passing(
        _ command: CheckoutProgress.Command, of order: OrderID, in transaction: Transaction
    ) throws(StoreError) -> CheckoutProgress.Command {
        guard case .outcome(let step, let outcome) = command,
            let request = try checkouts.load(order.value, in: transaction).state
                .localRequest(after: step, outcome),
            try carryOut(request, for: order, in: transaction) == .done
        else { return command }
        return .passed(step)
    }

    private func follow(
        _ event: CheckoutProgress.Event, at position: Position, of order: OrderID,
        in transaction: Transaction
    ) throws(StoreError) {
        let timer = Self.timer(order)
        switch event {
        case .started: openChange += 1
        case .requested(let step, let request):
            let checkout = try checkouts.load(order.value, in: transaction).state
            guard let participant = checkout.current?.participant,
                let deadline = checkout.deadline
            else {
                let outcome = try carryOut(request, for: order, in: transaction)
                return try advance(order, .outcome(step, outcome), in: transaction)
            }
            starts.ask(participant, at: position)
            try watch(
                Deadline(
                    order: order, step: step, participant: participant, request: position,
                    since: transaction.now, within: deadline), in: transaction)
        case .turned, .asked, .skipped, .sentBack: break
        case .resumed:
            _ = try orders.decide(.refuseCancellation, for: order.value, in: transaction)
        case .postponed(let step, _, let pause):
            deadlines.forget(order)
            try transaction.set(
                Timer(key: timer, due: transaction.now + pause, data: TimerData.retry(step).text))
        case .completed:
            openChange -= 1
            deadlines.forget(order)
            try transaction.removeTimer(timer)
        case .compensated(let reason):
            openChange -= 1
            deadlines.forget(order)
            try transaction.removeTimer(timer)
            try close(order, reason, in: transaction)
        }
    }

    /// A step of the orders service itself, decided at once.
    private func carryOut(
        _ request: StepRequest, for order: OrderID, in transaction: Transaction
    ) throws(StoreError) -> StepOutcome {
        let command: Order.Command
        switch request {
        case .confirm: command = .confirm
        case .complete: command = .complete
        case .reserve, .release, .authorize, .void, .pack, .unpack, .handOver, .recall, .capture:
            return .refused("the orders service does not do that")
        }
        switch try orders.decide(command, for: order.value, in: transaction) {
        case .success: return .done
        case .failure(let rejection): return .refused(rejection.description)
        }
    }

    private func close(_ order: OrderID, _ reason: String, in transaction: Transaction)
        throws(StoreError)
    {
        let phase = try orders.load(order.value, in: transaction).state.phase
        let close: Order.CloseReason =
            if phase == .cancelPending {
                .cancelled(reason)
            } else if reason.hasPrefix("timed out") { .expired(reason) } else { .rejected(reason) }
        _ = try orders.decide(.close(close), for: order.value, in: transaction)
    }

    package func react(to message: Message, in transaction: Transaction) throws(ReactionError) {
        // What answers a request shows that all before it were read.
        if let cause = message.metadata.cause, cause.log == Self.log {
            let mark = ReadMark(cause.epoch, cause.position)
            do throws(StoreError) {
                starts.hasRead(message.identity.log, through: try transaction.read(through: mark))
            } catch { throw .store(error) }
        }
        let reply: StepReply?
        do {
            reply = try StepReply.read(message.type, message.data)
        } catch { throw ReactionError(reading: error) }
        guard let reply else { return }
        guard let order = OrderID(reply.step.saga) else {
            throw .poison("\(reply.step.saga) is no order's id")
        }
        do throws(StoreError) {
            try advance(order, .outcome(reply.step, reply.outcome), in: transaction)
        } catch { throw .store(error) }
    }

    package func fire(_ timer: Timer, in transaction: Transaction) throws(StoreError) {
        guard let data = TimerData(timer.data), let order = data.order else { return }
        transaction.metadata = try transaction.metadataOfTimer(
            for: StreamID(orders.category, order.value))
        switch data {
        case .start: try startWaiting(order, in: transaction)
        case .deadline(let step):
            guard try checkouts.load(order.value, in: transaction).state.pending != step else {
                return try advance(order, .deadline(step), in: transaction)
            }
            try watchCurrent(order, in: transaction)
        case .retry(let step): try advance(order, .retry(step), in: transaction)
        }
    }

    package func finish(_ effect: Effect, _ result: EffectResult, in transaction: Transaction)
        throws(StoreError)
    {
        // The orders service calls nobody; an effect in its file is none of this build's.
        try transaction.finish(effect)
    }
}

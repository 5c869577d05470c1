import Domain
import EventSourcing
import EventStore

/// What operators do by hand: each act is an event with who did it and why, and goes the way that
/// the checkout's own decisions go.
extension OrdersCore {
    func steer(
        _ order: OrderID, _ steering: Steering, _ instruction: Instruction,
        in transaction: Transaction
    ) throws(StoreError) -> OrdersAnswer {
        let entry = try orders.load(order.value, in: transaction)
        guard entry.state.phase != .absent else { return .refused(.unknownOrder) }
        // One that still waits begins, to turn back at once.
        if steering == .compensate { try startWaiting(order, in: transaction) }
        let command: CheckoutProgress.Command =
            switch steering {
            case .retry: .ask(instruction)
            case .skip(let step): .skip(step: step, instruction)
            case .compensate: .compensate(instruction)
            }
        let checkout = try checkouts.load(order.value, in: transaction).state
        do throws(CheckoutProgress.Rejection) {
            _ = try checkout.decide(command)
        } catch { return .refused(refusal(error, entry.state)) }
        if steering == .compensate {
            let cancel = Order.Command.requestCancellation(reason: instruction.why)
            if case .failure(let rejection) = try orders.decide(
                cancel, for: order.value, in: transaction)
            {
                return .refused(.tooLate(rejection.description))
            }
        }
        let act = transaction.head.next
        try advance(order, command, in: transaction)
        let version = try orders.load(order.value, in: transaction).version
        return .accepted(order, version, act)
    }

    private func refusal(_ rejection: CheckoutProgress.Rejection, _ order: Order)
        -> OrdersAnswer.Refusal
    {
        switch rejection {
        case .notStarted:
            .conflict(
                code: "checkout-not-begun",
                "its checkout waits for its turn, and begins by itself")
        case .tooLate: .tooLate(tooLate(order))
        case .turnedAlready:
            .conflict(
                code: "checkout-turned", "its checkout goes back already; see what it waits for")
        case .notPending(let step, let pending):
            .conflict(
                code: "step-not-pending",
                "'\(step)' is not what its checkout waits for"
                    + (pending.map { "; that is '\($0)'" } ?? ""))
        case .alreadyStarted, .unknownVersion: .invalid("\(rejection)")
        }
    }

    func correct(
        _ order: OrderID, _ customer: CustomerID?, _ contact: String?, _ instruction: Instruction,
        in transaction: Transaction
    ) throws(StoreError) -> OrdersAnswer {
        let entry = try orders.load(order.value, in: transaction)
        guard let draft = entry.state.draft else { return .refused(.unknownOrder) }
        let owner = owner(of: order, customer ?? draft.customer)
        var clear: String?
        if let sealed = draft.contact { clear = try open(sealed, in: transaction) }
        // Sealed anew, so that erasing a customer erases what is theirs and nobody else's.
        let hasChanged = contact.map { $0 != clear } ?? false
        clear = contact ?? clear
        var sealed: String?
        if hasChanged || (customer != nil && customer != draft.customer), let clear {
            sealed = try seal(clear, of: owner, in: transaction)
        }
        let changed = customer == draft.customer ? nil : customer
        let correction = Order.Correction(customer: changed, contact: sealed, instruction)
        switch try orders.decide(.correct(correction), for: order.value, in: transaction) {
        case .failure(.nothingToCorrect):
            return .refused(
                .conflict(
                    code: "nothing-to-correct", Order.Rejection.nothingToCorrect.description))
        case .failure(let rejection): return .refused(.invalid(rejection.description))
        case .success: break
        }
        let version = try orders.load(order.value, in: transaction).version
        return .accepted(order, version, transaction.head)
    }

    /// A contact in the clear; nil where its key was destroyed.
    private func open(_ contact: String, in transaction: Transaction) throws(StoreError)
        -> String?
    {
        guard let space = contact.utf8.firstIndex(of: UInt8(ascii: " ")) else { return nil }
        let owner = String(contact[..<space])
        guard let bytes = try transaction.sealingKey(of: owner), let key = SealingKey(bytes)
        else { return nil }
        let sealed = String(contact[contact.utf8.index(after: space)...])
        return try? SealedText.open(sealed, key: key, place: owner)
    }
}

import Domain
package import EventSourcing
package import EventStore
package import Messaging

/// The payments service: one payment an order, and the calls to the payment provider.
package final class PaymentsCore: ServiceCore {
    package static let log = LogName("payments")
    package static let sources = [Source(LogName("orders"), "to-payments")]
    package static let publication = Publication(
        channels: [Publication.facts],
        rules: [
            "payment.authorization-requested": Publication.fact(without: ["token"]),
            "payment.authorized": Publication.fact,
            "payment.declined": Publication.fact,
            "payment.authorization-unknown": Publication.fact,
            "payment.authorization-overdue": Publication.fact,
            "payment.void-requested": Publication.fact,
            "payment.voided": Publication.fact,
            "payment.capture-requested": Publication.fact,
            "payment.captured": Publication.fact,
            "payment.capture-failed": Publication.fact,
            "payment.answered": Publication.fact,
        ])

    /// How often the provider is asked to authorize, at least, before that is given up.
    private static let leastAttempts = 5

    private let payments = Aggregates<Payment>(category: "payment")
    private let retryPause: Duration

    /// - Parameter retryPause: the first pause after a call without an answer; it doubles up to a
    ///   minute.
    package init(retryPause: Duration = .seconds(1)) { self.retryPause = retryPause }

    package typealias Command = NoCommand
    package typealias Answer = NoAnswer

    package func open(_ log: EventLog) {}
    package func keep() { payments.keep() }
    package func rollback() { payments.rollback() }
    package func snapshot(in transaction: Transaction) {}
    package func fire(_ timer: Timer, in transaction: Transaction) {}

    package func react(to message: Message, in transaction: Transaction) throws(ReactionError) {
        let asked: (StepReference, StepRequest)?
        do throws(UnreadableEvent) {
            asked = try Checkout.request(in: message.type, message.data)
        } catch { throw ReactionError(reading: error) }
        guard let (step, request) = asked else { return }
        let command: Payment.Command
        switch request {
        case .authorize(let amount, let token, let time):
            command = .authorize(step, amount, token: token, within: time)
        case .void: command = .void(step)
        case .capture(let amount): command = .capture(step, amount)
        case .reserve, .release, .confirm, .pack, .unpack, .handOver, .recall, .complete:
            throw .poison("\(step) asks for what is not the payments service's")
        }
        do throws(StoreError) {
            try decide(command, for: step.saga, in: transaction)
        } catch { throw .store(error) }
    }

    private func decide(_ command: Payment.Command, for order: String, in transaction: Transaction)
        throws(StoreError)
    {
        _ = try payments.decide(command, for: order, in: transaction)
        let payment = try payments.load(order, in: transaction).state
        guard let call = payment.nextEffect else { return }
        try transaction.request(
            call.key, call.kind, for: StreamID("payment", order),
            data: call.data(deadline: transaction.now + payment.time))
    }

    package func finish(_ effect: Effect, _ result: EffectResult, in transaction: Transaction)
        throws(StoreError)
    {
        switch result {
        case .answered(let text) where PaymentCall.isPending(text):
            try wait(effect, in: transaction, orGiveUp: .authorizationOverdue(reason: Self.late))
        case .answered(let text):
            try transaction.finish(effect)
            guard let command = PaymentCall.command(text) else { return }
            try decide(command, for: effect.stream.id, in: transaction)
        case .noAnswer, .notMade:
            try wait(effect, in: transaction, orGiveUp: .authorizationUnknown(reason: Self.late))
        }
    }

    /// Begins as the checkout's own deadlines do: the order expires.
    private static let late = "timed out: the payment was not made in time"

    /// Has the call made again after a pause that doubles; an authorization at its deadline once
    /// more, and then no more.
    ///
    /// Only an answer that was asked for after the deadline decides, and not before the provider
    /// was asked some times: no outage of ours takes the customer's time.
    private func wait(
        _ effect: Effect, in transaction: Transaction, orGiveUp command: Payment.Command
    ) throws(StoreError) {
        let order = effect.stream.id
        var pause = min(retryPause * (1 << min(effect.attempts, 16)), .seconds(60))
        var deadline: Timestamp?
        switch effect.kind {
        case PaymentCall.authorize:
            let time = try payments.load(order, in: transaction).state.time
            pause = min(pause, time / 8)
            deadline = PaymentCall.deadline(of: effect)
        case PaymentCall.settle:
            // Who waits for the customer has yet to say what is to be voided; who is silent is
            // voided to be sure.
            if case .authorizationUnknown = command {
                deadline = effect.due
                pause = retryPause
            }
        default: break
        }
        guard let deadline else {
            return try transaction.postpone(effect, until: transaction.now + pause)
        }
        if effect.due >= deadline, effect.attempts + 1 >= Self.leastAttempts {
            try transaction.finish(effect)
            return try decide(command, for: order, in: transaction)
        }
        let next = transaction.now + pause
        try transaction.postpone(
            effect, until: transaction.now < deadline ? min(next, deadline) : next)
    }
}

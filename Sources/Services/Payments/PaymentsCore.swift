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
            "payment.void-requested": Publication.fact,
            "payment.voided": Publication.fact,
            "payment.capture-requested": Publication.fact,
            "payment.captured": Publication.fact,
            "payment.capture-failed": Publication.fact,
            "payment.answered": Publication.fact,
        ])
    /// How often the provider is asked to authorize before its silence counts as no.
    private static let authorizationAttempts = 5

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
        case .authorize(let amount, let token): command = .authorize(step, amount, token: token)
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
        let payment = try payments.load(order, in: transaction.queries).state
        guard let call = payment.nextEffect else { return }
        try transaction.request(
            Effect(
                key: call.key, kind: call.kind, stream: StreamID("payment", order),
                data: call.data, metadata: transaction.metadata.text, due: transaction.now))
    }

    package func finish(_ effect: Effect, _ result: EffectResult, in transaction: Transaction)
        throws(StoreError)
    {
        switch result {
        case .answered(let text):
            try transaction.finish(effect)
            guard let command = PaymentCall.command(text) else { return }
            try decide(command, for: effect.stream.id, in: transaction)
        case .noAnswer(let reason):
            if effect.kind == PaymentCall.authorize,
                effect.attempts + 1 >= Self.authorizationAttempts
            {
                try transaction.finish(effect)
                return try decide(
                    .authorizationUnknown(reason: reason), for: effect.stream.id, in: transaction)
            }
            // An authorization that nobody waits for any more is still asked for: its outcome
            // decides what to void.
            let doublings = min(effect.attempts, 16)
            let pause = min(retryPause * (1 << doublings), .seconds(60))
            try transaction.postpone(effect, until: transaction.now + pause)
        }
    }
}

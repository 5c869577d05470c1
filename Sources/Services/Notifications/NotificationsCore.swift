import Domain
package import EventSourcing
package import EventStore
package import Messaging

/// The notifications service: a mail for each fact a customer cares about, once. It follows, and
/// never holds up a checkout.
package final class NotificationsCore: ServiceCore {
    package static let log = LogName("notifications")
    package static let sources = [
        Source(LogName("deliveries"), Publication.facts),
        Source(LogName("orders"), Publication.facts),
    ]
    package static let publication = Publication(
        channels: [Publication.facts],
        rules: [
            "notification.sent": Publication.fact,
            "notification.failed": Publication.fact,
            "notification.skipped": Publication.fact,
        ])
    /// The facts that a mail tells of.
    private static let kinds: [String: Notification.Kind] = [
        "order.confirmed": .confirmed, "order.cancelled": .cancelled, "order.rejected": .rejected,
        "order.expired": .expired,
        "order.cancellation-refused": .cancellationRefused, "delivery.handed-over": .shipped,
        "delivery.delivered": .delivered, "delivery.lost": .lost,
    ]
    private static let corrected = "order.corrected"
    /// The facts that say where to write to.
    private static let addressing: Set<String> = ["order.placed", corrected]
    /// How often a mail is tried before it is recorded as failed.
    private static let mailAttempts = 10
    /// How long a mail waits that this machine could not hand over.
    private static let faultPause = Duration.seconds(5)

    private let notifications = Aggregates<Notification>(category: "notification")
    private let retryPause: Duration

    /// - Parameter retryPause: the first pause after a failed mail; it doubles up to a minute.
    package init(retryPause: Duration = .seconds(1)) { self.retryPause = retryPause }

    package typealias Command = NoCommand
    package typealias Answer = NoAnswer

    package func open(_ log: EventLog) {}
    package func keep() { notifications.keep() }
    package func rollback() { notifications.rollback() }
    package func snapshot(in transaction: Transaction) {}
    package func fire(_ timer: Timer, in transaction: Transaction) {}

    package func react(to message: Message, in transaction: Transaction) throws(ReactionError) {
        let kind = Self.kinds[message.type.name]
        guard kind != nil || Self.addressing.contains(message.type.name) else { return }
        guard message.type.schema == 1 else {
            throw ReactionError(reading: UnreadableEvent.unknownSchema(message.type))
        }
        let command: Notification.Command
        if let kind {
            command = kind == .confirmed ? .orderConfirmed(at: message.recordedAt) : .notify(kind)
        } else {
            let contact: String?
            do throws(JSONError) {
                contact = try JSONObject(try JSON(parsing: message.data)).optionalString("contact")
            } catch { throw .poison("\(error)") }
            if message.type.name == Self.corrected {
                guard let contact else { return }
                command = .readdress(contact: contact)
            } else {
                command = .orderPlaced(contact: contact, at: message.recordedAt)
            }
        }
        do throws(StoreError) {
            try decide(command, for: message.stream.id, in: transaction)
        } catch { throw .store(error) }
    }

    private func decide(
        _ command: Notification.Command, for order: String, in transaction: Transaction
    ) throws(StoreError) {
        guard
            case .success(let events) = try notifications.decide(
                command, for: order, in: transaction)
        else { return }
        for case .requested(let kind, let contact, _) in events {
            var json = JSONWriter()
            json.object { json in
                json.member("kind", kind.rawValue)
                json.member("contact", contact)
            }
            try transaction.request(
                MailCalls.key(kind, of: order), MailCalls.mail,
                for: StreamID("notification", order), data: json.text)
        }
    }

    package func finish(_ effect: Effect, _ result: EffectResult, in transaction: Transaction)
        throws(StoreError)
    {
        guard let kind = MailCalls.kind(of: effect) else { return try transaction.finish(effect) }
        switch result {
        case .answered(let refusal):
            try transaction.finish(effect)
            try decide(
                refusal.isEmpty ? .sent(kind) : .failed(kind, reason: refusal),
                for: effect.stream.id, in: transaction)
        case .noAnswer(let reason):
            guard effect.attempts + 1 < Self.mailAttempts else {
                try transaction.finish(effect)
                return try decide(
                    .failed(kind, reason: reason), for: effect.stream.id, in: transaction)
            }
            let pause = min(retryPause * (1 << min(effect.attempts, 16)), .seconds(60))
            try transaction.postpone(effect, until: transaction.now + pause)
        case .notMade:
            try transaction.postpone(
                effect, until: transaction.now + Self.faultPause, counts: false)
        }
    }
}

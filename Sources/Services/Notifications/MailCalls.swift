package import Domain
import EventSourcing
package import EventStore
package import Messaging

/// Where the keys are that personal data is sealed under.
package protocol KeyRing: Sendable {
    /// The owner's key; nil where it was destroyed.
    ///
    /// - Throws: where the keys cannot be reached now.
    func key(of owner: String) throws -> SealingKey?
}

/// Carries out the notifications service's mails: opens the sealed contact, and sends.
package struct MailCalls: EffectHandler {
    static let mail = "mail"
    private let mailer: any Mailer
    private let keys: any KeyRing

    package init(mailer: any Mailer, keys: any KeyRing) {
        self.mailer = mailer
        self.keys = keys
    }

    /// What names the mail about an order.
    static func key(_ kind: Notification.Kind, of order: String) -> String {
        "\(order)/\(kind.rawValue)"
    }

    /// Which mail it is, by its key: no kind's name has a slash.
    static func kind(of effect: Effect) -> Notification.Kind? {
        effect.key.utf8.lastIndex(of: UInt8(ascii: "/")).flatMap { slash in
            Notification.Kind(
                rawValue: String(effect.key[effect.key.utf8.index(after: slash)...]))
        }
    }

    /// Answers the empty text for a mail that was sent, else why it never will be.
    package func run(_ effect: Effect) -> EffectResult {
        guard let kind = Self.kind(of: effect),
            let json = try? JSONObject(try JSON(parsing: effect.data)),
            let contact = try? json.string("contact"),
            let space = contact.utf8.firstIndex(of: UInt8(ascii: " "))
        else { return .answered("the mail's data cannot be read") }
        let owner = String(contact[..<space])
        let sealed = String(contact[contact.utf8.index(after: space)...])
        let owned: SealingKey?
        do { owned = try keys.key(of: owner) } catch { return .notMade("\(error)") }
        guard let key = owned else { return .answered("the customer's personal data was erased") }
        do {
            let address = try SealedText.open(sealed, key: key, place: owner)
            try mailer.send(
                key: effect.key, to: address, subject: kind.subject(effect.stream.id),
                body: kind.body(effect.stream.id))
            return .answered("")
        } catch let error as SealingError {
            return .answered("the address cannot be opened: \(error)")
        } catch let error as MailerDown {
            return .notMade(error.description)
        } catch { return .noAnswer("\(error)") }
    }
}

extension Notification.Kind {
    fileprivate func subject(_ order: String) -> String {
        switch self {
        case .received: "We received your order \(order)"
        case .confirmed: "Your order \(order) is confirmed"
        case .shipped: "Your order \(order) is on its way"
        case .completed: "Your order \(order) is complete"
        case .delivered: "Your order \(order) was delivered"
        case .lost: "The parcel of your order \(order) was lost"
        case .cancellationRefused: "Your order \(order) cannot be cancelled any more"
        case .cancelled: "Your order \(order) was cancelled"
        case .rejected: "We could not accept your order \(order)"
        case .expired: "Your order \(order) has expired"
        }
    }

    fileprivate func body(_ order: String) -> String {
        switch self {
        case .received: "Thank you. We are checking stock and payment for order \(order)."
        case .confirmed: "Stock is reserved and your payment is authorized. We are packing."
        case .shipped: "The carrier has your parcel. Your payment is captured now."
        case .completed: "Your payment has been taken. Thank you for your order."
        case .delivered: "The carrier tells us that your parcel has arrived."
        case .lost: "The carrier has lost your parcel. We are sorry, and will write to you again."
        case .cancellationRefused:
            "Your parcel was with the carrier already. You can return it when it has arrived."
        case .cancelled: "Your order is cancelled. Nothing was taken from your account."
        case .rejected: "Your order cannot be fulfilled. Nothing was taken from your account."
        case .expired: "Your order took too long. Nothing was taken from your account."
        }
    }
}

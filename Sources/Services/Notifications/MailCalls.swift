package import Domain
import EventSourcing
package import EventStore
package import Messaging

/// Where the keys are that personal data is sealed under.
package protocol KeyRing: Sendable {
    /// The owners' keys; those that were destroyed are not among them.
    ///
    /// - Throws: where the keys cannot be reached now.
    func keys(of owners: Set<String>) throws -> [String: SealingKey]
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

    /// A mail server takes many mails over one connection, and their keys are read together.
    package var most: Int { 64 }

    /// Answers the empty text for a mail that was sent, else why it never will be.
    package func run(_ effect: Effect) -> EffectResult { run([effect])[0] }

    package func run(_ effects: [Effect]) -> [EffectResult] {
        let letters = effects.map(Letter.init)
        let keys: [String: SealingKey]
        do {
            keys = try self.keys.keys(of: Set(letters.compactMap { $0?.owner }))
        } catch { return effects.map { _ in .notMade("\(error)") } }
        var results: [EffectResult] = []
        var mails: [Mail] = []
        // Where in the results each mail's is.
        var places: [Int] = []
        for letter in letters {
            switch Self.mail(letter, keys) {
            case .success(let mail):
                places.append(results.count)
                mails.append(mail)
                results.append(.answered(""))
            case .failure(let refusal): results.append(.answered(refusal.why))
            }
        }
        for (place, result) in zip(places, mailer.send(mails)) {
            switch result {
            case .success: break
            case .failure(let error as MailerDown): results[place] = .notMade(error.description)
            case .failure(let error): results[place] = .noAnswer("\(error)")
            }
        }
        return results
    }

    /// Why a mail never will be sent.
    private struct Refusal: Error {
        let why: String
    }

    /// A mail with its address still sealed.
    private struct Letter {
        let key: String
        let kind: Notification.Kind
        let order: String
        let owner: String
        let sealed: String

        /// Nil where the effect is none that can be read.
        init?(_ effect: Effect) {
            guard let kind = MailCalls.kind(of: effect),
                let json = try? JSONObject(try JSON(parsing: effect.data)),
                let contact = try? json.string("contact"),
                let space = contact.utf8.firstIndex(of: UInt8(ascii: " "))
            else { return nil }
            (key, self.kind, order) = (effect.key, kind, effect.stream.id)
            owner = String(contact[..<space])
            sealed = String(contact[contact.utf8.index(after: space)...])
        }
    }

    private static func mail(_ letter: Letter?, _ keys: [String: SealingKey])
        -> Result<Mail, Refusal>
    {
        guard let letter else { return .failure(Refusal(why: "the mail's data cannot be read")) }
        guard let key = keys[letter.owner] else {
            return .failure(Refusal(why: "the customer's personal data was erased"))
        }
        do throws(SealingError) {
            let address = try SealedText.open(letter.sealed, key: key, place: letter.owner)
            return .success(
                Mail(
                    key: letter.key, to: address, subject: letter.kind.subject(letter.order),
                    body: letter.kind.body(letter.order)))
        } catch {
            return .failure(Refusal(why: "the address cannot be opened: \(error)"))
        }
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
        case .received:
            "Thank you. We pack order \(order) as soon as stock and payment are settled, and write "
                + "when it is on its way, or if it cannot be."
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

/// Who sends mails. Calls block, and are made again after a crash: the same key means the same
/// mail.
public protocol Mailer: Sendable {
    /// - Parameter to: the address, unsealed.
    /// - Throws: where the mail was not sent, or it is not known whether it was; `MailerDown` where
    ///   no mail to anybody can be sent now.
    func send(key: String, to: String, subject: String, body: String) throws
    /// Sends several.
    ///
    /// - Returns: what became of each, in the same order.
    func send(_ mails: [Mail]) -> [Result<Void, any Error>]
}

extension Mailer {
    public func send(_ mails: [Mail]) -> [Result<Void, any Error>] {
        mails.map { mail in
            Result {
                try send(key: mail.key, to: mail.to, subject: mail.subject, body: mail.body)
            }
        }
    }
}

/// A mail to be sent: its key, the address, unsealed, and what it says.
public struct Mail: Hashable, Sendable {
    public let key: String
    public let to: String
    public let subject: String
    public let body: String

    public init(key: String, to: String, subject: String, body: String) {
        (self.key, self.to, self.subject, self.body) = (key, to, subject, body)
    }
}

/// What keeps all mails from being sent, and says nothing against this one: a full disk, say.
public struct MailerDown: Error, Hashable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

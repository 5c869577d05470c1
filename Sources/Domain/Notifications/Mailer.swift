/// Who sends mails. Calls block, and are made again after a crash: the same key means the same
/// mail.
public protocol Mailer: Sendable {
    /// - Parameter to: the address, unsealed.
    /// - Throws: where the mail was not sent, or it is not known whether it was; `MailerDown` where
    ///   no mail to anybody can be sent now.
    func send(key: String, to: String, subject: String, body: String) throws
}

/// What keeps all mails from being sent, and says nothing against this one: a full disk, say.
public struct MailerDown: Error, Hashable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

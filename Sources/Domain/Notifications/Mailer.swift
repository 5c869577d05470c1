/// Who sends mails. Calls block, and are made again after a crash: the same key means the same
/// mail.
public protocol Mailer: Sendable {
    /// - Parameter to: the address, unsealed.
    /// - Throws: where the mail was not sent, or it is not known whether it was.
    func send(key: String, to: String, subject: String, body: String) throws
}

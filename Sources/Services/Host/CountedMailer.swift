import Domain
import Synchronization

/// A mailer that counts what becomes of its mails, since the process started.
final class CountedMailer: Mailer {
    private let mailer: any Mailer
    private let sentCount = Atomic<Int64>(0)
    private let failedCount = Atomic<Int64>(0)

    init(_ mailer: any Mailer) { self.mailer = mailer }

    var sent: Int64 { sentCount.load(ordering: .relaxed) }
    /// Attempts: a mail that fails is tried again, and may count several times.
    var failed: Int64 { failedCount.load(ordering: .relaxed) }

    func send(key: String, to: String, subject: String, body: String) throws {
        do {
            try mailer.send(key: key, to: to, subject: subject, body: body)
            sentCount.add(1, ordering: .relaxed)
        } catch {
            failedCount.add(1, ordering: .relaxed)
            throw error
        }
    }
}

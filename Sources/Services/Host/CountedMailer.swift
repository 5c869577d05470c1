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
        for result in send([Mail(key: key, to: to, subject: subject, body: body)]) {
            try result.get()
        }
    }

    func send(_ mails: [Mail]) -> [Result<Void, any Error>] {
        let results = mailer.send(mails)
        var sent: Int64 = 0
        for case .success in results { sent += 1 }
        sentCount.add(sent, ordering: .relaxed)
        failedCount.add(Int64(results.count) - sent, ordering: .relaxed)
        return results
    }
}

import EventSourcing
import EventStore
import Foundation
import Messaging
import Projections

/// What must go together: money and goods by the read store's books, and what each log has
/// recorded, published and given to its readers.
extension Doctor {
    /// The most findings of one kind that are told.
    private static let mostFindings = 10
    /// As long as a log may have recorded what is neither published nor read.
    private static let patience = Duration.seconds(30)

    mutating func checkBooks(_ path: String) {
        settings.progress("summing up the read store")
        let accounts: Accounts
        do {
            accounts = try Accounts.look(
                path: path, isInUse: process != nil,
                Accounts.Question(isVerifying: true, most: Self.mostFindings))
        } catch {
            return note("books", .problem, "\(error)", "look again; see who may read the file")
        }
        for book in [BookAlarm.Book.money, .stock] {
            let alarms = accounts.alarms.filter { $0.book == book }
            if alarms.isEmpty {
                let ledgers = book == .money ? accounts.money : [accounts.stock]
                note("books of \(book)", Self.summary(ledgers, book))
            }
            for alarm in alarms.prefix(Self.mostFindings) {
                note(
                    "books of \(book)", .problem, "\(alarm.code): \(alarm.detail)",
                    Self.advice(alarm, accounts.ordersOutOfBalance))
            }
        }
    }

    private static func summary(_ ledgers: [Accounts.Ledger], _ book: BookAlarm.Book) -> String {
        // Of two sides the credit's is named as what it is, and not as what is missing.
        let names =
            book == .money
            ? [("revenue", true), ("captured", false), ("written-off", false)]
            : [("suppliers", true), ("on-hand", false), ("shipped", false)]
        let texts = ledgers.filter { !$0.lines.isEmpty }.map { ledger in
            let amounts = names.map { name, isCredit in
                let balance = ledger.balance(name)
                return "\(name) \(Accounts.text(isCredit ? 0 &- balance : balance, ledger.unit))"
            }
            return "\(ledger.unit): " + amounts.joined(separator: ", ")
        }
        return texts.isEmpty
            ? "nothing is booked yet" : "balanced; " + texts.joined(separator: "; ")
    }

    private static func advice(_ alarm: BookAlarm, _ orders: Int) -> String {
        guard let order = alarm.order else {
            return "shopctl replay --verify names the rows that were changed, and shopctl "
                + "projections rebuild orders makes them anew"
        }
        return "shopctl replay order \(order) shows how it came to that; then settle it with the "
            + "provider (\(orders) orders are out of balance)"
    }

    /// What the files say of each log's way to its readers.
    mutating func checkHops() {
        for (log, publication) in Wiring.publications {
            settings.progress("looking at the readers of \(log)")
            let path = DataFolder.log(log.value, in: settings.data)
            // The log comes last: it may grow meanwhile. What is wrong with its file is said
            // already.
            let readers = publication.channels.flatMap { self.readers(of: Source(log, $0)) }
            guard FileManager.default.fileExists(atPath: path),
                let queries = try? LogReader(path: path, isInUse: process != nil).queries,
                let cursor = try? Optional(queries.published()),
                let newest = try? queries.log(after: Position(.max), limit: 1, .backward)
            else { continue }
            let published = cursor?.position ?? .start
            let age = newest.first.map { settings.runtime.now() - $0.recordedAt } ?? .zero
            judge(
                log, head: newest.first?.position ?? .start, published: published, readers,
                mayStand: process != nil && age > Self.patience)
        }
    }

    /// - Parameter mayStand: whether a running shop must long have done what is left to do.
    private mutating func judge(
        _ log: LogName, head: Position, published: Position,
        _ readers: [(name: String, applied: Position)], mayStand: Bool
    ) {
        let restored =
            "was it restored? compare the backups, then shopctl epoch open --service \(log) "
            + "--why '...'"
        var wrong: [(String, String)] = []
        if published > head {
            wrong.append(("it ends at \(head), and was published up to \(published)", restored))
        } else if mayStand, published < head {
            wrong.append(
                (
                    "it ends at \(head), and is published up to \(published) while the shop runs",
                    "see whether the broker answers: shopctl status"
                ))
        }
        for (name, applied) in readers {
            if applied > head {
                wrong.append(("it ends at \(head), and \(name) is read up to \(applied)", restored))
            } else if mayStand, applied < min(head, published) {
                wrong.append(
                    (
                        "it ends at \(head), and \(name) is read up to \(applied) while the shop "
                            + "runs", "see what stands still: shopctl accounts"
                    ))
            }
        }
        for (finding, advice) in wrong { note("\(log) hops", .problem, finding, advice) }
        guard wrong.isEmpty else { return }
        let texts = readers.map { "\($0) to \($1)" }.joined(separator: ", ")
        note(
            "\(log) hops",
            "recorded to \(head), published to \(published), "
                + (texts.isEmpty ? "read by nobody yet" : texts))
    }

    /// Who has read a channel, and how far, by the checkpoints in the files.
    private func readers(of source: Source) -> [(name: String, applied: Position)] {
        let files =
            Wiring.logs.map { ($0.value, DataFolder.log($0.value, in: settings.data)) }
            + [("gateway", DataFolder.readStore(in: settings.data))]
        return files.compactMap { name, path in
            guard FileManager.default.fileExists(atPath: path),
                let known = try? CheckpointTable.look(path: path, isInUse: process != nil)
            else { return nil }
            return known[source.description].map { ("\(source) by \(name)", $0.position) }
        }
    }
}

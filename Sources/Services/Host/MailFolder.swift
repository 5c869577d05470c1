package import Domain
package import EventSourcing
import Foundation
import Glibc
import Synchronization

/// Appends each mail to its day's mbox file, `2026-01-31.mbox` by UTC, in one write, and not again
/// under a key that is known.
///
/// Known are the newest keys, also after a restart. What a kill or a full disk left of a mail is
/// cut off, so that the files stay valid. Nothing is synced: the folder stands for a mail server,
/// and what it holds survives the process, which is what tests and demonstrations need.
package final class MailFolder: Mailer {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        /// What the system said, `errno`.
        let code: Int32

        /// Whether it is what keeps any mail from being written.
        var isOfMachine: Bool {
            [ENOSPC, EDQUOT, EROFS, EIO, EMFILE, ENFILE, EACCES, EPERM, ENOENT].contains(code)
        }
    }

    /// Writes to a descriptor as `write(2)` does, with its result and `errno`.
    package typealias Write = @Sendable (Int32, UnsafeRawBufferPointer) -> Int

    /// The most keys that are known.
    package static let keyLimit = 10_000
    /// The most bytes that a start reads to know them.
    private static let startLimit = 4 << 20
    /// As many bytes of a file hold a whole mail: subject and body are the shop's own.
    private static let tailLimit = 1 << 16

    private let folder: String
    private let runtime: any Runtime
    private let write: Write
    private let state: Mutex<State>

    private struct State {
        var known: RecentMails
        var file: MboxFile?
        /// A mail's bytes; kept for the next one's.
        var text: [UInt8] = []
    }

    /// - Parameter write: a seam for tests: stands for the system's own.
    /// - Throws: where the folder cannot be made, or what is in it cannot be read.
    package init(
        folder: String, runtime: any Runtime,
        write: @escaping Write = { Glibc.write($0, $1.baseAddress, $1.count) }
    ) throws {
        self.folder = folder
        self.runtime = runtime
        self.write = write
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        state = Mutex(State(known: try Self.recentMails(in: folder)))
    }

    deinit { state.withLock { $0.file?.close() } }

    /// Mends the files that a start looks at, the newest ones, and reads which mails they hold.
    private static func recentMails(in folder: String) throws -> RecentMails {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasSuffix(".mbox") }.sorted(by: >)
        var newestFirst: [MailID] = []
        var left = startLimit
        for name in names where left > 0 && newestFirst.count < keyLimit {
            let path = "\(folder)/\(name)"
            var file = try MboxFile(path: path, day: 0, isNew: false)
            defer { file.close() }
            let (tail, read) = try file.mend(reading: left)
            newestFirst += tail.ids.reversed()
            left -= max(read, 1)
        }
        var known = RecentMails(limit: keyLimit)
        for id in newestFirst.prefix(keyLimit).reversed() { known.insert(id) }
        return known
    }

    package func send(key: String, to: String, subject: String, body: String) throws {
        for result in send([Mail(key: key, to: to, subject: subject, body: body)]) {
            try result.get()
        }
    }

    /// All of them in one write: all are there afterwards, or none is.
    package func send(_ mails: [Mail]) -> [Result<Void, any Error>] {
        let now = runtime.now()
        let result = Result {
            do {
                try deliver(mails, at: now)
            } catch let failure as Failure where failure.isOfMachine {
                throw MailerDown(failure.description)
            }
        }
        return mails.map { _ in result }
    }

    private func deliver(_ mails: [Mail], at now: Timestamp) throws {
        try state.withLock { state in
            state.text.removeAll(keepingCapacity: true)
            var fresh: [MailID] = []
            for mail in mails {
                let id = MailID(key: mail.key)
                guard !state.known.contains(id), !fresh.contains(id) else { continue }
                fresh.append(id)
                MboxMail(id: id, to: mail.to, subject: mail.subject, body: mail.body, sent: now)
                    .append(to: &state.text)
            }
            guard !fresh.isEmpty else { return }
            var file = try file(of: now, &state)
            // Forgotten until it has gone well: whatever fails, the file is looked at anew.
            state.file = nil
            do {
                try file.append(state.text, write)
            } catch {
                file.cutBack()
                file.close()
                throw error
            }
            state.file = file
            for id in fresh { state.known.insert(id) }
        }
    }

    /// The day's file, opened anew where it is another day's, or somebody moved, removed or
    /// changed it.
    private func file(of now: Timestamp, _ state: inout State) throws -> MboxFile {
        let day = now.microseconds / 86_400_000_000
        if let file = state.file {
            if file.day == day, file.isInPlace { return file }
            state.file = nil
            file.close()
        }
        let path = "\(folder)/\(now.description.prefix(10)).mbox"
        var file = try MboxFile(path: path, day: day, isNew: true)
        do {
            _ = try file.mend(reading: Self.tailLimit)
            try file.endLastMail(write)
        } catch {
            file.close()
            throw error
        }
        return file
    }
}

/// The newest mails, so many at most.
private struct RecentMails {
    private let limit: Int
    private var known: Set<MailID> = []
    /// In the order they came, a ring once it is full.
    private var ring: [MailID] = []
    private var oldest = 0

    init(limit: Int) { self.limit = limit }

    func contains(_ id: MailID) -> Bool { known.contains(id) }

    mutating func insert(_ id: MailID) {
        guard known.insert(id).inserted else { return }
        guard ring.count == limit else { return ring.append(id) }
        known.remove(ring[oldest])
        ring[oldest] = id
        oldest = (oldest + 1) % limit
    }
}

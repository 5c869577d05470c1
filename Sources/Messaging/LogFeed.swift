package import EventSourcing
package import EventStore
import Glibc
import Synchronization

/// The feed of a log's file, read through connections of its own.
package final class LogFeed: Feed {
    /// The most events of the log that one page looks at.
    static let maximum = 1000
    /// Nothing is added to a page whose events' data come to as many bytes.
    private static let maximumBytes = 4 * 1024 * 1024
    /// So many connections are kept for the next reads.
    private static let kept = 2

    private let path: String
    private let publication: Publication
    private let onBehind: @Sendable (String) -> Void
    private let isUp: @Sendable () -> Bool
    private let idle = Mutex<[OpenFile]>([])

    /// - Parameters:
    ///   - onBehind: told why the log must stop writing.
    ///   - isUp: whether the log's owner serves at all.
    package init(
        path: String, publication: Publication, isUp: @escaping @Sendable () -> Bool = { true },
        onBehind: @escaping @Sendable (String) -> Void
    ) {
        self.path = path
        self.publication = publication
        self.isUp = isUp
        self.onBehind = onBehind
    }

    /// A connection to the file that bore the path then.
    ///
    /// `@unchecked Sendable`: its connection is for one thread at a time, and it belongs to the one
    /// who has taken it out of `idle`: nobody keeps it after it was put back there.
    private final class OpenFile: @unchecked Sendable {
        let queries: LogQueries
        let number: FileNumber?

        init(_ path: String) throws(StoreError) {
            number = FileNumber(of: path)
            queries = try LogReader(path: path).queries
        }
    }

    /// Runs `body` within one look at the log. The connection is kept for who `goesOn`; one that
    /// stayed open for nobody would keep the file's WAL from being removed at its end.
    private func look<Value>(
        goesOn: (Value) -> Bool, _ body: (LogQueries) throws(StoreError) -> Value
    ) throws(FeedError) -> Value {
        guard isUp() else { throw .unavailable("the service is down") }
        do throws(StoreError) {
            let file: OpenFile
            if let known = takeIdle() { file = known } else { file = try OpenFile(path) }
            try file.queries.begin()
            let value = try body(file.queries)
            try file.queries.end()
            if goesOn(value) { idle.withLock { if $0.count < Self.kept { $0.append(file) } } }
            return value
        } catch { throw .unavailable(error.description) }
    }

    private func takeIdle() -> OpenFile? {
        // A backup may have been put in the file's place.
        let number = FileNumber(of: path)
        while let known = idle.withLock({ $0.popLast() }) {
            if known.number == number { return known }
        }
        return nil
    }

    package func read(
        _ channel: String, after position: Position, limit: Int
    ) throws(FeedError) -> FeedPage {
        let limit = min(max(limit, 0), Self.maximum)
        return try look(goesOn: \.hasMore) { (queries) throws(StoreError) in
            let head = try queries.head()
            var through = Position(
                min(head.value, position.value.addingSaturating(Int64(Self.maximum))))
            guard through > position else {
                return try page(after: position, [], through: position, head: head, queries)
            }
            // A page is of one epoch: its reader must be told where the next one begins.
            if let next = try queries.epochStart(after: position.next), next <= through {
                through = Position(next.value - 1)
            }
            let messages = try messages(channel, position, limit, &through, queries)
            return try page(after: position, messages, through: through, head: head, queries)
        }
    }

    /// The channel's messages up to `through`, which goes back to where a page is full.
    private func messages(
        _ channel: String, _ position: Position, _ limit: Int, _ through: inout Position,
        _ queries: LogQueries
    ) throws(StoreError) -> [Message] {
        var messages: [Message] = []
        var (last, bytes) = (position, 0)
        let types = publication.types(on: channel)
        while last < through {
            // Where few are wanted, few are read.
            let wanted = min(Self.maximum, max(0, limit - messages.count) + 1)
            let found = try queries.log(
                after: last, through: through, types: types, limit: wanted,
                bytes: Self.maximumBytes)
            for record in found {
                let isFull = bytes >= Self.maximumBytes
                bytes += record.data.count
                for form in publication.forms(of: record) where form.channel == channel {
                    guard messages.count < limit, !isFull else {
                        through = Position(record.position.value - 1)
                        return messages
                    }
                    let previous = messages.last?.identity.position ?? position
                    messages.append(try record.message(form, previous: previous))
                }
                last = record.position
            }
            // Of a page that is full in bytes it is not known yet whether there is another one.
            if found.isEmpty || (found.count < wanted && bytes < Self.maximumBytes) { break }
        }
        return messages
    }

    private func page(
        after position: Position, _ messages: [Message], through: Position, head: Position,
        _ queries: LogQueries
    ) throws(StoreError) -> FeedPage {
        let known = try queries.leaf(at: through)
        return FeedPage(
            after: position, messages: messages, through: through, epoch: known?.0 ?? .first,
            leaf: known?.1 ?? MerkleTree.emptyRoot, hasMore: head > through)
    }

    package func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict {
        let verdict = try look(goesOn: { _ in false }) { (queries) throws(StoreError) in
            try Self.compare(checkpoint, with: queries)
        }
        if case .refused(let why) = verdict { onBehind(why) }
        return verdict
    }

    /// Pure comparison of a position somebody knows with what the log holds there.
    package static func compare(_ checkpoint: Checkpoint, with queries: LogQueries)
        throws(StoreError) -> CheckpointVerdict
    {
        let epochs = try queries.epochs()
        guard let newest = epochs.last else { return .good }
        guard checkpoint.epoch <= newest.epoch else {
            return .refused(
                "\(queries.name) is at epoch \(newest.epoch), its readers at \(checkpoint.epoch)")
        }
        // The first position that a later epoch than the reader's gave anew.
        let later = epochs.first { $0.epoch > checkpoint.epoch }
        if let later, checkpoint.position >= later.first {
            let end = Position(later.first.value - 1)
            let leaf = try queries.leaf(at: end)?.1 ?? MerkleTree.emptyRoot
            return .rewind(later.epoch, end, leaf)
        }
        // What was read is all of it part of this log. A reader is in an epoch once it has read all
        // that was before: until then it cannot say that it has seen what was.
        let agrees =
            later.flatMap { later in
                later.first == checkpoint.position.next
                    ? CheckpointVerdict.rewind(later.epoch, checkpoint.position, checkpoint.leaf)
                    : nil
            } ?? .good
        guard checkpoint.position > .start else { return agrees }
        guard let (_, leaf) = try queries.leaf(at: checkpoint.position) else {
            return .refused(
                "\(queries.name) ends at \(try queries.head()), its readers have read "
                    + "\(checkpoint.position)")
        }
        guard leaf == checkpoint.leaf else {
            return .refused(
                "\(queries.name) holds another event at \(checkpoint.position) than was read "
                    + "there")
        }
        return agrees
    }
}

/// What tells a file from another that bears its name later.
private struct FileNumber: Equatable {
    private let device: UInt64
    private let file: UInt64

    /// Nil where there is no such file.
    init?(of path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (device, file) = (UInt64(status.st_dev), UInt64(status.st_ino))
    }
}

extension Int64 {
    /// The sum, or the greatest value there is.
    fileprivate func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

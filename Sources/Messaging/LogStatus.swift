package import EventSourcing
package import EventStore
import Synchronization

/// Work that a core has taken on and not begun.
package struct WaitingWork: Hashable, Sendable {
    /// How many pieces wait.
    package let count: Int
    /// How many have begun since the core was opened.
    package let taken: Int64

    package init(count: Int, taken: Int64) {
        self.count = count
        self.taken = taken
    }
}

/// What a log's owner says of it after each commit.
package struct LogStatus: Sendable {
    package var epoch: Epoch
    package var head: Position
    package var leaf: Digest
    /// Its root is computed only for those who say it.
    package var tree: MerkleFrontier
    package var asOf: Timestamp
    package var upSince: Timestamp
    package var read: [String: ReadMark]
    /// Up to when all that a source recorded has been read, by source name.
    package var readAsOf: [String: Timestamp]
    package var haltReason: String?
    /// Nil for a core that begins all at once.
    package var waiting: WaitingWork?

    package init(
        epoch: Epoch, head: Position, leaf: Digest, tree: MerkleFrontier,
        asOf: Timestamp, upSince: Timestamp, read: [String: ReadMark],
        readAsOf: [String: Timestamp],
        haltReason: String?, waiting: WaitingWork? = nil
    ) {
        self.epoch = epoch
        self.head = head
        self.leaf = leaf
        self.tree = tree
        self.asOf = asOf
        self.upSince = upSince
        self.read = read
        self.readAsOf = readAsOf
        self.haltReason = haltReason
        self.waiting = waiting
    }
}

/// Where the writer shows its log's status and newest events to the relay and the feed.
package final class LogBoard: Sendable {
    /// The newest events kept for the relay, so that it need not read the file: at most so many,
    /// with so many bytes of data.
    private static let tailLimit = 8192
    private static let tailBytes = 16 * 1024 * 1024

    private struct State: Sendable {
        var status: LogStatus?
        /// The newest events, without gaps, the last one at the status's head.
        var tail: [StoredRecord] = []
        var bytes = 0
        var published: Position?

        /// Lets the oldest go until half of what is allowed is left.
        mutating func halve() {
            var gone = 0
            for record in tail {
                guard tail.count - gone > LogBoard.tailLimit / 2 || bytes > LogBoard.tailBytes / 2
                else { break }
                bytes -= record.data.count
                gone += 1
            }
            tail.removeFirst(gone)
        }
    }

    private let state = Mutex(State())

    package init() {}

    package var status: LogStatus? { state.withLock { $0.status } }

    /// Up to where the relay knows all to be published, or how far the broker's newest message goes
    /// where that is beyond the log; nil before it has asked.
    package var published: Position? { state.withLock { $0.published } }

    /// Shows how far the relay is.
    package func show(published: Position) { state.withLock { $0.published = published } }

    /// Shows what was committed.
    package func show(_ status: LogStatus, appended: [StoredRecord]) {
        state.withLock { state in
            state.status = status
            // A commit of unknown outcome, found on disk by a new core, was never shown: no hole
            // may stay.
            if let last = state.tail.last?.position.value,
                last + Int64(appended.count) != status.head.value
            {
                (state.tail, state.bytes) = ([], 0)
            }
            state.tail.append(contentsOf: appended)
            for record in appended { state.bytes += record.data.count }
            if state.tail.count > Self.tailLimit || state.bytes > Self.tailBytes { state.halve() }
        }
    }

    /// Forgets all, as a process that dies does.
    package func clear() { state.withLock { $0 = State() } }

    /// Up to `limit` events after `position`; nil where they must be read from the file.
    package func tail(after position: Position, limit: Int) -> [StoredRecord]? {
        state.withLock { state in
            guard let first = state.tail.first?.position, position.next >= first else { return nil }
            let start = Int(position.value - first.value + 1)
            guard start <= state.tail.count else { return [] }
            return Array(state.tail[start..<min(state.tail.count, start + limit)])
        }
    }
}

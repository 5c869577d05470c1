package import EventSourcing
package import EventStore

/// A page of a log's channel.
package struct FeedPage: Sendable {
    /// The position it was read after; a reader that has not come so far must not take it.
    package let after: Position
    /// In order and without a gap after the position that was asked for.
    package let messages: [Message]
    /// All of the log up to here was looked at; nothing of the channel is missing before it.
    package let through: Position
    package let epoch: Epoch
    package let leaf: Digest
    /// Whether the log has more.
    package let hasMore: Bool

    package init(
        after: Position, messages: [Message], through: Position, epoch: Epoch, leaf: Digest,
        hasMore: Bool
    ) {
        self.after = after
        self.messages = messages
        self.through = through
        self.epoch = epoch
        self.leaf = leaf
        self.hasMore = hasMore
    }
}

/// What a log says to a checkpoint that a reader shows it.
package enum CheckpointVerdict: Hashable, Sendable {
    /// The checkpoint is a prefix of this log.
    case good
    /// There is a newer epoch: go on from that position in it; what was read beyond is orphaned.
    case rewind(Epoch, Position, Digest)
    /// The log is behind its readers, or holds another event there: it was restored, and has
    /// stopped.
    case refused(String)
}

package enum FeedError: Error, CustomStringConvertible {
    case unavailable(String)

    package var description: String {
        switch self {
        case .unavailable(let why): "the feed is unavailable: \(why); it is tried again"
        }
    }
}

/// A bounded, read-only view of another service's log: what gaps are filled from, and new readers
/// start with.
package protocol Feed: AnyObject, Sendable {
    /// The first published events of `channel` after `position`: at most `limit`, and from at most
    /// 1,000 events of the log.
    func read(_ channel: String, after position: Position, limit: Int) throws(FeedError) -> FeedPage

    /// Compares a reader's checkpoint with the log. A log that turns out to be behind stops
    /// writing.
    func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict
}

extension Feed {
    /// As many as a page holds.
    package func read(_ channel: String, after position: Position) throws(FeedError) -> FeedPage {
        try read(channel, after: position, limit: LogFeed.maximum)
    }
}

/// The feed of a log's file, read through a connection of its own.
package final class LogFeed: Feed {
    /// The most events of the log that one page looks at.
    fileprivate static let maximum = 1000

    private let path: String
    private let publication: Publication
    private let onBehind: @Sendable (String) -> Void
    private let isUp: @Sendable () -> Bool

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

    private func open() throws(FeedError) -> LogQueries {
        guard isUp() else { throw .unavailable("the service is down") }
        do throws(StoreError) {
            return try LogReader(path: path).queries
        } catch { throw .unavailable(error.description) }
    }

    package func read(
        _ channel: String, after position: Position, limit: Int
    ) throws(FeedError) -> FeedPage {
        let queries = try open()
        do throws(StoreError) {
            var messages: [Message] = []
            var (last, seen, hasMore) = (StoredRecord?.none, 0, true)
            reading: while hasMore, seen < Self.maximum, messages.count < limit {
                // Where few are wanted, few are read: about every fourth event is on a channel.
                let wanted = 16 + 4 * min(Self.maximum, limit - messages.count)
                let count = min(Self.maximum - seen, wanted)
                let found = try queries.log(after: last?.position ?? position, limit: count)
                seen += found.count
                hasMore = found.count == count
                for record in found {
                    let forms = publication.forms(of: record).filter { $0.channel == channel }
                    let isFull = messages.count >= limit && !forms.isEmpty
                    // A page is of one epoch: its reader must be told where the next one begins.
                    let epoch = last?.identity.epoch ?? record.identity.epoch
                    guard !isFull, record.identity.epoch == epoch else {
                        hasMore = true
                        break reading
                    }
                    for form in forms {
                        let previous = messages.last?.identity.position ?? position
                        messages.append(try record.message(form, previous: previous))
                    }
                    last = record
                }
            }
            let known = try queries.leaf(at: position)
            return FeedPage(
                after: position, messages: messages, through: last?.position ?? position,
                epoch: last?.identity.epoch ?? known?.0 ?? .first,
                leaf: last?.leaf ?? known?.1 ?? MerkleTree.emptyRoot, hasMore: hasMore)
        } catch { throw .unavailable(error.description) }
    }

    package func check(_ checkpoint: Checkpoint) throws(FeedError) -> CheckpointVerdict {
        let queries = try open()
        do throws(StoreError) {
            let verdict = try Self.compare(checkpoint, with: queries)
            if case .refused(let why) = verdict { onBehind(why) }
            return verdict
        } catch { throw .unavailable(error.description) }
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
        // What was read is all of it part of this log: the reader crosses into the newest epoch
        // where it stands.
        let agrees =
            newest.epoch > checkpoint.epoch
            ? CheckpointVerdict.rewind(newest.epoch, checkpoint.position, checkpoint.leaf) : .good
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

extension StoredRecord {
    /// The message that carries this event in that form.
    ///
    /// - Throws: `unreadableEvent` where its metadata are damaged: it must not be passed over.
    package func message(_ form: Published, previous: Position) throws(StoreError) -> Message {
        message(form, previous: previous, try parsedMetadata())
    }

    func parsedMetadata() throws(StoreError) -> Metadata {
        do throws(JSONError) {
            return try Metadata(try JSON(parsing: metadata))
        } catch { throw .unreadableEvent(identity, .malformed(type, error)) }
    }

    func message(_ form: Published, previous: Position, _ metadata: Metadata) -> Message {
        Message(
            identity: identity, channel: form.channel, previous: previous, stream: stream,
            version: version, type: form.type, recordedAt: recordedAt, metadata: metadata,
            data: form.data, leaf: leaf)
    }
}

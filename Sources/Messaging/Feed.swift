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
    /// The first published events of `channel` after `position`: at most `limit`, from at most
    /// 1,000 events of the log, and none behind those whose data come to 4 MiB.
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

extension StoredRecord {
    /// The message that carries this event in that form.
    ///
    /// - Throws: `unreadableEvent` where its metadata are damaged: it must not be passed over.
    package func message(_ form: Published, previous: Position) throws(StoreError) -> Message {
        message(form, previous: previous, try parsedMetadata())
    }

    func message(_ form: Published, previous: Position, _ metadata: Metadata) -> Message {
        Message(
            identity: identity, channel: form.channel, previous: previous, stream: stream,
            version: version, type: form.type, recordedAt: recordedAt, metadata: metadata,
            data: form.data, leaf: leaf)
    }
}

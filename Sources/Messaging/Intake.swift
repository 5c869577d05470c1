import EventSourcing
package import EventStore

/// What a reader does with a bulletin, given its checkpoint. Pure: services and projections share
/// it.
package enum Intake: Hashable, Sendable {
    /// The next in order.
    case next
    /// At or below the checkpoint: applied before.
    case duplicate
    /// Something before it is missing: drop what was fetched, and read the feed.
    case gap
    /// It is of a newer epoch than the checkpoint: show the feed the checkpoint.
    case foreign

    package static func judge(_ bulletin: Bulletin, at checkpoint: Checkpoint) -> Intake {
        switch bulletin {
        case .event(let message):
            if message.identity.epoch < checkpoint.epoch { return .duplicate }
            if message.identity.epoch > checkpoint.epoch { return .foreign }
            if message.identity.position <= checkpoint.position { return .duplicate }
            return message.previous <= checkpoint.position ? .next : .gap
        case .watermark(let watermark):
            if watermark.epoch < checkpoint.epoch { return .duplicate }
            if watermark.epoch > checkpoint.epoch { return .foreign }
            return watermark.last <= checkpoint.position ? .next : .gap
        }
    }
}

extension Checkpoint {
    /// Advances to an event that was applied.
    package mutating func advance(to message: Message) {
        position = message.identity.position
        leaf = message.leaf
    }

    /// Advances past what was not for this reader, and takes over what the source says of itself.
    package mutating func advance(to watermark: Watermark) {
        if watermark.through > position {
            position = watermark.through
            leaf = watermark.leaf
        }
        asOf = max(asOf, watermark.asOf)
        upSince = watermark.upSince
        treeSize = watermark.treeSize
        treeRoot = watermark.treeRoot
        read = watermark.read
    }

    /// Advances through a page of the feed.
    package mutating func advance(to page: FeedPage) {
        guard page.through > position else { return }
        position = page.through
        leaf = page.leaf
    }
}

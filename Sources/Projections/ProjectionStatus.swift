package import EventSourcing
package import Messaging

/// How a projection stands, for whoever runs the shop.
package struct ProjectionStatus: Sendable {
    package enum State: String, Sendable {
        case live
        /// The rows are not to be trusted, or nobody projects.
        case stale
        /// A rebuild is under way; reads go on meanwhile.
        case rebuilding
    }

    /// How far one source is read.
    package struct Reading: Sendable {
        package let source: Source
        package let epoch: Epoch
        package let position: Position
        /// Nil before the source was heard of.
        package let behind: Duration?

        package init(source: Source, epoch: Epoch, position: Position, behind: Duration?) {
            self.source = source
            self.epoch = epoch
            self.position = position
            self.behind = behind
        }
    }

    package var name: String
    package var version: Int
    package var state: State
    /// Why it is stale, or what the rebuild waits for.
    package var reason: String?
    /// How far behind the slowest source is; nil where that is not known.
    package var lag: Duration?
    package var readings: [Reading]
    package var rebuild: RebuildProgress?
    /// Since the process began.
    package var lastRebuild: RebuildReport?

    package init(
        name: String, version: Int, state: State, reason: String? = nil, lag: Duration? = nil,
        readings: [Reading] = [], rebuild: RebuildProgress? = nil,
        lastRebuild: RebuildReport? = nil
    ) {
        self.name = name
        self.version = version
        self.state = state
        self.reason = reason
        self.lag = lag
        self.readings = readings
        self.rebuild = rebuild
        self.lastRebuild = lastRebuild
    }
}

/// A rebuild that is under way.
package struct RebuildProgress: Hashable, Sendable {
    package var startedAt: Timestamp
    /// The events that were looked at so far, of all logs together.
    package var events: Int64 = 0
    /// How many there are, as far as the live store has read.
    package var total: Int64 = 0
    /// Why it waits; nil while it goes on.
    package var reason: String?

    package init(startedAt: Timestamp) { self.startedAt = startedAt }
}

/// How a rebuild ended.
package struct RebuildReport: Hashable, Sendable {
    package let finishedAt: Timestamp
    package let events: Int64
    /// In how many places the old rows were not what the logs say; nil where they could not be
    /// compared.
    package let differences: Int?
    /// Why the old rows stayed in use; nil where the new ones took their place.
    package let failure: String?

    package init(
        finishedAt: Timestamp, events: Int64, differences: Int? = nil, failure: String? = nil
    ) {
        self.finishedAt = finishedAt
        self.events = events
        self.differences = differences
        self.failure = failure
    }
}

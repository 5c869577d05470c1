package import EventSourcing

/// Decides by how far readers are behind whether new work is taken.
///
/// What was accepted must be led to its end by readers behind readers. A burst is taken, and led to
/// its end after it. But where a reader would take longer than a minute for what waits for it, more
/// orders would only wait longer; they are refused until it is fifty seconds' worth, and whoever is
/// refused knows it at once. A reader that stands still, or has more than five minutes' worth
/// before it, was away or begins anew: that is no load, and nobody is refused for it.
///
/// Where requests were refused for want of room before a writer, it is no burst but more than the
/// shop carries. Then what waits is kept to a few seconds' worth, orders that wait for their
/// checkout included, so that the shop is itself again as soon as it is over.
package struct LoadRules: Sendable {
    /// How far a reader of a log is.
    package struct Reader: Hashable, Sendable {
        package let name: String
        /// The log's events it has not read yet.
        package let behind: Int64
        /// The position it has read to.
        package let read: Int64

        package init(name: String, behind: Int64, read: Int64) {
            self.name = name
            self.behind = behind
            self.read = read
        }
    }

    private struct Known: Sendable {
        var read: Int64
        var movedAt: Timestamp
        var isBusy: Bool
        /// Events a second while there was enough to read; 0 where that is not known.
        var rate = 0.0
    }

    /// So many events are no backlog, however slowly they are read.
    package static let least: Int64 = 4000
    /// Whoever has not moved for so long stands still.
    private static let patience = Duration.seconds(1)
    /// How much of a reader's rate is what was seen last.
    private static let weight = 0.2
    /// So long after the last refusal for want of room the shop is no longer overloaded.
    private static let calm = Duration.seconds(5)

    private var readers: [String: Known] = [:]
    private var refused: Int64 = 0
    private var refusedAt = Timestamp.epoch
    /// Whether more comes than can be written, or did until a moment ago.
    package private(set) var isOverloaded = false
    /// Whether nothing new is taken.
    package private(set) var isStopped = false
    /// The longest that a reader would take for what waits for it, in seconds, as last seen.
    package private(set) var backlog = 0.0

    /// Seconds' worth before a reader.
    package struct Limits: Hashable, Sendable {
        /// With so many nothing new is taken.
        let stopAt: Double
        /// With so many it is taken again.
        let goAt: Double

        package init(stopAt: Double, goAt: Double) {
            (self.stopAt, self.goAt) = (stopAt, goAt)
        }
    }

    private let (usual, overloaded, awayAt): (Limits, Limits, Double)

    /// - Parameter awayAt: with so many seconds' worth before it a reader was away.
    package init(
        usual: Limits = .init(stopAt: 60, goAt: 50),
        overloaded: Limits = .init(stopAt: 2.5, goAt: 2), awayAt: Double = 300
    ) {
        (self.usual, self.overloaded, self.awayAt) = (usual, overloaded, awayAt)
    }

    /// Looks at all readers.
    ///
    /// - Parameters:
    ///   - waiting: the orders that wait for their checkout, as of a reader of orders; they count
    ///     in overload only, as a burst is taken however long it is.
    ///   - refused: how many requests were refused for want of room since the start.
    package mutating func look(
        _ seen: [Reader], waiting: Reader? = nil, refused: Int64 = 0, at now: Timestamp
    ) {
        if refused > self.refused {
            (self.refused, refusedAt, isOverloaded) = (refused, now, true)
        } else if isOverloaded {
            isOverloaded = isStopped || now - refusedAt < Self.calm
        }
        var known: [String: Known] = [:]
        backlog = 0
        for reader in seen + (isOverloaded ? waiting.map { [$0] } ?? [] : []) {
            let isBusy = reader.behind > Self.least
            var next =
                readers[reader.name] ?? Known(read: reader.read, movedAt: now, isBusy: isBusy)
            if reader.read > next.read {
                let seconds = Double((now - next.movedAt).microseconds) / 1e6
                if next.isBusy, seconds > 0 {
                    let fresh = Double(reader.read - next.read) / seconds
                    next.rate += next.rate == 0 ? fresh : Self.weight * (fresh - next.rate)
                }
                (next.read, next.movedAt) = (reader.read, now)
            }
            next.isBusy = isBusy
            known[reader.name] = next
            guard isBusy, next.rate > 0, now - next.movedAt < Self.patience else { continue }
            let seconds = Double(reader.behind) / next.rate
            if seconds < awayAt { backlog = max(backlog, seconds) }
        }
        readers = known
        let limits = isOverloaded ? overloaded : usual
        isStopped = backlog > (isStopped ? limits.goAt : limits.stopAt)
    }
}

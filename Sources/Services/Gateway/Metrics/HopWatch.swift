package import EventSourcing
package import Messaging
import Projections

/// Follows how far logs are published and read, and says what cannot be right: a position beyond
/// the log's end, or one that has stood still for long although something waits. Without threads.
///
/// What is seen of several processes is not of one moment: a reader may seem to be ahead of a log
/// until the log is heard of again.
package struct HopWatch: Sendable {
    package struct Log: Sendable {
        package let log: LogName
        package let channels: [String]
        package let recorded: Int64
        /// Nil where it is not known.
        package let published: Int64?
        /// Whether its owner has been heard of, and has it open.
        package let isUp: Bool
        package let haltReason: String?

        package init(
            log: LogName, channels: [String], recorded: Int64, published: Int64?, isUp: Bool,
            haltReason: String? = nil
        ) {
            (self.log, self.channels, self.recorded) = (log, channels, recorded)
            (self.published, self.isUp, self.haltReason) = (published, isUp, haltReason)
        }
    }

    package struct Reader: Sendable {
        package let name: String
        package let source: Source
        package let applied: Int64
        /// Messages of the source that could not be applied; nil where nobody counted.
        package let parked: Int64?
        package let isUp: Bool

        package init(
            name: String, source: Source, applied: Int64, parked: Int64? = nil, isUp: Bool
        ) {
            (self.name, self.source, self.applied) = (name, source, applied)
            (self.parked, self.isUp) = (parked, isUp)
        }

        fileprivate var key: String { "\(name)<\(source)" }
    }

    /// Since when a position is as it is.
    private struct Track: Sendable {
        let position: Int64
        let since: Timestamp
    }

    /// What has not moved for so long stands still.
    package static let patience = Duration.seconds(30)
    /// What is seen of a part is at most so old, and a bit.
    package static let delay = Duration.seconds(3)
    /// Where nobody has looked for so long, nothing is known of the time between.
    private static let pause = Duration.seconds(15)

    private var still: [String: Track] = [:]
    private var ahead: [String: Track] = [:]
    private var lastLook: Timestamp?

    package init() {}

    /// Takes what is seen now; to be called every few seconds at least.
    package mutating func look(_ logs: [Log], _ readers: [Reader], at now: Timestamp)
        -> ShopReadings.Hops
    {
        if let lastLook, now - lastLook > Self.pause || now < lastLook {
            (still, ahead) = ([:], [:])
        }
        lastLook = now
        var hops = ShopReadings.Hops()
        for log in logs {
            let before = hops.alarms.count
            judge(log, at: now, &hops.alarms)
            let isLogRight = hops.alarms.count == before
            for channel in log.channels {
                let source = Source(log.log, channel)
                let its = readers.filter { $0.source == source }
                let before = hops.alarms.count
                for reader in its { judge(reader, log, at: now, &hops.alarms) }
                hops.all.append(
                    ShopReadings.Hop(
                        source: source, recorded: log.recorded, published: log.published,
                        readers: its, isBalanced: isLogRight && hops.alarms.count == before))
            }
        }
        return hops
    }

    private mutating func judge(_ log: Log, at now: Timestamp, _ alarms: inout [BookAlarm]) {
        let name = log.log.value
        func alarm(_ code: String, _ detail: String) -> BookAlarm {
            BookAlarm(book: .hops, code: code, detail: detail, log: name)
        }
        if let why = log.haltReason {
            alarms.append(alarm("halted", "\(name) writes no more: \(why)"))
        }
        guard let published = log.published else { return }
        if isAhead(name, published, of: log, at: now) {
            alarms.append(
                alarm(
                    "published-ahead",
                    "\(name) ends at \(log.recorded), and is published up to \(published): was it "
                        + "restored? see shopctl epoch"))
        }
        let waits = published < log.recorded && log.haltReason == nil && log.isUp
        if stands(name, published, whileIt: waits, at: now) {
            alarms.append(
                alarm(
                    "not-published",
                    "\(name) ends at \(log.recorded), and is published up to \(published), where "
                        + "nothing has moved for \(Self.patience.components.seconds) s; does the "
                        + "broker answer?"))
        }
    }

    private mutating func judge(
        _ reader: Reader, _ log: Log, at now: Timestamp, _ alarms: inout [BookAlarm]
    ) {
        func alarm(_ code: String, _ detail: String) -> BookAlarm {
            BookAlarm(book: .hops, code: code, detail: detail, log: log.log.value)
        }
        let (name, source) = (reader.name, reader.source)
        if isAhead(reader.key, reader.applied, of: log, at: now) {
            alarms.append(
                alarm(
                    "applied-ahead",
                    "\(name) has read \(source) up to \(reader.applied), and it ends at "
                        + "\(log.recorded): was it restored? see shopctl epoch"))
        }
        // What is not published yet is no reader's fault.
        let there = min(log.recorded, log.published ?? log.recorded)
        let waits = reader.applied < there && reader.isUp
        if stands(reader.key, reader.applied, whileIt: waits, at: now) {
            alarms.append(
                alarm(
                    "not-applied",
                    "\(name) has read \(source) up to \(reader.applied) of \(there), where nothing "
                        + "has moved for \(Self.patience.components.seconds) s"))
        }
        if let parked = reader.parked, parked > 0 {
            alarms.append(
                alarm(
                    "parked",
                    "\(parked) messages of \(source) are parked at \(name): they could not be "
                        + "applied, or wait behind one that could not; see shopctl parked list"))
        }
    }

    /// Whether a position has been beyond the log's end for longer than the log takes to be heard
    /// of again.
    private mutating func isAhead(
        _ key: String, _ position: Int64, of log: Log, at now: Timestamp
    ) -> Bool {
        guard position > log.recorded, log.isUp else {
            ahead[key] = nil
            return false
        }
        guard let track = ahead[key], track.position > log.recorded else {
            ahead[key] = Track(position: position, since: now)
            return false
        }
        return now - track.since >= Self.delay
    }

    private mutating func stands(
        _ key: String, _ position: Int64, whileIt waits: Bool, at now: Timestamp
    ) -> Bool {
        guard waits else {
            still[key] = nil
            return false
        }
        guard let track = still[key], track.position == position else {
            still[key] = Track(position: position, since: now)
            return false
        }
        return now - track.since >= Self.patience
    }
}

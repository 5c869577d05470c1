package import EventSourcing
import EventStore

/// Publishes a log's new tail, in order and without a hole: the log is the outbox.
///
/// It asks the broker what it holds and goes on from there; where the broker lost all, from the
/// last position known to be published. Each publish states the stream's expected last sequence, so
/// that two relays cannot interleave.
package final class Relay {
    package enum Progress: Hashable, Sendable {
        /// Nothing to do until something new is committed, or a watermark is due.
        case idle
        /// There may be more.
        case published(through: Position)
        /// The broker cannot be reached; try again after a pause.
        case waiting(String)
        /// The broker or a reader holds what this log does not: it must stop.
        case refused(String)
    }

    /// The most events looked at in one step.
    package static let batch = 512
    /// Nothing is looked at in the same step behind events whose data come to as many bytes.
    private static let batchBytes = 4 * 1024 * 1024
    /// How often a channel hears how far its log is, while something happens and while nothing
    /// does.
    package static let busyWatermark = Duration.milliseconds(50)
    package static let idleWatermark = Duration.seconds(1)

    private let log: LogName
    private let path: String
    private let publication: Publication
    private let broker: any Broker
    private let board: LogBoard
    private var reader: LogReader?
    /// The stream's last sequence as the broker last said; nil where it must be asked.
    private var sequence: UInt64?
    private var position = Position.start
    /// The newest position published in each channel; what came before a start counts as at the
    /// start.
    private var last: [String: Position] = [:]
    private var lastWatermark = Timestamp.epoch
    private var watermarked = Position.start
    /// Told where it goes on, each time that it has asked the broker: all before is published.
    package var didResume: ((Position) -> Void)?
    /// Told of events that the broker has stored: of each its first message.
    package var didPublish: (([Message]) -> Void)?

    package init(
        log: LogName, path: String, publication: Publication, broker: any Broker, board: LogBoard
    ) {
        self.log = log
        self.path = path
        self.publication = publication
        self.broker = broker
        self.board = board
    }

    private var stream: String { Source(log, Publication.facts).stream }

    /// Publishes one batch, or a watermark. Blocks while the broker does.
    package func step(at now: Timestamp) -> Progress {
        guard let status = board.status, status.haltReason == nil else { return .idle }
        do {
            if sequence == nil, let refusal = try resume(status) { return .refused(refusal) }
            guard let sequence else { return .idle }
            return try publish(status, after: sequence, at: now)
        } catch let error as BrokerError {
            self.sequence = nil
            return .waiting(error.description)
        } catch {
            self.sequence = nil
            reader = nil
            return .waiting("\(error)")
        }
    }

    private func open() throws(StoreError) -> LogQueries {
        if let reader { return reader.queries }
        let opened = try LogReader(path: path)
        reader = opened
        return opened.queries
    }

    /// Finds where to go on; returns why the log must stop, should the broker hold what the log
    /// does not.
    private func resume(_ status: LogStatus) throws -> String? {
        let state = try broker.state(of: stream)
        let queries = try open()
        guard let newest = state.newest else {
            let cursor = try queries.published()?.position ?? .start
            begin(at: min(cursor, status.head), sequence: state.last)
            return nil
        }
        // What is none of ours says nothing of the log, and must not hold it up.
        guard let bulletin = try? Bulletin(newest), bulletin.source.log == log else {
            begin(at: try queries.published()?.position ?? .start, sequence: state.last)
            return nil
        }
        let held = Held(bulletin, channels: publication.channels)
        var checkpoint = Checkpoint.start
        (checkpoint.epoch, checkpoint.position, checkpoint.leaf) =
            (held.epoch, held.position, held.leaf)
        switch try LogFeed.compare(checkpoint, with: queries) {
        case .refused(let why):
            board.show(published: held.position)
            return "the broker holds more: \(why)"
        case .rewind(_, let position, _) where position < held.position:
            begin(at: position, sequence: state.last)
        case .rewind, .good:
            if try queries.leaf(at: held.position)?.1 == held.leaf || held.position == .start {
                // An event's message may be the first of several: the rest of them are published
                // again.
                begin(
                    at: held.isWhole ? held.position : Position(held.position.value - 1),
                    sequence: state.last)
            } else {
                begin(at: .start, sequence: state.last)
            }
        }
        return nil
    }

    private func begin(at position: Position, sequence: UInt64) {
        self.sequence = sequence
        self.position = position
        last = [:]
        watermarked = .start
        board.show(published: position)
        didResume?(position)
    }

    private func publish(_ status: LogStatus, after sequence: UInt64, at now: Timestamp) throws
        -> Progress
    {
        let records = try next(through: status.head)
        var bulletins: [BrokerMessage] = []
        var told: [Message] = []
        var newest = last
        bulletins.reserveCapacity(records.count)
        for record in records {
            for form in publication.forms(of: record) {
                let message = try record.message(
                    form, previous: newest[form.channel] ?? resumedAt(form.channel))
                let bulletin = Bulletin.event(message).published
                // What no broker takes must not hold up what is behind it: its readers find that
                // something is missing, and read it from the feed.
                guard bulletin.size <= BrokerLimits.maximumPayload else {
                    newest[form.channel] = record.position
                    continue
                }
                bulletins.append(bulletin)
                if didPublish != nil, told.last?.identity != message.identity {
                    told.append(message)
                }
                newest[form.channel] = record.position
            }
        }
        let through = records.last?.position ?? position
        let age = now - lastWatermark
        let isDue =
            age >= Self.idleWatermark || (through != watermarked && age >= Self.busyWatermark)
        let caughtUp = through == status.head
        if caughtUp && isDue {
            for channel in publication.channels {
                bulletins.append(watermark(channel, status, newest[channel]).brokerMessage)
            }
        }
        if !bulletins.isEmpty {
            self.sequence = try broker.publish(bulletins, to: stream, expectedLast: sequence)
            didPublish?(told)
        }
        for channel in publication.channels where newest[channel] == nil {
            newest[channel] = resumedAt(channel)
        }
        last = newest
        if position != through || !bulletins.isEmpty { board.show(published: through) }
        position = through
        if caughtUp && isDue {
            lastWatermark = now
            watermarked = through
        }
        return records.isEmpty && bulletins.isEmpty ? .idle : .published(through: through)
    }

    /// Until a channel's newest position is known it counts as where the relay began: a reader
    /// behind asks the feed.
    private func resumedAt(_ channel: String) -> Position { last[channel] ?? position }

    /// No more than the status tells of: only so it can be said that all of it is published.
    private func next(through head: Position) throws(StoreError) -> [StoredRecord] {
        let limit = Int(clamping: min(Int64(Self.batch), head.value - position.value))
        guard limit > 0 else { return [] }
        guard let tail = board.tail(after: position, limit: limit) else {
            return try open().log(after: position, limit: limit, bytes: Self.batchBytes)
        }
        var bytes = 0
        let size = tail.firstIndex { record in
            defer { bytes += record.data.count }
            return bytes >= Self.batchBytes
        }
        return size.map { Array(tail[..<$0]) } ?? tail
    }

    private func watermark(_ channel: String, _ status: LogStatus, _ newest: Position?) -> Bulletin
    {
        .watermark(
            Watermark(
                log: log, channel: channel, epoch: status.epoch, through: status.head,
                leaf: status.leaf, last: newest ?? resumedAt(channel), asOf: status.asOf,
                upSince: status.upSince, treeSize: status.tree.size, treeRoot: status.tree.root,
                read: status.read))
    }

    /// What the broker's newest message says that was published.
    private struct Held {
        let epoch: Epoch
        let position: Position
        let leaf: Digest
        let isWhole: Bool

        init(_ bulletin: Bulletin, channels: [String]) {
            switch bulletin {
            case .event(let message):
                (epoch, position, leaf) =
                    (message.identity.epoch, message.identity.position, message.leaf)
                isWhole = message.channel == channels.last
            case .watermark(let watermark):
                (epoch, position, leaf) = (watermark.epoch, watermark.through, watermark.leaf)
                isWhole = true
            }
        }
    }
}

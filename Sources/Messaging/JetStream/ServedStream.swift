import EventSourcing
import NATS
import Net

/// A stream as clients of the wire have it: what it is to be, what it refuses, who reads it.
///
/// One thread at a time; the messages themselves are shared with publishers in this process.
final class ServedStream {
    /// Ids remembered at once; above, the oldest are forgotten before their time.
    private static let mostIDs = 1_000_000
    /// Bytes of publishes that wait to be stored together.
    private static let mostWaiting = 4 * 1024 * 1024

    private struct Waiting {
        let message: BrokerMessage
        let reply: String?
    }

    let segments: SegmentStream
    /// Whether publishers in this process own it.
    let isOwned: Bool
    unowned let hub: Hub
    let created: Timestamp
    private(set) var configuration: StreamConfiguration
    var consumers: [String: ServedConsumer] = [:]
    var index = SubjectIndex()
    /// Nil for a stream that publishers in this process own: nobody else may publish to it.
    var file: StateFile<TakenOut>?
    /// Of what is between the first and the last message.
    var gaps = SequenceGaps()
    /// The places of each subject's messages, where a subject may have so many only.
    var held: [String: [UInt64]] = [:]
    private(set) var extent: StreamExtent
    /// How far those who merely listen were told of what publishers in this process store.
    var forwarded: UInt64
    private var waiting: [Waiting] = []
    private var waitingBytes = 0
    private var ids: [String: UInt64] = [:]
    private var idTimes: [(id: String, at: Timestamp)] = []
    private var idHead = 0
    private var lastStoredID = ""
    private var lastID: String { waiting.last?.message.id ?? lastStoredID }
    /// Whether something may have to be taken out.
    var isOverLimits = false
    /// The subjects that may have too many messages.
    var crowdedSubjects: Set<String> = []
    let notices: (String) -> Void

    var name: String { configuration.name }
    var first: UInt64 { extent.first }
    var last: UInt64 { extent.last }

    init(
        _ configuration: StreamConfiguration, _ segments: SegmentStream, created: Timestamp,
        _ hub: Hub, isOwned: Bool = false, _ notices: @escaping (String) -> Void
    ) {
        self.notices = notices
        self.isOwned = isOwned
        (self.configuration, self.segments, self.hub) = (configuration, segments, hub)
        self.created = created
        extent = segments.extent
        forwarded = extent.last
    }

    /// Looks at what publishers in this process have done, and at what has grown too old.
    func refresh() {
        let before = extent.first
        extent = segments.extent
        while let gap = gaps.gap(at: extent.first) {
            segments.trim(before: gap.upperBound + 1)
            gaps.trim(before: gap.upperBound + 1)
            extent = segments.extent
        }
        guard extent.first > before else { return }
        gaps.trim(before: extent.first)
        for consumer in consumers.values { consumer.trim(before: extent.first) }
    }

    /// Messages that are kept.
    var count: UInt64 { extent.last + 1 - extent.first - gaps.count }

    /// - Throws: `unavailable` where what the new limits concern cannot be read.
    func update(_ configuration: StreamConfiguration) throws(BrokerError) {
        self.configuration = configuration
        segments.bound(configuration.bounds)
        refresh()
        try findHeld()
        try enforceLimits()
    }

    // MARK: Publishing

    /// Takes a message; it is stored, and acknowledged, with the next `commit`.
    func publish(_ message: ClientOperation.Publish, as standing: Standing, at now: Timestamp) {
        do throws(JetStreamError) {
            guard standing.mayChange(stream: name, of: []) else { throw .shopsOwn }
            guard let expected = PublishExpectations(message.headers) else {
                throw .wrongLast(sequence: last + UInt64(waiting.count))
            }
            if let stream = expected.stream, stream != name { throw .expectedStream }
            if !expected.id.isEmpty, let sequence = ids[expected.id] {
                // It is one once the first is stored, and not before.
                if sequence > last { commit() }
                if ids[expected.id] != nil {
                    return answer(message.reply, sequence: sequence, isDuplicate: true)
                }
            }
            try check(expected, message)
            try checkRoom(message, idSize: expected.id.utf8.count)
            let stored = BrokerMessage(
                subject: message.subject, id: expected.id, headers: message.headers,
                payload: message.payload)
            do throws(BrokerError) { try BrokerRules.checkStored(stored) } catch {
                throw JetStreamError(400, 10054, "\(error)")
            }
            waiting.append(Waiting(message: stored, reply: message.reply))
            waitingBytes += SegmentFormat.recordHead + stored.size
            remember(expected.id, last + UInt64(waiting.count), at: now)
        } catch { refuse(message.reply, error) }
        if waitingBytes > Self.mostWaiting { commit() }
    }

    private func check(_ expected: PublishExpectations, _ message: ClientOperation.Publish)
        throws(JetStreamError)
    {
        if let sequence = expected.lastSequence, sequence != last + UInt64(waiting.count) {
            throw .wrongLast(sequence: last + UInt64(waiting.count))
        }
        if let id = expected.lastID, id != lastID { throw .wrongLast(id: lastID) }
        guard let sequence = expected.lastOfSubject else { return }
        let newest: UInt64
        if let at = waiting.lastIndex(where: { $0.message.subject == message.subject }) {
            newest = last + UInt64(at) + 1
        } else {
            do throws(BrokerError) {
                newest = try index.last(of: message.subject, in: self) ?? 0
            } catch { throw .broker(error) }
        }
        guard newest == sequence else { throw .wrongLast(sequence: newest) }
    }

    private func checkRoom(_ message: ClientOperation.Publish, idSize: Int)
        throws(JetStreamError)
    {
        guard gaps.ranges.count < SequenceGaps.mostRanges else { throw .tooManyGaps }
        let size = message.headers.count + message.payload.count
        if configuration.maximumMessageSize >= 0, size > configuration.maximumMessageSize {
            throw .tooLarge
        }
        guard configuration.discard == .new else { return }
        let count = Int64(clamping: count) + Int64(waiting.count)
        if configuration.maximumMessages > 0, count >= configuration.maximumMessages {
            throw .fullOfMessages
        }
        let bytes =
            extent.bytes + waitingBytes + SegmentFormat.recordHead + size
            + message.subject.utf8.count + idSize
        if configuration.maximumBytes > 0, bytes > configuration.maximumBytes {
            throw .fullOfBytes
        }
    }

    /// Stores what waits with one write, and answers.
    func commit() {
        guard !waiting.isEmpty else { return }
        let batch = waiting
        (waiting, waitingBytes) = ([], 0)
        do throws(BrokerError) {
            let newest = try segments.publish(batch.map(\.message), expectedLast: last)
            refresh()
            index.note(batch.map(\.message), last: newest)
            hold(batch.map(\.message))
            lastStoredID = batch.last?.message.id ?? ""
            var sequence = newest - UInt64(batch.count)
            for entry in batch {
                sequence += 1
                answer(entry.reply, sequence: sequence, isDuplicate: false)
            }
            isOverLimits = true
        } catch {
            for entry in batch {
                if !entry.message.id.isEmpty { ids[entry.message.id] = nil }
                refuse(entry.reply, .broker(error))
            }
            refresh()
        }
        keepLimits()
    }

    private func answer(_ reply: String?, sequence: UInt64, isDuplicate: Bool) {
        guard let reply, configuration.acknowledges else { return }
        var text = Array("{\"stream\":\"".utf8)
        text += Array(name.utf8)
        text += Array("\",\"seq\":".utf8)
        text.append(decimal: Int64(clamping: sequence))
        if isDuplicate { text += Array(",\"duplicate\":true".utf8) }
        text.append(UInt8(ascii: "}"))
        say(text, to: reply)
    }

    private func refuse(_ reply: String?, _ error: JetStreamError) {
        guard let reply, configuration.acknowledges else { return }
        var json = JSONWriter(reserving: 160)
        json.object { json in
            json.member("error") { json in error.write(to: &json) }
            json.member("stream", name)
            json.member("seq", Int64(0))
        }
        say(json.bytes, to: reply)
    }

    private func say(_ payload: [UInt8], to reply: String) {
        let message = ClientOperation.Publish(
            subject: reply, reply: nil, headers: [], payload: payload)
        hub.publish(message, by: 0, echoes: true)
    }

    // MARK: Ids that were published

    private func remember(_ id: String, _ sequence: UInt64, at now: Timestamp) {
        guard !id.isEmpty else { return }
        ids[id] = sequence
        idTimes.append((id, now))
        forgetIDs(at: now)
    }

    private func forgetIDs(at now: Timestamp) {
        let window = Duration.nanoseconds(configuration.duplicateWindow)
        while idHead < idTimes.count,
            now - idTimes[idHead].at > window || idTimes.count - idHead > Self.mostIDs
        {
            ids[idTimes[idHead].id] = nil
            idHead += 1
        }
        if idHead > 4096, idHead * 2 > idTimes.count {
            idTimes.removeFirst(idHead)
            idHead = 0
        }
    }

    /// Learns anew, after a start, which ids are not to be taken twice.
    func recallIDs(at now: Timestamp) throws(BrokerError) {
        let since = now + .nanoseconds(-configuration.duplicateWindow)
        var at = try segments.sequence(at: since)
        while at <= last {
            let (messages, through) = try read(from: at, limit: 4096, wants: { _ in true })
            for message in messages {
                remember(message.message.id, message.sequence, at: message.time)
                lastStoredID = message.message.id
            }
            at = through + 1
        }
    }

    // MARK: Consumers

    /// Where a new consumer begins, and what it is handed before that.
    func beginning(of consumer: ConsumerConfiguration) throws(BrokerError)
        -> (next: UInt64, starts: [UInt64])
    {
        let filter = consumer.filter ?? ">"
        switch consumer.start {
        case .all: return (first, [])
        case .new: return (last + 1, [])
        case .last:
            let newest = try index.newest(matching: filter, in: self).last
            return newest.map { (last + 1, [$0]) } ?? (last + 1, [])
        case .lastPerSubject:
            return (last + 1, try index.newest(matching: filter, in: self))
        case .sequence:
            let sequence = UInt64(clamping: consumer.startSequence ?? 1)
            return (min(max(sequence, first), last + 1), [])
        case .time:
            return (try segments.sequence(at: consumer.startTime ?? .epoch), [])
        }
    }

    /// Has the consumers hand out what they can.
    ///
    /// - Returns: when they want to be called again.
    func work(at now: Moment, _ notices: (String) -> Void) -> Moment {
        var wake = Moment.never
        for (_, consumer) in consumers {
            do throws(BrokerError) {
                // What was settled is confirmed once it is in its file, also where nothing can be
                // handed out.
                try consumer.save()
                consumer.confirm()
                wake = min(wake, try consumer.work(at: now))
                try consumer.save()
            } catch {
                notices("consumer \(consumer.name) of stream \(name): \(error)")
                wake = min(wake, now + .seconds(1))
            }
        }
        return wake
    }

    /// What is due with time alone.
    func tick(at now: Timestamp) {
        forgetIDs(at: now)
        if configuration.maximumAge > 0 { segments.retain() }
        refresh()
        keepLimits()
    }
}

/// What a stream holds, as clients are told.
struct StreamSummary {
    private static let never = "0001-01-01T00:00:00Z"

    let extent: StreamExtent
    let messages: UInt64
    /// Of what was taken out in between.
    let deleted: [UInt64]?
    let deletedCount: UInt64
    /// How many messages each subject has, where that was asked for.
    let counts: [String: Int64]?
    let oldest: Timestamp?
    let subjects: Int
    let consumers: Int

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("messages", Int64(clamping: messages))
            json.member("bytes", Int64(extent.bytes))
            json.member("first_seq", Int64(clamping: extent.first))
            json.member("first_ts", oldest?.description ?? Self.never)
            json.member("last_seq", Int64(clamping: extent.last))
            json.member("last_ts", extent.newest?.description ?? Self.never)
            if subjects > 0 { json.member("num_subjects", Int64(subjects)) }
            if deletedCount > 0 { json.member("num_deleted", Int64(clamping: deletedCount)) }
            if let deleted, deletedCount > 0 {
                json.member("deleted") { json in
                    json.array { json in
                        for sequence in deleted { json.value(Int64(clamping: sequence)) }
                    }
                }
            }
            json.member("consumer_count", Int64(consumers))
            if let counts, !counts.isEmpty {
                let members = counts.sorted { $0.key < $1.key }
                    .map { JSON.Member($0.key, .integer($0.value)) }
                json.member("subjects") { json in json.value(.object(members)) }
            }
        }
    }
}

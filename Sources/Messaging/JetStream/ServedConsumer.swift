import EventSourcing
import NATS
import Net

/// A place in a stream that clients share: what is handed out, to whom, and what comes again.
///
/// One thread at a time. What has changed is in its file once `work` has returned.
final class ServedConsumer {
    /// Messages in one turn, so that others get theirs.
    private static let mostAtOnce = 1024

    let name: String
    let created: Timestamp
    let isDurable: Bool
    /// Whether one of the shop's own clients made it, where others may listen as well.
    let isShops: Bool
    unowned let stream: ServedStream
    unowned let hub: Hub
    private(set) var configuration: ConsumerConfiguration
    var progress: ConsumerProgress
    var pulls: [PullRequest] = []
    var flow = FlowControl()
    var file: StateFile<ConsumerChange>?
    /// The next message to look at.
    private(set) var next: UInt64
    /// Of what is delivered first, where the newest of each subject was asked for.
    private var starts: [UInt64] = []
    private var ahead: ArraySlice<StoredMessage> = []
    private var counted = CountedMessages()
    /// Who waits to hear that what he said of a message is kept.
    private var confirmations: [String] = []
    private let filter: SubjectPattern?
    /// When somebody was last interested.
    private var seen: Moment
    private var lastSent: Moment
    private lazy var acknowledgements = Array("$JS.ACK.\(stream.name).\(name)".utf8)

    init(
        _ name: String, _ configuration: ConsumerConfiguration, of stream: ServedStream,
        created: Timestamp, at now: Moment, isShops: Bool
    ) throws(BrokerError) {
        (self.name, self.configuration, self.stream) = (name, configuration, stream)
        (self.created, hub, isDurable) = (created, stream.hub, configuration.durable != nil)
        self.isShops = isShops
        filter = configuration.filter.map { SubjectPattern($0) }
        (seen, lastSent) = (now, now)
        let beginning = try stream.beginning(of: configuration)
        (next, starts) = (beginning.next, beginning.starts)
        progress = ConsumerProgress(beginningAt: starts.first ?? next)
    }

    /// One that was there before.
    init(
        _ name: String, _ configuration: ConsumerConfiguration, of stream: ServedStream,
        created: Timestamp, _ progress: ConsumerProgress, next: UInt64, starts: [UInt64],
        at now: Moment, isShops: Bool
    ) {
        (self.name, self.configuration, self.stream) = (name, configuration, stream)
        (self.created, hub, isDurable) = (created, stream.hub, configuration.durable != nil)
        self.isShops = isShops
        filter = configuration.filter.map { SubjectPattern($0) }
        (self.next, self.starts, self.progress) = (next, starts, progress)
        (seen, lastSent) = (now, now)
    }

    func wants(_ subject: String) -> Bool { filter?.matches(subject) ?? true }

    /// Messages that were never handed out.
    func waiting() throws(BrokerError) -> UInt64 {
        let rest = try counted.count(from: next, in: stream, filter.map { $0.matches })
        return UInt64(starts.count + ahead.count) + rest
    }

    func update(_ configuration: ConsumerConfiguration) { self.configuration = configuration }

    /// All before is gone from the stream.
    func trim(before first: UInt64) {
        progress.trim(before: first)
        while let sequence = ahead.first?.sequence, sequence < first { ahead.removeFirst() }
        starts.removeAll { $0 < first }
        if first > next {
            // How many of what went were wanted nobody knows.
            counted = CountedMessages()
            next = first
        }
    }

    /// A message was taken out of the stream.
    func forget(_ message: StoredMessage) {
        guard wants(message.message.subject) else {
            if message.sequence == next { next += 1 }
            return
        }
        counted.forget(message.sequence, from: next)
        if message.sequence == next { next += 1 }
        ahead.removeAll { $0.sequence == message.sequence }
        starts.removeAll { $0 == message.sequence }
        settleAlone(message.sequence)
    }

    /// Settles one message that is gone, and none before it.
    private func settleAlone(_ sequence: UInt64) {
        if progress.settle(sequence) { file?.note(.settled(sequence)) }
    }

    // MARK: Handing out

    /// Hands out what can be.
    ///
    /// - Returns: when it wants to be called again without anything having happened.
    func work(at now: Moment) throws(BrokerError) -> Moment {
        endOverdue(at: now)
        var budget = Self.mostAtOnce
        while budget > 0, let target = target(at: now) {
            seen = now
            guard let candidate = try candidate(at: now) else {
                endImpatient()
                break
            }
            // It is told with a message how many come after it: where that cannot be read, the
            // message waits.
            let rest = try waiting() - (candidate.isNew ? 1 : 0)
            if case .pull(let index) = target, !fits(candidate.message, index) { continue }
            send(candidate, rest, to: target, at: now)
            budget -= 1
        }
        beat(at: now)
        return budget > 0 ? wake(now) : now
    }

    private enum Target { case pull(Int), push(String) }

    private struct Candidate {
        let message: StoredMessage
        let isNew: Bool
    }

    /// Somebody who is there to take a message.
    private func target(at now: Moment) -> Target? {
        if let subject = configuration.deliverSubject {
            guard hub.hasRoom(subject), !flow.isStalled else { return nil }
            return .push(subject)
        }
        pulls.removeAll { !hub.hasInterest(in: $0.inbox) }
        return pulls.firstIndex { hub.hasRoom($0.inbox) }.map { .pull($0) }
    }

    private func candidate(at now: Moment) throws(BrokerError) -> Candidate? {
        while let entry = progress.due(at: now) {
            let most = configuration.maximumDeliveries
            if most > 0, entry.deliveries >= most {
                progress.giveUp(entry.stream)
                file?.note(.gaveUp(entry.stream))
                continue
            }
            if let message = try stream.message(at: entry.stream) {
                return Candidate(message: message, isNew: false)
            }
            settleAlone(entry.stream)
        }
        if configuration.acknowledgement != .none, configuration.maximumPending > 0,
            progress.pending.count >= configuration.maximumPending
        {
            return nil
        }
        while let sequence = starts.first {
            if let message = try stream.message(at: sequence) {
                return Candidate(message: message, isNew: true)
            }
            starts.removeFirst()
        }
        // A file without anything that is wanted brings nothing, and there may be more behind it.
        while ahead.isEmpty, next <= stream.last {
            let (messages, through) = try stream.read(
                from: next, limit: 256, wants: wants)
            counted.pass(messages.count, through: through)
            (ahead, next) = (messages[...], through + 1)
        }
        return ahead.first.map { Candidate(message: $0, isNew: true) }
    }

    /// Whether the request takes so many bytes; one that does not is ended.
    private func fits(_ message: StoredMessage, _ index: Int) -> Bool {
        guard let room = pulls[index].bytes else { return true }
        let size = Int64(message.message.wireSize)
        if size <= room {
            pulls[index].bytes = room - size
            return true
        }
        end(pulls.remove(at: index), 409, "Message Size Exceeds MaxBytes")
        return false
    }

    private func send(
        _ candidate: Candidate, _ rest: UInt64, to target: Target, at now: Moment
    ) {
        let message = candidate.message
        if candidate.isNew {
            if starts.isEmpty { ahead.removeFirst() } else { starts.removeFirst() }
        }
        let attempt = (progress.pending[message.sequence]?.deliveries ?? 0) + 1
        let settles = configuration.acknowledgement != .none
        let due = settles ? now + .nanoseconds(configuration.wait(after: attempt)) : nil
        let delivery = progress.deliver(message.sequence, due: due)
        file?.note(delivery)
        let reply = acknowledgementSubject(message, attempt, rest)
        let sent = message.message.published(reply: reply, headersOnly: configuration.headersOnly)
        lastSent = now
        switch target {
        case .push(let subject):
            hub.send(sent, toListenersOf: subject)
            askForFlow(sent, subject)
        case .pull(let index):
            var pull = pulls.remove(at: index)
            hub.send(sent, toListenersOf: pull.inbox)
            pull.batch -= 1
            pull.wasServed = true
            if let heartbeat = pull.heartbeat { pull.nextHeartbeat = now + heartbeat }
            // Others that wait get theirs before it is this one's turn again.
            if pull.batch > 0 { pulls.append(pull) }
        }
    }

    /// `$JS.ACK.STREAM.CONSUMER.attempt.place.delivery.time.rest`, as clients take it apart.
    private func acknowledgementSubject(
        _ message: StoredMessage, _ attempt: Int64, _ rest: UInt64
    ) -> String {
        var text = acknowledgements
        for number in [
            attempt, Int64(clamping: message.sequence),
            Int64(clamping: progress.delivered.consumer),
            message.time.nanoseconds, Int64(clamping: rest),
        ] {
            text.append(Subject.dot)
            text.append(decimal: number)
        }
        return String(decoding: text, as: UTF8.self)
    }

    // MARK: What ends, and what beats

    private func endOverdue(at now: Moment) {
        guard pulls.contains(where: { $0.expires.map { $0 <= now } ?? false }) else { return }
        let overdue = pulls.filter { $0.expires.map { $0 <= now } ?? false }
        pulls.removeAll { $0.expires.map { $0 <= now } ?? false }
        for pull in overdue { end(pull, 408, "Request Timeout") }
        seen = now
    }

    /// Ends requests that take what there is and do not wait: for now there is nothing.
    private func endImpatient() {
        guard pulls.contains(where: { $0.isImpatient }) else { return }
        let ending = pulls.filter { $0.isImpatient && ($0.wasServed || !$0.waits) }
        pulls.removeAll { $0.isImpatient && ($0.wasServed || !$0.waits) }
        for pull in ending {
            if pull.wasServed {
                end(pull, 408, "Request Timeout")
            } else {
                end(pull, 404, "No Messages")
            }
        }
    }

    private func end(_ pull: PullRequest, _ status: Int, _ text: String) {
        say(StatusMessage.headers(status, text, status == 404 ? [] : pull.rest), to: pull.inbox)
    }

    private func say(_ headers: [UInt8], to inbox: String, reply: String? = nil) {
        let message = ClientOperation.Publish(
            subject: inbox, reply: reply, headers: headers, payload: [])
        hub.publish(message, by: 0, echoes: true)
    }

    private func beat(at now: Moment) {
        let place = [
            ("Nats-Last-Consumer", String(progress.delivered.consumer)),
            ("Nats-Last-Stream", String(progress.delivered.stream)),
        ]
        for index in pulls.indices where pulls[index].nextHeartbeat <= now {
            guard let heartbeat = pulls[index].heartbeat else { continue }
            pulls[index].nextHeartbeat = now + heartbeat
            say(StatusMessage.headers(100, "Idle Heartbeat", place), to: pulls[index].inbox)
        }
        guard configuration.heartbeat > 0, let subject = configuration.deliverSubject,
            hub.hasInterest(in: subject)
        else { return }
        guard lastSent + .nanoseconds(configuration.heartbeat) <= now else { return }
        lastSent = now
        var said = place
        if let asked = flow.asked { said.append(("Nats-Consumer-Stalled", asked)) }
        say(StatusMessage.headers(100, "Idle Heartbeat", said), to: subject)
    }

    private func askForFlow(_ sent: ClientOperation.Publish, _ subject: String) {
        guard configuration.hasFlowControl,
            let reply = flow.sent(
                sent.headers.count + sent.payload.count, of: stream.name, to: name)
        else { return }
        say(StatusMessage.headers(100, "FlowControl Request"), to: subject, reply: reply)
    }

    /// Whether nobody has been interested for so long that it is to go.
    func isForsaken(at now: Moment) -> Bool {
        guard configuration.inactiveThreshold > 0 else { return false }
        if configuration.deliverSubject.map(hub.hasInterest) ?? !pulls.isEmpty { seen = now }
        return seen + .nanoseconds(configuration.inactiveThreshold) <= now
    }

    private func wake(_ now: Moment) -> Moment {
        var wake = now + .milliseconds(500)
        for pull in pulls {
            wake = min(wake, pull.expires ?? .never, pull.nextHeartbeat)
        }
        if configuration.heartbeat > 0 {
            wake = min(wake, lastSent + .nanoseconds(configuration.heartbeat))
        }
        if !pulls.isEmpty || isPushing { wake = min(wake, progress.pending.earliestDue) }
        return max(wake, now + .milliseconds(1))
    }

    private var isPushing: Bool { configuration.deliverSubject.map(hub.hasInterest) ?? false }

    // MARK: What clients say

    func pull(_ payload: [UInt8], inbox: String, at now: Moment) {
        seen = now
        do throws(PullRequest.Refusal) {
            if configuration.isPush {
                throw PullRequest.Refusal(status: 409, text: "Consumer is push based")
            }
            let pull = try PullRequest(payload, inbox: inbox, configuration, now: now)
            guard pulls.count < configuration.maximumWaiting else {
                throw PullRequest.Refusal(status: 409, text: "Exceeded MaxWaiting")
            }
            pulls.append(pull)
        } catch { say(StatusMessage.headers(error.status, error.text), to: inbox) }
    }

    /// Takes what a client says of a message that it was handed.
    func take(_ word: [UInt8], of sequence: UInt64, reply: String?, at now: Moment) {
        seen = now
        switch AcknowledgementWord(word) {
        case .done, .terminate: settle(sequence)
        case .again(let delay): _ = progress.postpone(sequence, until: now + delay)
        case .inProgress:
            _ = progress.postpone(sequence, until: now + .nanoseconds(configuration.wait))
        case .next(let request):
            settle(sequence)
            if let reply { pull(request, inbox: reply, at: now) }
            return
        case nil: return
        }
        if let reply { confirmations.append(reply) }
    }

    /// Says what was taken in, once it is in the file.
    func confirm() {
        for reply in confirmations { say([], to: reply) }
        confirmations.removeAll(keepingCapacity: true)
    }

    /// Whether it counts what is before it, one by one.
    var counts: Bool { filter != nil || stream.gaps.count > 0 }

    private func settle(_ sequence: UInt64) {
        if configuration.acknowledgement == .all {
            if progress.settle(through: sequence) { file?.note(.settledThrough(sequence)) }
        } else if progress.settle(sequence) {
            file?.note(.settled(sequence))
        }
    }

    /// Tells those who wait that it is gone.
    func end() {
        for pull in pulls { end(pull, 409, "Consumer Deleted") }
        pulls = []
    }

    /// The whole state, as its file has it.
    var state: [UInt8] {
        var json = JSONWriter(reserving: 512)
        json.object { json in
            json.member("name", name)
            json.member("created", created.description)
            if isShops { json.member("shop", true) }
            json.member("config") { json in configuration.write(to: &json) }
            json.member("next", Int64(clamping: ahead.first?.sequence ?? next))
            json.member("starts") { json in
                json.array { json in for start in starts { json.value(Int64(clamping: start)) } }
            }
            progress.write(to: &json)
        }
        return json.bytes
    }

    /// Writes what has changed.
    func save() throws(BrokerError) {
        do throws(FileError) { try file?.write { state } } catch { throw error.unavailable }
    }
}

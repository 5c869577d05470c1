import EventSourcing
import NATS
import Net

/// Pulls from one stream for one durable consumer, and acknowledges cumulatively.
///
/// Calls from several threads wait for each other; a fetch that waits lets the others in.
final class StreamConsumer: Sendable {
    /// How long a fetch keeps others from the connection at once.
    private static let slice = Duration.milliseconds(50)

    /// After so long without a message no more are waited for than have come.
    private static let lull = Duration.milliseconds(200)
    /// What was rejected may come a little later than is asked for.
    private static let redelivery = Duration.seconds(2)
    /// What was asked for so long ago does not come again: the stream keeps it no more.
    private static let overdue = Duration.seconds(4)
    /// So long after its end a server may still say that a pull has ended. Not all do: nats-server
    /// 2.9 forgets some without a word, and a cluster those that its last leader had.
    private static let grace = Duration.milliseconds(100)
    /// No request waits longer, so that one which a server has forgotten, or never got, costs no
    /// more than that.
    private static let longest = Duration.seconds(2)

    private struct Handed: Sendable {
        let sequence: UInt64
        /// What an acknowledgement is sent to.
        let reply: String
    }

    /// The connection and what came over it.
    ///
    /// `@unchecked Sendable`: `NATSCaller` is for one thread at a time. It is reached through the
    /// monitor alone, by whoever holds its lock, and never handed out of it.
    private struct Line: @unchecked Sendable {
        var caller: NATSCaller?
        /// Where the messages of the pull that is under way come to, how many may still, and until
        /// when.
        var pull: (inbox: String, rest: Int, ends: Moment)?
        /// What has come and was not handed out.
        var waiting: [(delivered: Delivered, reply: String)] = []
        var handed: [Handed] = []
        /// The newest message that anybody was handed: what is beyond it cannot be acknowledged.
        var highest: UInt64 = 0
        /// What was rejected, in order, until it has come again: nothing else is handed out before.
        var owed: [UInt64] = []
        /// Until when some of it has to come.
        var owedUntil: Moment?
        /// How often a message was sent back at once, as it was not its turn.
        var turnedAway: [UInt64: Int] = [:]
        /// Whether the last pull ended as one does whose consumer is gone: without a word, or with
        /// another one than that there was nothing.
        var isDoubtful = false
        /// Nothing is asked for before.
        var restsUntil = Moment(nanoseconds: 0)
    }

    private let subscription: Subscription
    private let desk: NATSDesk
    private let line = Monitor(Line())

    init(_ subscription: Subscription, _ desk: NATSDesk) {
        (self.subscription, self.desk) = (subscription, desk)
    }

    func fetch(limit: Int, wait: Duration) throws(BrokerError) -> [Delivered] {
        // Nothing can follow a dot at the end.
        if subscription.filter.hasSuffix(".") { return [] }
        let begun = Moment.now()
        while true {
            let found = try using { (line, caller) throws(NATSCaller.Refusal) in
                // What was on its way may use a request up before what is owed comes.
                let patience = line.owed.isEmpty ? wait : max(wait, Self.redelivery)
                return try look(
                    &line, caller, limit: limit, until: begun + wait, lookingUntil: begun + patience
                )
            }
            if let found { return found }
        }
    }

    /// - Parameter end: until when it is looked again where nothing has come.
    /// - Returns: nil where there is nothing yet, and time is left.
    private func look(
        _ line: inout Line, _ caller: NATSCaller, limit: Int, until deadline: Moment,
        lookingUntil end: Moment
    ) throws(NATSCaller.Refusal) -> [Delivered]? {
        let now = Moment.now()
        if let pull = line.pull, now > pull.ends + Self.grace {
            (line.pull, line.isDoubtful) = (nil, true)
        }
        if line.waiting.isEmpty {
            if let limit = line.owedUntil, now > limit {
                // The consumer is made anew behind what was acknowledged, and has what there is.
                throw .unreachable(
                    "message \(line.owed.first ?? 0) of \(subscription.stream), which "
                        + "\(subscription.consumer) had sent back, does not come again")
            }
            guard now >= line.restsUntil else {
                try receive(&line, caller, until: min(line.restsUntil, deadline, now + Self.slice))
                return Moment.now() >= deadline ? [] : nil
            }
            let room = BrokerLimits.maximumUnacknowledged - line.handed.count
            guard room > 0 else {
                try receive(&line, caller, until: min(deadline, now + Self.slice))
                return Moment.now() >= deadline ? [] : nil
            }
            let ends = line.owed.isEmpty ? deadline : max(deadline, now + Self.redelivery)
            if line.pull == nil {
                if line.isDoubtful { try checkConsumer(&line, caller) }
                let most = min(ends, now + Self.longest)
                try pull(&line, caller, min(limit, room), until: most, now)
            }
            // A pull that does not wait is answered at once.
            let answered = min(now + desk.settings.patience, (line.pull?.ends ?? now) + Self.grace)
            let until = ends <= now ? answered : ends
            while line.pull != nil, line.waiting.isEmpty, Moment.now() < until {
                try receive(&line, caller, until: min(until, now + Self.slice))
                if line.waiting.isEmpty, Moment.now() >= now + Self.slice, ends > now {
                    return nil
                }
            }
        }
        // What there is comes at once; the server says when that is all.
        while line.waiting.count < limit, line.pull != nil, !line.waiting.isEmpty {
            guard try receive(&line, caller, until: .now() + Self.lull) else { break }
        }
        guard !line.waiting.isEmpty else { return Moment.now() >= end ? [] : nil }
        return handOut(&line, limit)
    }

    /// A consumer that is gone, as its operator or a cluster lost it, answers no pull any more.
    ///
    /// - Throws: where it is gone; the next call makes it anew.
    private func checkConsumer(_ line: inout Line, _ caller: NATSCaller)
        throws(NATSCaller.Refusal)
    {
        _ = try caller.ask("CONSUMER.INFO.\(subscription.stream).\(subscription.consumer)")
        line.isDoubtful = false
    }

    private func handOut(_ line: inout Line, _ limit: Int) -> [Delivered] {
        var bytes = 0
        let taken = line.waiting.prefix(limit).prefix { entry in
            defer { bytes += entry.delivered.message.size }
            return bytes < BrokerRules.maximumFetch
        }
        line.waiting.removeFirst(taken.count)
        line.highest = max(line.highest, taken.last?.delivered.sequence ?? 0)
        line.handed += taken.map { Handed(sequence: $0.delivered.sequence, reply: $0.reply) }
        return taken.map(\.delivered)
    }

    private func pull(
        _ line: inout Line, _ caller: NATSCaller, _ count: Int, until deadline: Moment,
        _ now: Moment
    ) throws(NATSCaller.Refusal) {
        if line.owed.isEmpty {
            line.owedUntil = nil
        } else if line.owedUntil == nil {
            line.owedUntil = now + Self.overdue
        }
        let inbox = caller.newInbox()
        let wait = deadline.nanoseconds - now.nanoseconds
        let waits = wait > 1_000_000
        var json = JSONWriter(reserving: 80)
        json.object { json in
            json.member("batch", Int64(count))
            // What comes again may come a little later than is asked: that is waited for.
            if line.owed.isEmpty { json.member("no_wait", true) }
            if waits { json.member("expires", min(wait, 3_600_000_000_000)) }
        }
        let subject =
            "$JS.API.CONSUMER.MSG.NEXT.\(subscription.stream).\(subscription.consumer)"
        try caller.send(
            Array("PUB \(subject) \(inbox) \(json.bytes.count)\r\n".utf8) + json.bytes
                + [0x0D, 0x0A])
        // One that does not wait is answered at once.
        line.pull = (inbox, count, waits ? deadline : now + desk.settings.patience)
    }

    /// Takes in what comes next.
    ///
    /// - Returns: false where nothing came in time.
    @discardableResult
    private func receive(_ line: inout Line, _ caller: NATSCaller, until deadline: Moment)
        throws(NATSCaller.Refusal) -> Bool
    {
        let delivery: ServerOperation.Delivery
        if caller.others.isEmpty {
            guard let next = try caller.next(until: deadline) else { return false }
            delivery = next
        } else {
            delivery = caller.others.removeFirst()
        }
        if let status = delivery.status {
            if delivery.subject == line.pull?.inbox, status != 100 {
                // 404: there is no message; 408: none came in time.
                (line.pull, line.isDoubtful) = (nil, status != 404 && status != 408)
            }
            return true
        }
        guard let reply = delivery.reply, let place = AcknowledgementSubject(reply) else {
            return true
        }
        if let pull = line.pull {
            line.pull = pull.rest > 1 ? (pull.inbox, pull.rest - 1, pull.ends) : nil
        }
        if let next = line.owed.first {
            guard place.sequence == next else {
                // It was on its way when what is before it was rejected, or overtook it. What comes
                // behind it must not be handed out before it either.
                line.turnedAway[place.sequence, default: 0] += 1
                let index = line.owed.firstIndex { $0 >= place.sequence } ?? line.owed.endIndex
                if index == line.owed.endIndex || line.owed[index] != place.sequence {
                    line.owed.insert(place.sequence, at: index)
                }
                try decline(reply, .zero, caller)
                return true
            }
            line.owed.removeFirst()
            line.owedUntil = nil
        }
        let attempt = place.attempt - (line.turnedAway.removeValue(forKey: place.sequence) ?? 0)
        let subject = delivery.subject.dropFirst(
            NATSDesk.prefix(of: subscription.stream).count)
        let message = BrokerMessage(
            subject: String(subject), headers: delivery.headers, payload: delivery.payload)
        line.waiting.append(
            (
                Delivered(
                    sequence: place.sequence, attempt: attempt, message: message), reply
            ))
        return true
    }

    func acknowledge(through sequence: UInt64) throws(BrokerError) {
        try using { (line, caller) throws(NATSCaller.Refusal) in
            guard sequence <= line.highest else { return }
            // What was not handed out by this connection is named by its place alone.
            let reply =
                line.handed.last { $0.sequence <= sequence }?.reply
                ?? AcknowledgementSubject.made(subscription, sequence)
            guard AcknowledgementSubject(reply)?.sequence == sequence else {
                return
            }
            let inbox = caller.newInbox()
            try caller.send(Array("PUB \(reply) \(inbox) 4\r\n+ACK\r\n".utf8))
            _ = try caller.answer(to: inbox)
            line.handed.removeAll { $0.sequence <= sequence }
            line.waiting.removeAll { $0.delivered.sequence <= sequence }
            line.owed.removeAll { $0 <= sequence }
            line.turnedAway = line.turnedAway.filter { $0.key > sequence }
        }
    }

    func reject(from sequence: UInt64, delay: Duration) throws(BrokerError) {
        try using { (line, caller) throws(NATSCaller.Refusal) in
            let back = line.handed.filter { $0.sequence >= sequence }
            guard !back.isEmpty else { return }
            for entry in back { try decline(entry.reply, delay, caller) }
            for entry in line.waiting {
                line.turnedAway[entry.delivered.sequence, default: 0] += 1
                try decline(entry.reply, delay, caller)
            }
            line.owed = back.map(\.sequence) + line.waiting.map(\.delivered.sequence) + line.owed
            line.owedUntil = nil
            line.handed.removeAll { $0.sequence >= sequence }
            line.waiting = []
            line.restsUntil = Moment.now() + max(delay, .zero)
        }
    }

    private func decline(_ reply: String, _ delay: Duration, _ caller: NATSCaller)
        throws(NATSCaller.Refusal)
    {
        let word = delay > .zero ? "-NAK {\"delay\": \(delay.nanoseconds)}" : "-NAK"
        try caller.send(Array("PUB \(reply) \(word.utf8.count)\r\n\(word)\r\n".utf8))
    }

    /// Runs `body` with a connection and the consumer there; after an error the next call makes a
    /// new one.
    private func using<Result: Sendable>(
        _ body: (inout Line, NATSCaller) throws(NATSCaller.Refusal) -> Result
    ) throws(BrokerError) -> Result {
        try line.withLock { (line) throws(BrokerError) in
            do throws(NATSCaller.Refusal) {
                if let caller = line.caller { return try body(&line, caller) }
                let caller = try desk.connect(for: subscription.stream)
                let highest = try makeConsumer(caller)
                line = Line(caller: caller, highest: highest)
                return try body(&line, caller)
            } catch {
                line.caller = nil
                throw error.broker("consumer \(subscription.consumer) of \(subscription.stream)")
            }
        }
    }

    /// Makes the consumer unless it is there with nothing in anybody's hands: what the connection
    /// before was handed would come again only after a long wait, so it is made anew behind what
    /// was acknowledged. One that a listener made first is made anew from the beginning, whatever
    /// is acknowledged there.
    ///
    /// - Returns: the newest message that anybody was handed.
    private func makeConsumer(_ caller: NATSCaller) throws(NATSCaller.Refusal) -> UInt64 {
        let (stream, name) = (subscription.stream, subscription.consumer)
        var start: UInt64?
        do throws(NATSCaller.Refusal) {
            let info = try caller.ask("CONSUMER.INFO.\(stream).\(name)")
            if info["kassa_listeners"] == .bool(true) { return try create(from: nil, caller) }
            let filter = info["config"]?["filter_subject"]?.string ?? ""
            if info["num_ack_pending"]?.integer ?? 0 == 0, filter == wireFilter {
                return UInt64(clamping: info["delivered"]?["stream_seq"]?.integer ?? 0)
            }
            start = UInt64(clamping: info["ack_floor"]?["stream_seq"]?.integer ?? 0) + 1
            _ = try caller.ask("CONSUMER.DELETE.\(stream).\(name)")
        } catch {
            guard case .refused(10014, _) = error else { throw error }
        }
        return try create(from: start, caller)
    }

    private func create(from start: UInt64?, _ caller: NATSCaller) throws(NATSCaller.Refusal)
        -> UInt64
    {
        let (stream, name) = (subscription.stream, subscription.consumer)
        var json = JSONWriter()
        json.object { json in
            json.member("stream_name", stream)
            json.member("config") { json in
                json.object { json in
                    json.member("durable_name", name)
                    json.member("ack_policy", "all")
                    json.member("ack_wait", BrokerLimits.acknowledgementWait.nanoseconds)
                    json.member("max_ack_pending", Int64(BrokerLimits.maximumUnacknowledged))
                    json.member("deliver_policy", start == nil ? "all" : "by_start_sequence")
                    if let start { json.member("opt_start_seq", Int64(clamping: start)) }
                    if !wireFilter.isEmpty { json.member("filter_subject", wireFilter) }
                }
            }
        }
        _ = try caller.ask("CONSUMER.DURABLE.CREATE.\(stream).\(name)", json.bytes)
        return (start ?? 1) - 1
    }

    /// The subscription's filter as a pattern of NATS; empty for all.
    private var wireFilter: String {
        guard !subscription.filter.isEmpty else { return "" }
        return "\(NATSDesk.prefix(of: subscription.stream))\(subscription.filter).>"
    }
}

/// `$JS.ACK.STREAM.CONSUMER.attempt.place.…`, and with a domain and an account in front of them.
struct AcknowledgementSubject {
    let attempt: Int
    let sequence: UInt64

    init?(_ text: String) {
        // Read with every message: in one pass, without a list of the tokens.
        var (index, value) = (0, UInt64(0) as UInt64?)
        var numbers = InlineArray<4, UInt64?>(repeating: nil)
        for byte in text.utf8 {
            if byte == Subject.dot {
                if (4...7).contains(index) { numbers[index - 4] = value }
                (index, value) = (index + 1, 0)
            } else if (0x30...0x39).contains(byte), let known = value {
                let (tens, isTooMuch) = known.multipliedReportingOverflow(by: 10)
                let (sum, isMore) = tens.addingReportingOverflow(UInt64(byte - 0x30))
                value = isTooMuch || isMore ? nil : sum
            } else {
                value = nil
            }
        }
        let start = index >= 10 ? 2 : 0
        guard index >= 8, let sequence = numbers[start + 1],
            let attempt = numbers[start].flatMap({ Int(exactly: $0) })
        else { return nil }
        (self.attempt, self.sequence) = (attempt, sequence)
    }

    static func made(_ subscription: Subscription, _ sequence: UInt64) -> String {
        "$JS.ACK.\(subscription.stream).\(subscription.consumer).1.\(sequence).\(sequence).0.0"
    }
}

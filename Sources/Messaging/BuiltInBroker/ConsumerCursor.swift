package import EventSourcing

/// One consumer's place in its stream: a state machine without I/O, which brokers drive.
///
/// Sequences below `next` that the consumer wanted and has not acknowledged are in its hands. A
/// rewind sets `next` back; the attempts of what is to come again are kept.
package struct ConsumerCursor: Sendable {
    /// What the consumer may be given now.
    package enum Turn: Hashable {
        /// Messages from `from` on, at most `room` of them.
        case ready(from: UInt64, room: Int)
        /// Nothing until the stream or the consumer changes, or this time has passed.
        case wait(atMost: Duration?)
    }

    private struct Handed: Sendable {
        let sequence: UInt64
        var attempts: Int
        var at: Timestamp
    }

    private struct Pause: Sendable {
        var since: Timestamp
        let length: Duration
    }

    /// Everything through this sequence is acknowledged.
    private(set) var floor: UInt64
    /// The next sequence to look at.
    private var next: UInt64
    /// What was handed out and is not acknowledged, by sequence; at most `maximumUnacknowledged`.
    private var handed: [Handed] = []
    private var pause: Pause?

    package init(floor: UInt64 = 0) {
        self.floor = floor
        next = floor + 1
    }

    /// How much is in the consumer's hands.
    private var inHand: Int { place(of: next) }

    private var isFull: Bool { inHand >= BrokerLimits.maximumUnacknowledged }

    /// What is to be done at `now` with a stream that keeps `first` through `last`.
    package mutating func turn(at now: Timestamp, first: UInt64, last: UInt64) -> Turn {
        rewindOverdue(at: now)
        if next < first {
            let gone = place(of: next)..<place(of: first)
            handed.removeSubrange(gone)
            next = first
        }
        if let left = pauseLeft(at: now) { return .wait(atMost: left) }
        let room = BrokerLimits.maximumUnacknowledged - inHand
        guard room > 0, next <= last else { return .wait(atMost: untilOverdue(at: now)) }
        return .ready(from: next, room: room)
    }

    /// Records that `sequence`, at or after `next`, is handed out, and returns which attempt this
    /// is.
    mutating func handOut(_ sequence: UInt64, at now: Timestamp) -> Int {
        let place = place(of: sequence)
        next = sequence + 1
        if place < handed.count, handed[place].sequence == sequence {
            handed[place].attempts += 1
            handed[place].at = now
            return handed[place].attempts
        }
        handed.insert(Handed(sequence: sequence, attempts: 1, at: now), at: place)
        // Only after a change of filter in the middle of a rewind; it costs the last one's
        // attempts.
        if handed.count > BrokerLimits.maximumUnacknowledged { handed.removeLast() }
        return 1
    }

    /// Passes over what the filter does not want.
    mutating func pass(through sequence: UInt64) { next = max(next, sequence + 1) }

    /// Whether an acknowledgement changes anything: above the floor, and not above what the stream
    /// ever held.
    func accepts(acknowledgement sequence: UInt64, last: UInt64) -> Bool {
        sequence > floor && sequence <= last
    }

    /// Takes an acknowledgement unless it changes nothing; true when somebody may wait for the room
    /// it made.
    package mutating func acknowledge(through sequence: UInt64, last: UInt64) -> Bool {
        guard accepts(acknowledgement: sequence, last: last) else { return false }
        let wasFull = isFull
        floor = sequence
        handed.removeFirst(place(of: floor + 1))
        guard next <= floor else { return wasFull }
        // It came late, for what was to come again.
        next = floor + 1
        pause = nil
        return true
    }

    /// Rewinds to the first message in hand at or after `sequence`; without one nothing happens. A
    /// delay is a day at most.
    package mutating func reject(from sequence: UInt64, delay: Duration, at now: Timestamp) {
        let place = place(of: sequence)
        guard place < inHand else { return }
        next = handed[place].sequence
        pause = Pause(since: now, length: min(max(delay, .zero), .seconds(86_400)))
    }

    private mutating func rewindOverdue(at now: Timestamp) {
        guard inHand > 0, let wait = untilOverdue(at: now), wait <= .zero else { return }
        next = handed[0].sequence
        pause = Pause(since: now, length: Self.pause(afterAttempt: handed[0].attempts))
    }

    /// 250 ms after the first attempt, doubled with each one, at most 30 s.
    private static func pause(afterAttempt attempt: Int) -> Duration {
        min(.milliseconds(250 << min(max(attempt - 1, 0), 10)), .seconds(30))
    }

    /// Nil when nothing is in hand. A clock that went back starts the wait anew and does not
    /// lengthen it.
    private mutating func untilOverdue(at now: Timestamp) -> Duration? {
        guard inHand > 0 else { return nil }
        handed[0].at = min(handed[0].at, now)
        return BrokerLimits.acknowledgementWait - (now - handed[0].at)
    }

    private mutating func pauseLeft(at now: Timestamp) -> Duration? {
        guard var pause else { return nil }
        pause.since = min(pause.since, now)
        let left = pause.length - (now - pause.since)
        self.pause = left > .zero ? pause : nil
        return left > .zero ? left : nil
    }

    /// The index of the first one handed out at or after `sequence`.
    private func place(of sequence: UInt64) -> Int {
        var low = 0
        var high = handed.count
        while low < high {
            let middle = (low + high) / 2
            if handed[middle].sequence < sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension ConsumerCursor {
    /// Hands out from memory, from `sequence` on, what the subscription wants: at most `room`
    /// messages and about 4 MiB.
    package mutating func take(
        from sequence: UInt64, room: Int, of window: MessageWindow, for subscription: Subscription,
        at now: Timestamp
    ) -> [Delivered] {
        var deliveries: [Delivered] = []
        var bytes = 0
        var at = sequence
        while deliveries.count < room, bytes < BrokerRules.maximumFetch, let message = window[at] {
            if subscription.wants(message.subject) {
                let attempt = handOut(at, at: now)
                deliveries.append(Delivered(sequence: at, attempt: attempt, message: message))
                bytes += message.size
            }
            at += 1
        }
        if at > sequence { pass(through: at - 1) }
        return deliveries
    }
}

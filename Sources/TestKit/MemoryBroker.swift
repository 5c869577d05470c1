package import EventSourcing
package import Messaging

/// The built-in broker without files: the same semantics, nothing survives. For tests.
///
/// At most 256 streams, 256 consumers on each, and `retainedMessages` messages in each stream.
package final class MemoryBroker: Broker {
    private struct Stream: Sendable {
        var window = MessageWindow()
        var consumers: [String: ConsumerCursor] = [:]
    }

    private let runtime: any Runtime
    private let retainedMessages: Int
    private let streams = Monitor<[String: Stream]>([:])

    /// `retainedMessages` (at least 1) are kept of each stream. The runtime's clock decides when a
    /// message comes again.
    package init(runtime: any Runtime, retainedMessages: Int = 65_536) {
        self.runtime = runtime
        self.retainedMessages = max(retainedMessages, 1)
    }

    /// What any broker may do at any time: forgets all streams, messages and consumers.
    package func loseEverything() { streams.withLock { $0 = [:] } }

    package func publish(_ messages: [BrokerMessage], to stream: String, expectedLast: UInt64)
        throws(BrokerError) -> UInt64
    {
        try BrokerRules.check(stream: stream)
        try BrokerRules.check(messages)
        let last = try streams.withLock { (streams) throws(BrokerError) in
            let last = streams[stream]?.window.last ?? 0
            guard last == expectedLast else {
                throw .wrongLastSequence(expected: expectedLast, actual: last)
            }
            return try Self.change(stream, in: &streams) { (stream) throws(BrokerError) in
                for message in messages {
                    stream.window.append(message, at: runtime.now())
                    if stream.window.count > retainedMessages { stream.window.dropOldest() }
                }
                return stream.window.last
            }
        }
        streams.wakeAll()
        return last
    }

    package func state(of stream: String) throws(BrokerError) -> StreamState {
        try BrokerRules.check(stream: stream)
        let window = streams.withLock { $0[stream]?.window } ?? MessageWindow()
        return StreamState(first: window.first, last: window.last, newest: window.newest)
    }

    package func fetch(_ subscription: Subscription, limit: Int, wait: Duration)
        throws(BrokerError) -> [Delivered]
    {
        try BrokerRules.check(subscription)
        guard limit > 0 else { return [] }
        let deadline = MonotonicTime.now() + wait
        let deliveries = try streams.wait(until: deadline) {
            (streams) throws(BrokerError) -> Monitor<[String: Stream]>.Look<[Delivered]> in
            try Self.change(subscription.stream, in: &streams) { (stream) throws(BrokerError) in
                try Self.admit(subscription, to: &stream)
                return Self.look(
                    subscription, in: &stream, limit: limit, now: runtime.now())
            }
        }
        return deliveries ?? []
    }

    package func acknowledge(_ subscription: Subscription, through sequence: UInt64)
        throws(BrokerError)
    {
        try BrokerRules.check(subscription)
        let wakes = try streams.withLock { (streams) throws(BrokerError) in
            guard let last = streams[subscription.stream]?.window.last else { return false }
            return try Self.change(subscription.stream, in: &streams) {
                (stream) throws(BrokerError) in
                try Self.admit(subscription, to: &stream)
                return stream.consumers[subscription.consumer]?
                    .acknowledge(through: sequence, last: last) ?? false
            }
        }
        if wakes { streams.wakeAll() }
    }

    package func reject(_ subscription: Subscription, from sequence: UInt64, delay: Duration)
        throws(BrokerError)
    {
        try BrokerRules.check(subscription)
        streams.withLock {
            $0[subscription.stream]?.consumers[subscription.consumer]?
                .reject(from: sequence, delay: delay, at: runtime.now())
        }
        streams.wakeAll()
    }

    /// Changes a stream in place, which is created if need be.
    private static func change<Result>(
        _ name: String, in streams: inout [String: Stream],
        _ body: (inout Stream) throws(BrokerError) -> Result
    ) throws(BrokerError) -> Result {
        guard streams[name] != nil || streams.count < BrokerRules.maximumStreams else {
            throw .unavailable("it has \(BrokerRules.maximumStreams) streams, the most it takes")
        }
        return try body(&streams[name, default: Stream()])
    }

    private static func admit(
        _ subscription: Subscription, to stream: inout Stream
    ) throws(BrokerError) {
        guard stream.consumers[subscription.consumer] == nil else { return }
        try BrokerRules.admit(subscription, to: stream.consumers.count)
        stream.consumers[subscription.consumer] = ConsumerCursor()
    }

    private static func look(
        _ subscription: Subscription, in stream: inout Stream, limit: Int, now: Timestamp
    ) -> Monitor<[String: Stream]>.Look<[Delivered]> {
        let window = stream.window
        let turn = stream.consumers[subscription.consumer]?
            .turn(at: now, first: window.first, last: window.last)
        guard case .ready(let from, let room)? = turn else {
            guard case .wait(let atMost)? = turn else { return .wait(atMost: nil) }
            return .wait(atMost: atMost)
        }
        let taken = stream.consumers[subscription.consumer]?
            .take(from: from, room: min(room, limit), of: window, for: subscription, at: now)
        guard let taken, !taken.isEmpty else { return .wait(atMost: nil) }
        return .done(taken)
    }
}

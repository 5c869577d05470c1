package import EventSourcing
package import Messaging
import Synchronization

/// A broker that delays, repeats, loses and cuts off, as its seed wills; behind it is the one in
/// memory.
package final class FaultyBroker: Broker {
    private let broker: MemoryBroker
    private let random: Mutex<SeededRandom>
    private let hasFaults = Mutex(true)
    private let counts = Mutex<[String: Int]>([:])

    package init(runtime: any Runtime, seed: UInt64) {
        broker = MemoryBroker(runtime: runtime, retainedMessages: 400)
        random = Mutex(SeededRandom(seed: seed ^ 0xB20C))
    }

    /// What happened how often.
    package var faults: [String: Int] { counts.withLock { $0 } }

    package func stopFaults() { hasFaults.withLock { $0 = false } }

    package func loseEverything() {
        broker.loseEverything()
        count("the broker lost everything")
    }

    private func happens(_ fault: String, onceIn count: Int) -> Bool {
        guard hasFaults.withLock({ $0 }), random.withLock({ $0.once(in: count) }) else {
            return false
        }
        self.count(fault)
        return true
    }

    private func count(_ fault: String) { counts.withLock { $0[fault, default: 0] += 1 } }

    private func connect() throws(BrokerError) {
        if happens("no connection", onceIn: 40) { throw .unavailable("simulated") }
    }

    /// Takes messages as they go over a wire, so that readers read what was written.
    package func publish(_ messages: [BrokerMessage], to stream: String, expectedLast: UInt64)
        throws(BrokerError) -> UInt64
    {
        try connect()
        let messages = messages.map(\.bare)
        if happens("a publish stored in part, and its answer lost", onceIn: 30) {
            let part = messages.prefix(random.withLock { $0.below(messages.count + 1) })
            if !part.isEmpty {
                _ = try broker.publish(Array(part), to: stream, expectedLast: expectedLast)
            }
            throw .unavailable("simulated: the answer was lost")
        }
        return try broker.publish(messages, to: stream, expectedLast: expectedLast)
    }

    package func state(of stream: String) throws(BrokerError) -> StreamState {
        try connect()
        return try broker.state(of: stream)
    }

    package func fetch(_ subscription: Subscription, limit: Int, wait: Duration)
        throws(BrokerError) -> [Delivered]
    {
        try connect()
        if happens("a delivery late", onceIn: 5) { return [] }
        let limit = random.withLock { 1 + $0.below(limit) }
        var deliveries = try broker.fetch(subscription, limit: limit, wait: .zero)
        if !deliveries.isEmpty, happens("a delivery twice", onceIn: 10) {
            deliveries += deliveries
        }
        if deliveries.count > 1, happens("a delivery lost on the way", onceIn: 10) {
            deliveries.remove(at: random.withLock { $0.below(deliveries.count - 1) })
        }
        if !deliveries.isEmpty, happens("an answer lost on the way", onceIn: 20) { return [] }
        return deliveries
    }

    package func acknowledge(_ subscription: Subscription, through sequence: UInt64)
        throws(BrokerError)
    {
        try connect()
        if happens("an acknowledgement lost", onceIn: 10) { return }
        try broker.acknowledge(subscription, through: sequence)
    }

    package func reject(_ subscription: Subscription, from sequence: UInt64, delay: Duration)
        throws(BrokerError)
    {
        try connect()
        try broker.reject(subscription, from: sequence, delay: delay)
    }
}

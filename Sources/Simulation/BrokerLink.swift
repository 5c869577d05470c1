package import Messaging
import Synchronization

/// A process's connection to the broker: late, repeating, losing and cut off, as the network is.
package final class BrokerLink: Broker {
    private let process: String
    private let broker: SimulatedBroker
    private let network: SimulatedNetwork
    /// For what is planted: whether some of what is published is left out.
    private let skips = Atomic(false)
    /// What was delivered last, by consumer: it may come again.
    private let earlier = Mutex<[Subscription: (deliveries: [Delivered], life: Int)]>([:])

    package init(of process: String, to broker: SimulatedBroker, over network: SimulatedNetwork) {
        (self.process, self.broker, self.network) = (process, broker, network)
    }

    func skipSome() { skips.store(true, ordering: .relaxed) }

    private func ask<Value>(_ body: (any Broker) throws(BrokerError) -> Value) throws(BrokerError)
        -> Value
    {
        try network.ask(broker.name, for: process, lost: .unavailable("simulated: no answer")) {
            () throws(BrokerError) in
            guard let running = broker.running else { throw .unavailable("the broker is down") }
            return try body(running)
        }
    }

    /// Takes messages as they go over a wire, so that readers read what was written.
    package func publish(_ messages: [BrokerMessage], to stream: String, expectedLast: UInt64)
        throws(BrokerError) -> UInt64
    {
        var messages = messages.map(\.bare)
        if skips.load(ordering: .relaxed), !messages.isEmpty {
            messages = Mistake.skipping(network.below(messages.count * 4), of: messages)
        }
        return try ask { (broker) throws(BrokerError) in
            if network.happens("a publish stored in part, and its answer lost", onceIn: 30) {
                let part = messages.prefix(network.below(messages.count + 1))
                if !part.isEmpty {
                    _ = try broker.publish(Array(part), to: stream, expectedLast: expectedLast)
                }
                throw .unavailable("simulated: the answer was lost")
            }
            return try broker.publish(messages, to: stream, expectedLast: expectedLast)
        }
    }

    package func state(of stream: String) throws(BrokerError) -> StreamState {
        try ask { (broker) throws(BrokerError) in try broker.state(of: stream) }
    }

    package func fetch(_ subscription: Subscription, limit: Int, wait: Duration)
        throws(BrokerError) -> [Delivered]
    {
        if network.happens("a delivery late", onceIn: 5) { return [] }
        let limit = network.happens("a small delivery", onceIn: 2) ? 1 + network.below(8) : limit
        var deliveries = try ask { (broker) throws(BrokerError) in
            try broker.fetch(subscription, limit: limit, wait: .zero)
        }
        guard !deliveries.isEmpty else { return [] }
        let life = broker.life
        let before = earlier.withLock {
            $0.updateValue((deliveries, life), forKey: subscription)
        }
        if network.happens("a delivery twice", onceIn: 10) { deliveries += deliveries }
        if let before, before.life == life,
            network.happens("a delivery of before again", onceIn: 20)
        {
            deliveries = before.deliveries + deliveries
        }
        if deliveries.count > 1, network.happens("a delivery lost on the way", onceIn: 10) {
            deliveries.remove(at: network.below(deliveries.count - 1))
        }
        if network.happens("an answer lost on the way", onceIn: 20) { return [] }
        return deliveries
    }

    package func acknowledge(_ subscription: Subscription, through sequence: UInt64)
        throws(BrokerError)
    {
        if network.happens("an acknowledgement lost", onceIn: 10) { return }
        try ask { (broker) throws(BrokerError) in
            try broker.acknowledge(subscription, through: sequence)
        }
    }

    package func reject(_ subscription: Subscription, from sequence: UInt64, delay: Duration)
        throws(BrokerError)
    {
        try ask { (broker) throws(BrokerError) in
            try broker.reject(subscription, from: sequence, delay: delay)
        }
    }
}

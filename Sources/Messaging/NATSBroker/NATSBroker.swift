package import EventSourcing
package import NATS
import Net

/// A broker that is reached over NATS with JetStream: the built-in one in another process, or a
/// nats-server or a cluster of them.
///
/// A log's stream `kassa-orders` takes `kassa.orders.>`; any other stream carries its name in front
/// of its subjects, as no two streams of a server may share one. Each stream that is published to
/// and each consumer has a connection of its own, made when it is needed and again after it broke.
/// Streams and consumers are made where they are missing. Names are as for `SegmentBroker`, without
/// dots.
package final class NATSBroker: Broker {
    /// How a stream is made where it is missing.
    package struct Settings: Sendable {
        /// Of a stream's messages, in bytes; the oldest go first.
        package var retainedBytes = 256 * 1024 * 1024
        package var replicas = 1
        /// Until an answer must have come.
        package var patience = Duration.seconds(5)

        package init() {}
    }

    private struct Members: Sendable {
        var publishers: [String: StreamPublisher] = [:]
        var consumers: [Subscription: StreamConsumer] = [:]
    }

    private let desk: NATSDesk
    private let members = Monitor(Members())

    /// - Parameter name: how the server knows the connections.
    package init(
        _ address: NATSAddress, name: String, settings: Settings = Settings(),
        runtime: any Runtime
    ) {
        desk = NATSDesk(address: address, name: name, settings: settings, runtime: runtime)
    }

    package func publish(_ messages: [BrokerMessage], to stream: String, expectedLast: UInt64)
        throws(BrokerError) -> UInt64
    {
        try BrokerRules.check(stream: stream)
        try BrokerRules.check(messages)
        return try publisher(stream).publish(messages, expectedLast: expectedLast)
    }

    package func state(of stream: String) throws(BrokerError) -> StreamState {
        try BrokerRules.check(stream: stream)
        return try publisher(stream).state()
    }

    package func fetch(_ subscription: Subscription, limit: Int, wait: Duration)
        throws(BrokerError) -> [Delivered]
    {
        try BrokerRules.check(subscription)
        guard limit > 0 else { return [] }
        return try consumer(subscription).fetch(limit: limit, wait: wait)
    }

    package func acknowledge(_ subscription: Subscription, through sequence: UInt64)
        throws(BrokerError)
    {
        try BrokerRules.check(subscription)
        try consumer(subscription).acknowledge(through: sequence)
    }

    package func reject(_ subscription: Subscription, from sequence: UInt64, delay: Duration)
        throws(BrokerError)
    {
        try BrokerRules.check(subscription)
        try consumer(subscription).reject(from: sequence, delay: delay)
    }

    /// What the streams hold that were published to; one that cannot be asked is left out.
    package func holdings() -> [StreamHoldings] {
        let publishers = members.withLock { $0.publishers }
        return publishers.values.compactMap { try? $0.holdings() }.sorted { $0.stream < $1.stream }
    }

    private func publisher(_ stream: String) throws(BrokerError) -> StreamPublisher {
        try members.withLock { (members) throws(BrokerError) in
            if let known = members.publishers[stream] { return known }
            guard members.publishers.count < BrokerRules.maximumStreams else {
                throw .unavailable("\(BrokerRules.maximumStreams) streams are used, the most")
            }
            let publisher = StreamPublisher(stream, desk)
            members.publishers[stream] = publisher
            return publisher
        }
    }

    private func consumer(_ subscription: Subscription) throws(BrokerError) -> StreamConsumer {
        try members.withLock { (members) throws(BrokerError) in
            if let known = members.consumers[subscription] { return known }
            let count = members.consumers.keys.count { $0.stream == subscription.stream }
            try BrokerRules.admit(subscription, to: count)
            let consumer = StreamConsumer(subscription, desk)
            members.consumers[subscription] = consumer
            return consumer
        }
    }
}

/// What all connections of a `NATSBroker` share.
struct NATSDesk: Sendable {
    let address: NATSAddress
    let name: String
    let settings: NATSBroker.Settings
    let runtime: any Runtime

    /// A connection of its own, with the stream there.
    func connect(for stream: String) throws(NATSCaller.Refusal) -> NATSCaller {
        let caller: NATSCaller
        do throws(NATSLinkError) {
            caller = try NATSCaller(
                NATSLink(address, name: name, within: settings.patience), settings.patience,
                runtime)
        } catch { throw .unreachable(error.description) }
        try makeStream(stream, by: caller)
        return caller
    }

    /// What a stream's subjects have in front on the wire.
    static func prefix(of stream: String) -> String {
        stream.hasPrefix("kassa-") ? "" : "\(stream)."
    }

    /// The pattern of all that a stream takes.
    static func pattern(of stream: String) -> String {
        stream.hasPrefix("kassa-") ? "kassa.\(stream.dropFirst(6)).>" : "\(stream).>"
    }

    /// Makes the stream unless it is there.
    private func makeStream(_ stream: String, by caller: NATSCaller)
        throws(NATSCaller.Refusal)
    {
        var json = JSONWriter()
        json.object { json in
            json.member("name", stream)
            json.member("subjects") { json in
                json.array { json in json.value(Self.pattern(of: stream)) }
            }
            json.member("storage", "file")
            json.member("retention", "limits")
            json.member("discard", "old")
            json.member("max_bytes", Int64(settings.retainedBytes))
            json.member("num_replicas", Int64(settings.replicas))
            json.member("allow_direct", true)
        }
        // nats-server lets one who makes a stream overlap with another who makes the same one at
        // that moment; asked again, it finds it.
        for isAgain in [false, true] {
            do throws(NATSCaller.Refusal) {
                _ = try caller.ask("STREAM.CREATE.\(stream)", json.bytes)
                return
            } catch {
                switch error {
                // It is there, and another configuration is an operator's will.
                case .refused(10058, _): return
                case .refused(10065, _) where !isAgain: continue
                default: throw error
                }
            }
        }
    }
}

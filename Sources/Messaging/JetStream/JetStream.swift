import EventSourcing
package import NATS
package import Net

/// The broker's streams, offered to clients that speak NATS: JetStream's API, publishing into
/// streams, and consumers that hand out and take acknowledgements.
///
/// A service of a `NATSServer`, on its thread alone. What it has acknowledged is in files, as the
/// broker's are: it survives the process and not the machine.
/// Source: https://docs.nats.io/reference/reference-protocols/nats_api_reference
package final class JetStream: HubService {
    let broker: SegmentBroker
    unowned let hub: Hub
    let runtime: any Runtime
    let notices: @Sendable (String) -> Void
    private let wakeUp: @Sendable () -> Void
    let publishersAreElsewhere: Bool
    var streams: [String: ServedStream] = [:]
    private var routes = SubjectTree<String>()
    private var nextRoute: UInt64 = 1
    private var routed: [String: [(pattern: String, id: UInt64)]] = [:]
    private var nextTick = Moment.now()

    package let subjects = ["$JS.API.>", "$JS.ACK.>", "$JS.FC.>"]

    /// - Parameters:
    ///   - broker: whose streams are offered; those that it is given meanwhile are found.
    ///   - publishersAreElsewhere: whether the shop's own streams are published to over the wire,
    ///     and none by this process.
    ///   - wakeUp: has the server call `work`; called from other threads.
    ///   - notices: told of damage, a sentence each.
    package init(
        _ broker: SegmentBroker, _ hub: Hub, publishersAreElsewhere: Bool = false,
        wakeUp: @escaping @Sendable () -> Void, notices: @escaping @Sendable (String) -> Void
    ) {
        (self.broker, self.hub, runtime) = (broker, hub, broker.runtime)
        self.publishersAreElsewhere = publishersAreElsewhere
        (self.wakeUp, self.notices) = (wakeUp, notices)
    }

    package func begin() { findStreams(atStart: true) }

    package func take(_ message: ClientOperation.Publish, from connection: UInt64) {
        guard message.subject.hasPrefix("$JS.") else {
            let standing = hub.standing(of: connection)
            for name in routes.matches(message.subject) {
                streams[name]?.publish(message, as: standing, at: runtime.now())
            }
            return
        }
        // Whoever asks sees what was published before.
        commit()
        if message.subject.hasPrefix("$JS.API.") {
            answer(message, as: hub.standing(of: connection))
        } else if message.subject.hasPrefix("$JS.ACK.") {
            takeAcknowledgement(message, as: hub.standing(of: connection))
        } else {
            takeFlowAnswer(message, as: hub.standing(of: connection))
        }
    }

    package func work(at now: Moment) -> Moment? {
        commit()
        if now >= nextTick {
            nextTick = now + .milliseconds(100)
            findStreams()
            removeForsaken(at: now)
            let time = runtime.now()
            for stream in streams.values { stream.tick(at: time) }
        }
        var wake = nextTick
        for stream in streams.values {
            stream.refresh()
            do throws(BrokerError) { try stream.forward() } catch {
                notices("stream \(stream.name): \(error)")
            }
            wake = min(wake, stream.work(at: now, notices))
        }
        return wake
    }

    private func commit() { for stream in streams.values { stream.commit() } }

    private func takeAcknowledgement(
        _ message: ClientOperation.Publish, as standing: Standing
    ) {
        let tokens = message.subject.utf8.split(separator: Subject.dot)
        guard tokens.count >= 9, let sequence = UInt64(String(Substring(tokens[5]))),
            let consumer = streams[String(Substring(tokens[2]))]?
                .consumers[String(Substring(tokens[3]))],
            standing.mayUse(consumerOfShop: consumer.isShops)
        else { return }
        consumer.take(message.payload, of: sequence, reply: message.reply, at: hub.now)
    }

    private func takeFlowAnswer(_ message: ClientOperation.Publish, as standing: Standing) {
        let tokens = message.subject.utf8.split(separator: Subject.dot)
        guard tokens.count == 5,
            let consumer = streams[String(Substring(tokens[2]))]?
                .consumers[String(Substring(tokens[3]))],
            standing.mayUse(consumerOfShop: consumer.isShops)
        else { return }
        consumer.flow.answered(message.subject)
    }

    // MARK: Streams

    func add(_ stream: ServedStream) {
        streams[stream.name] = stream
        stream.segments.listen(wakeUp)
        route(stream)
    }

    /// Has what is published to its subjects reach a stream, and nothing else any more.
    func route(_ stream: ServedStream) {
        for (pattern, id) in routed.removeValue(forKey: stream.name) ?? [] {
            routes.remove(id, from: pattern)
            hub.unlisten(pattern, self)
        }
        guard stream.file != nil else {
            // Nobody but its owner publishes what others take for its owner's.
            for pattern in stream.configuration.subjects where stream.isOwned {
                hub.reserve(pattern)
            }
            return
        }
        routed[stream.name] = stream.configuration.subjects.map { pattern in
            defer { nextRoute += 1 }
            routes.insert(stream.name, at: pattern, id: nextRoute)
            hub.listen(pattern, self)
            return (pattern, nextRoute)
        }
    }

    func remove(_ stream: ServedStream) throws(BrokerError) {
        try broker.remove(stream.name)
        for consumer in stream.consumers.values { consumer.end() }
        stream.segments.listen(nil)
        stream.file = nil
        route(stream)
        streams[stream.name] = nil
    }

    /// Takes in what the broker has that is not offered yet.
    private func findStreams(atStart: Bool = false) {
        for name in broker.names where streams[name] == nil && !name.contains(".") {
            do throws(BrokerError) {
                guard let stream = try open(name) else { continue }
                // Of one that has just come to be nobody has missed anything.
                if !atStart { stream.forwarded = stream.first - 1 }
                add(stream)
            } catch { notices("stream \(name) is not offered: \(error)") }
        }
    }

    private func removeForsaken(at now: Moment) {
        for stream in streams.values {
            for consumer in stream.consumers.values where consumer.isForsaken(at: now) {
                do throws(BrokerError) { try remove(consumer, from: stream) } catch {
                    notices("consumer \(consumer.name) of stream \(stream.name): \(error)")
                }
            }
        }
    }

    func remove(_ consumer: ServedConsumer, from stream: ServedStream) throws(BrokerError) {
        do throws(FileError) { try consumer.file?.remove() } catch { throw error.unavailable }
        consumer.end()
        stream.consumers[consumer.name] = nil
    }
}

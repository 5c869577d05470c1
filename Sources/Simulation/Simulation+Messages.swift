import EventSourcing
import EventStore
import Messaging
import Orders

extension Simulation {
    /// What the broker holds of a log, read off the wire, is what the log says.
    func checkMessages() throws {
        for service in shop.services {
            let stream = Source(service.logName, Publication.facts).stream
            var held: [String: [Message]] = [:]
            for delivered in try deliveries(of: stream) {
                guard let bulletin = try? Bulletin(delivered.message.bare) else {
                    guard wasDisturbed else {
                        throw violated("\(stream) holds what cannot be read: \(delivered.sequence)")
                    }
                    continue
                }
                if case .event(let message) = bulletin, bulletin.source.log == service.logName {
                    held[message.channel, default: []].append(message)
                }
            }
            guard !losses.logs.contains(service.name) else { continue }
            for (channel, messages) in held.sorted(by: { $0.key < $1.key }) {
                try compare(messages, with: channel, of: service)
            }
        }
    }

    /// All that the broker holds of a stream.
    private func deliveries(of stream: String) throws -> [Delivered] {
        guard let broker = shop.broker.running else { return [] }
        let subscription = Subscription(stream: stream, consumer: "auditor", filter: "kassa")
        var all: [Delivered] = []
        while true {
            let page = try broker.fetch(subscription, limit: 256, wait: .zero)
            guard let last = page.last else { return all }
            all += page
            try broker.acknowledge(subscription, through: last.sequence)
        }
    }

    private func compare(
        _ messages: [Message], with channel: String, of service: any LoggingProcess
    ) throws {
        guard let first = messages.map(\.previous).min(),
            let last = messages.map(\.identity.position).max()
        else { return }
        var own: [Position: Message] = [:]
        var through = first
        while through < last {
            let page = try service.feed.read(channel, after: through)
            for message in page.messages { own[message.identity.position] = message }
            through = page.through
            guard page.hasMore else { break }
        }
        for message in messages {
            // A relay that began in the middle takes where it began for the one before.
            guard let own = own[message.identity.position], own.previous <= message.previous,
                message.previous < message.identity.position,
                own.following(message.previous) == message
            else {
                throw violated(
                    "the broker holds \(message.identity) on \(channel) otherwise than its log")
            }
        }
    }

    /// What operators are shown counts what is there, also while there is something.
    func checkWaiting() throws {
        let far = Timestamp(microseconds: .max)
        for service in shop.services {
            // A disk that fails now shows nothing, and who is overtaken shows what was.
            guard !service.isOvertaken, let log = service.log,
                let calls = try? log.queries.countEffects(),
                let parked = try? log.queries.countParked().values.reduce(0, +),
                let allCalls = try? log.effects(dueBy: far, limit: 10_000).count,
                let allParked = try? log.parked(limit: 10_000).count
            else { continue }
            guard calls == allCalls, parked == Int64(allParked) else {
                throw violated(
                    "\(service.name) counts \(calls) calls and \(parked) parked messages, and has "
                        + "\(allCalls) and \(allParked)")
            }
        }
    }

    /// The same of what is left at quiet.
    func checkCounts() throws {
        try checkWaiting()
        let open = try shop.orders.engine?.log.queries.keys(of: .timers)
            .count { $0.hasPrefix("checkout-") }
        let shown = try OrdersCore.underWay(LogReader(path: shop.orders.path).queries)
        guard shown.all == open, shown.waiting == 0 else {
            throw violated("\(shown) checkouts are shown, \(open ?? 0) are open")
        }
        for holdings in shop.broker.holdings {
            let state = try shop.broker.running?.state(of: holdings.stream)
            guard holdings.messages == state.map({ Int64($0.last + 1 - $0.first) }) else {
                throw violated("\(holdings.stream) is said to hold \(holdings.messages) messages")
            }
        }
    }

    /// What this processor computes by its own instructions, every other one computes as well.
    func checkHashes() throws {
        for service in shop.services {
            let data = try records(service.path).map(\.data)
            guard !data.isEmpty else { continue }
            let one = data[random.below(data.count)]
            let ends = data.reduce(into: [Int]()) { $0.append(($0.last ?? 0) + $1.count) }
            let joined = data.flatMap { $0 }
            let isSame = SHA256.Way.available.allSatisfy { way in
                SHA256.hash(one, prefix: 0, by: way) == SHA256.hash(one, prefix: 0)
                    && joined.withUnsafeBytes { joined in
                        SHA256.hash(many: joined, ends: ends, by: way)
                            == SHA256.hash(many: joined, ends: ends)
                    }
            }
            guard isSame, CRC32C.isAlike(on: one) else {
                throw violated("hashes of \(service.name) depend on the processor")
            }
        }
    }
}

extension Message {
    fileprivate func following(_ previous: Position) -> Message {
        Message(
            identity: identity, channel: channel, previous: previous, stream: stream,
            version: version, type: type, recordedAt: recordedAt, metadata: metadata, data: data,
            leaf: leaf)
    }
}

extension CRC32C {
    fileprivate static func isAlike(on bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { checksum($0) == portableChecksum($0) }
    }
}

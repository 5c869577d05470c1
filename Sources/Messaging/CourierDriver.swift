package import EventSourcing
package import EventStore

/// Whoever applies bulletins: a service's engine, or a projection's.
package protocol BulletinSink {
    func checkpoint(of source: Source) -> EngineOutput<NoAnswer>
    func take(_ received: [Received], of source: Source) -> EngineOutput<NoAnswer>
    func take(_ page: FeedPage, of source: Source) -> EngineOutput<NoAnswer>
    func rewind(_ source: Source, to epoch: Epoch, _ position: Position, _ leaf: Digest)
        -> EngineOutput<NoAnswer>
}

/// Carries out what a courier asks for, one request a step: threads and the simulator drive the
/// same code.
package struct CourierDriver {
    package enum Step: Sendable, Equatable {
        case busy
        /// Nothing was there.
        case idle
        /// Something is unavailable, or stands still; go on after a pause.
        case paused(String)
    }

    /// The most messages that are fetched and applied at once, unless told otherwise.
    package static let batch = 512

    package private(set) var courier: Courier
    private let broker: any Broker
    private let feed: any Feed
    private let batch: Int
    /// How long a rejected message stays away.
    private static let rejectionPause = Duration.milliseconds(50)

    package init(
        courier: Courier, broker: any Broker, feed: any Feed, batch: Int = CourierDriver.batch
    ) {
        self.courier = courier
        self.batch = batch
        self.broker = broker
        self.feed = feed
    }

    package mutating func step(into sink: some BulletinSink, wait: Duration) -> Step {
        do {
            switch courier.next {
            case .check: return try check(sink)
            case .readFeed: return try readFeed(sink)
            case .fetch:
                let deliveries = try broker.fetch(
                    courier.subscription, limit: batch, wait: wait)
                courier.didFetch(deliveries)
                return deliveries.isEmpty ? .idle : .busy
            case .offer(let deliveries):
                let output = sink.take(
                    deliveries.map { Received($0.message) }, of: courier.source)
                courier.didOffer(output)
                return pause(output)
            case .acknowledge(let sequence):
                try broker.acknowledge(courier.subscription, through: sequence)
                courier.didAcknowledge()
                return .busy
            case .reject(let sequence):
                try broker.reject(
                    courier.subscription, from: sequence, delay: Self.rejectionPause)
                courier.didReject()
                return .busy
            case .rest(let why):
                courier.didRest()
                return .paused(why)
            }
        } catch {
            return .paused("\(error)")
        }
    }

    /// The one that applies was down: everything is asked anew.
    package mutating func restart() { courier.restart() }

    private mutating func check(_ sink: some BulletinSink) throws -> Step {
        guard case .at(let checkpoint) = sink.checkpoint(of: courier.source) else {
            return .paused("the reader of \(courier.source) is down")
        }
        let verdict = try feed.check(checkpoint)
        if case .rewind(let epoch, let position, let leaf) = verdict {
            let output = sink.rewind(courier.source, to: epoch, position, leaf)
            guard case .done = output else { return pause(output) }
        }
        courier.didCheck(verdict)
        return .busy
    }

    private mutating func readFeed(_ sink: some BulletinSink) throws -> Step {
        guard case .at(let checkpoint) = sink.checkpoint(of: courier.source) else {
            return .paused("the reader of \(courier.source) is down")
        }
        let page = try feed.read(courier.source.channel, after: checkpoint.position)
        let output = sink.take(page, of: courier.source)
        switch output {
        case .taken, .done:
            courier.didReadFeed(
                hasMore: page.hasMore, advanced: page.through > checkpoint.position)
            return .busy
        case .foreign, .stopped, .gap:
            courier.didOffer(output)
            return .busy
        case .answer, .keyReused, .at, .unknown, .unavailable, .parked: return pause(output)
        }
    }

    private func pause(_ output: EngineOutput<NoAnswer>) -> Step {
        switch output {
        case .unknown(let why), .unavailable(let why): .paused(why)
        case .answer, .keyReused, .taken, .at, .gap, .foreign, .stopped, .done, .parked: .busy
        }
    }
}

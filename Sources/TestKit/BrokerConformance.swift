package import EventSourcing
package import Messaging
import Synchronization

/// What a conformance check gets: a broker of its own, and its clock.
package struct BrokerFixture: Sendable {
    /// Opens the broker: empty at first; after the one before is let go of, what that one left.
    package let open: @Sendable () throws -> any Broker
    /// Moves the broker's clock on; nil for a broker whose clock is not ours, and then what needs
    /// it is not checked.
    package let advance: (@Sendable (Duration) -> Void)?

    package init(
        open: @escaping @Sendable () throws -> any Broker,
        advance: (@Sendable (Duration) -> Void)? = nil
    ) {
        self.open = open
        self.advance = advance
    }
}

/// A clock that stands still until it is moved, from any thread; its random bits count up.
package final class SteppedRuntime: Runtime {
    private let state = Mutex(
        (now: Timestamp(microseconds: 1_700_000_000_000_000), random: UInt64(0)))

    package init() {}

    package func now() -> Timestamp { state.withLock { $0.now } }
    package func random() -> UInt64 {
        state.withLock {
            $0.random &+= 1
            return $0.random
        }
    }
    /// Backwards too, for a negative duration.
    package func advance(by duration: Duration) {
        state.withLock { $0.now = $0.now + duration }
    }
}

/// A rule of the broker's protocol that does not hold.
package struct BrokerViolation: Error, CustomStringConvertible {
    package let description: String
}

/// What every broker must do, as checks that throw a `BrokerViolation` or the broker's own error.
package enum BrokerConformance {
    package struct Check: Sendable, CustomStringConvertible {
        package let name: String
        package let run: @Sendable (BrokerFixture) throws -> Void
        package var description: String { name }
    }

    /// For every broker; each check needs a fixture of its own.
    package static let checks = publishing + delivering + redelivering
    /// For a broker that keeps what it has when it is opened again.
    package static let durableChecks = [
        Check(name: "messages are there after a reopen", run: messagesSurvive),
        Check(name: "acknowledgements are there after a reopen", run: acknowledgementsSurvive),
    ]

    static func require(_ holds: Bool, _ what: @autoclosure () -> String) throws {
        guard holds else { throw BrokerViolation(description: what()) }
    }

    static func equal<Value: Equatable>(_ actual: Value, _ expected: Value, _ what: String) throws {
        try require(
            actual == expected, "\(what): \(short(actual)), expected was \(short(expected))")
    }

    private static func short(_ value: some Any) -> String {
        let text = "\(value)"
        return text.utf8.count <= 400 ? text : "\(text.prefix(400))..."
    }

    /// The broker's error, or a violation when there is none.
    static func refusal(_ what: String, _ body: () throws -> Void) throws -> BrokerError {
        do { try body() } catch let error as BrokerError { return error }
        throw BrokerViolation(description: "\(what) was not refused")
    }

    static func message(_ number: Int, subject: String = "kassa.orders.facts") -> BrokerMessage {
        BrokerMessage(
            subject: subject, id: "orders/1/\(number)", headers: Array("NATS/1.0\r\n\r\n".utf8),
            payload: Array("payload \(number)".utf8))
    }

    static func messages(_ numbers: ClosedRange<Int>) -> [BrokerMessage] {
        numbers.map { message($0) }
    }

    static func subscription(
        _ consumer: String = "payments", stream: String = "orders", filter: String = ""
    ) -> Subscription {
        Subscription(stream: stream, consumer: consumer, filter: filter)
    }

    static func numbers(_ deliveries: [Delivered]) -> [Int] { deliveries.map { Int($0.sequence) } }

    /// All that can be had now; one fetch may bring less.
    static func all(_ broker: any Broker, _ subscription: Subscription) throws -> [Delivered] {
        var all: [Delivered] = []
        while case let got = try broker.fetch(subscription, limit: 64, wait: .zero), !got.isEmpty {
            all += got
        }
        return all
    }

    private static func messagesSurvive(_ fixture: BrokerFixture) throws {
        do { _ = try fixture.open().publish(messages(1...5), to: "orders", expectedLast: 0) }
        let broker = try fixture.open()
        let state = try broker.state(of: "orders")
        try equal(state, StreamState(first: 1, last: 5, newest: message(5)), "the state")
        _ = try broker.publish(messages(6...6), to: "orders", expectedLast: 5)
        let got = try broker.fetch(subscription(), limit: 10, wait: .zero)
        try equal(got.map(\.message), messages(1...6), "the messages")
        try equal(numbers(got), Array(1...6), "their sequences")
    }

    private static func acknowledgementsSurvive(_ fixture: BrokerFixture) throws {
        do {
            let broker = try fixture.open()
            _ = try broker.publish(messages(1...9), to: "orders", expectedLast: 0)
            for consumer in ["a", "b"] {
                _ = try broker.fetch(subscription(consumer), limit: 9, wait: .zero)
            }
            for sequence in 1...7 {
                try broker.acknowledge(subscription("a"), through: UInt64(sequence))
            }
            try broker.acknowledge(subscription("b"), through: 2)
        }
        let broker = try fixture.open()
        for (consumer, rest) in [("a", 8...9), ("b", 3...9), ("c", 1...9)] {
            let got = try broker.fetch(subscription(consumer), limit: 99, wait: .zero)
            try equal(numbers(got), Array(rest), "what is left for \(consumer)")
        }
    }
}

import Glibc
import Messaging
import Synchronization

extension BrokerConformance {
    static let publishing = [
        Check(name: "an unknown stream is empty", run: unknownIsEmpty),
        Check(name: "sequences go on from one", run: sequencesGoOn),
        Check(name: "another last sequence than expected is refused", run: conflictIsRefused),
        Check(name: "what is over a limit is refused and not stored", run: limitsHold),
        Check(name: "what is at the limits is taken", run: limitsAreReached),
        Check(name: "names that leave the folder are refused", run: namesAreChecked),
        Check(name: "streams have publishers in parallel", run: parallelPublishers),
        Check(name: "one of two publishers to a stream wins", run: racingPublishers),
        Check(name: "streams and consumers are bounded", run: countsAreBounded),
    ]

    private static func unknownIsEmpty(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        try equal(
            broker.state(of: "none"), StreamState(first: 1, last: 0, newest: nil), "the state")
        try equal(
            broker.fetch(subscription(stream: "none"), limit: 1, wait: .zero), [], "what it has")
        try broker.acknowledge(subscription(stream: "none"), through: 7)
        try broker.reject(subscription(stream: "none"), from: 1, delay: .zero)
    }

    private static func sequencesGoOn(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        try equal(broker.publish([], to: "orders", expectedLast: 0), 0, "nothing's sequence")
        try equal(broker.publish(messages(1...3), to: "orders", expectedLast: 0), 3, "the last")
        try equal(broker.publish(messages(4...4), to: "orders", expectedLast: 3), 4, "the last")
        try equal(
            broker.state(of: "orders"), StreamState(first: 1, last: 4, newest: message(4)),
            "the state")
        try equal(broker.publish(messages(1...1), to: "other", expectedLast: 0), 1, "the last")
    }

    private static func conflictIsRefused(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        _ = try broker.publish(messages(1...3), to: "orders", expectedLast: 0)
        for expected: UInt64 in [0, 2, 4, .max] {
            let error = try refusal("an expected last sequence of \(expected)") {
                _ = try broker.publish(messages(4...4), to: "orders", expectedLast: expected)
            }
            try equal(error, .wrongLastSequence(expected: expected, actual: 3), "the error")
        }
        try equal(broker.state(of: "orders").last, 3, "the last sequence")
    }

    private static func limitsHold(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        let good = message(1)
        let subject = String(repeating: "s", count: BrokerLimits.maximumSubject + 1)
        let headers = [UInt8](repeating: 0x20, count: BrokerLimits.maximumHeaders + 1)
        let payload = [UInt8](repeating: 0x20, count: BrokerLimits.maximumPayload + 1)
        for (bad, what) in [
            (BrokerMessage(subject: subject, id: "1", headers: [], payload: []), "a long subject"),
            (BrokerMessage(subject: "s", id: "1", headers: headers, payload: []), "long headers"),
            (BrokerMessage(subject: "s", id: "1", headers: [], payload: payload), "a long payload"),
        ] {
            let error = try refusal(what) {
                _ = try broker.publish([good, bad], to: "orders", expectedLast: 0)
            }
            guard case .tooLarge = error else {
                throw BrokerViolation(description: "\(what): \(error), expected was tooLarge")
            }
        }
        try equal(broker.state(of: "orders").last, 0, "the last sequence")
    }

    private static func limitsAreReached(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        var headers = Array("NATS/1.0\r\nfill: ".utf8)
        headers += [UInt8](
            repeating: 0x61, count: BrokerLimits.maximumHeaders - headers.count - 4)
        headers += Array("\r\n\r\n".utf8)
        let message = BrokerMessage(
            subject: String(repeating: "s", count: BrokerLimits.maximumSubject), id: "é",
            headers: headers,
            payload: [UInt8](repeating: 0, count: BrokerLimits.maximumPayload))
        let all = Array(repeating: message, count: 6)
        try equal(broker.publish(all, to: "orders", expectedLast: 0), 6, "the last")
        let got = try broker.fetch(subscription(), limit: 6, wait: .zero)
        try require((4...5).contains(got.count), "\(got.count) MiB in one fetch; about 4 are right")
        let rest = try broker.fetch(subscription(), limit: 6, wait: .zero)
        try equal((got + rest).map(\.message), all, "the messages")
    }

    private static func namesAreChecked(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        let names = ["", ".", "..", ".x", "a/b", "../x", "a b", "a\0", "é", "a\n"]
        for name in names + [String(repeating: "n", count: 300)] {
            _ = try refusal("the stream name \"\(name)\"") {
                _ = try broker.publish(messages(1...1), to: name, expectedLast: 0)
            }
            _ = try refusal("the consumer name \"\(name)\"") {
                _ = try broker.fetch(subscription(name), limit: 1, wait: .zero)
            }
        }
    }

    private static func parallelPublishers(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        try onThreads(4) { thread in
            for number in 1...200 {
                _ = try broker.publish(
                    messages(number...number), to: "s\(thread)", expectedLast: UInt64(number - 1))
            }
        }
        for thread in 0..<4 {
            let got = try all(broker, subscription(stream: "s\(thread)"))
            try equal(got.map(\.message), messages(1...200), "the messages")
        }
    }

    private static func racingPublishers(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        let wins = Mutex(0)
        try onThreads(4) { thread in
            for expected: UInt64 in 0..<50 {
                do {
                    _ = try broker.publish(
                        messages(thread...thread), to: "orders", expectedLast: expected)
                    wins.withLock { $0 += 1 }
                } catch BrokerError.wrongLastSequence {}
            }
        }
        try equal(
            broker.state(of: "orders").last, UInt64(wins.withLock { $0 }), "the last sequence")
    }

    private static func countsAreBounded(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        for number in 0..<256 {
            _ = try broker.fetch(subscription("c\(number)"), limit: 1, wait: .zero)
        }
        _ = try refusal("the 257th consumer") {
            _ = try broker.fetch(subscription("c256"), limit: 1, wait: .zero)
        }
        for number in 1..<256 {
            _ = try broker.publish(messages(1...1), to: "s\(number)", expectedLast: 0)
        }
        _ = try refusal("the 257th stream") {
            _ = try broker.publish(messages(1...1), to: "s256", expectedLast: 0)
        }
    }
}

/// Runs `body` on `count` threads of its own with 0 to `count - 1`, and waits for all; the first
/// error is thrown on.
package func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    final class Work: Sendable {
        let number: Int
        let body: @Sendable (Int) throws -> Void
        let failure = Mutex<(any Error)?>(nil)

        init(_ number: Int, _ body: @escaping @Sendable (Int) throws -> Void) {
            self.number = number
            self.body = body
        }

        func run() {
            do { try body(number) } catch { failure.withLock { $0 = error } }
        }
    }
    var threads: [(Work, pthread_t)] = []
    for number in 0..<count {
        let work = Work(number, body)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(work)
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            context.release()
            throw BrokerViolation(description: "no thread: error \(code)")
        }
        threads.append((work, thread))
    }
    for (_, thread) in threads { pthread_join(thread, nil) }
    for (work, _) in threads {
        if let failure = work.failure.withLock({ $0 }) { throw failure }
    }
}

import Messaging

extension BrokerConformance {
    static let delivering = [
        Check(name: "messages come in order and once", run: inOrderAndOnce),
        Check(name: "consumers do not disturb each other", run: consumersAreIndependent),
        Check(name: "an acknowledgement covers what is before it", run: acknowledgesCumulatively),
        Check(name: "what was never published cannot be acknowledged", run: noEarlyAcknowledgement),
        Check(name: "a filter ends at a token's end", run: filterTakesWholeTokens),
        Check(name: "what is unacknowledged is bounded", run: unacknowledgedIsBounded),
        Check(name: "a fetch waits for what it wants", run: waitWakesUp),
        Check(name: "a fetch waits for a stream that is not there yet", run: waitsForTheStream),
        Check(name: "a fetch gives up after its wait", run: waitEnds),
        Check(name: "many consumers read while a publisher writes", run: readsWhileWriting),
    ]

    private static func inOrderAndOnce(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        _ = try broker.publish(messages(1...500), to: "orders", expectedLast: 0)
        var got: [Delivered] = []
        while true {
            let more = try broker.fetch(subscription(), limit: 33, wait: .zero)
            if more.isEmpty { break }
            try require(more.count <= 33, "\(more.count) messages; at most 33 were asked for")
            got += more
        }
        try equal(numbers(got), Array(1...500), "the sequences")
        try equal(got.map(\.message), messages(1...500), "the messages")
        try require(
            got.allSatisfy { $0.attempt == 1 }, "a first delivery has another attempt than 1")
        for limit in [0, -1, Int.min] {
            try equal(
                broker.fetch(subscription("none"), limit: limit, wait: .zero), [],
                "what \(limit) brings")
        }
    }

    private static func consumersAreIndependent(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        _ = try broker.publish(messages(1...9), to: "orders", expectedLast: 0)
        try equal(
            numbers(broker.fetch(subscription("a"), limit: 5, wait: .zero)), [1, 2, 3, 4, 5], "a")
        try broker.acknowledge(subscription("a"), through: 5)
        try equal(numbers(broker.fetch(subscription("b"), limit: 2, wait: .zero)), [1, 2], "b")
        try broker.reject(subscription("b"), from: 1, delay: .zero)
        try equal(numbers(broker.fetch(subscription("a"), limit: 2, wait: .zero)), [6, 7], "a")
        try equal(numbers(broker.fetch(subscription("b"), limit: 3, wait: .zero)), [1, 2, 3], "b")
    }

    private static func acknowledgesCumulatively(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        _ = try broker.publish(messages(1...9), to: "orders", expectedLast: 0)
        _ = try broker.fetch(subscription(), limit: 6, wait: .zero)
        try broker.acknowledge(subscription(), through: 4)
        // Lower, and repeated: passed over.
        try broker.acknowledge(subscription(), through: 2)
        try broker.acknowledge(subscription(), through: 4)
        try broker.reject(subscription(), from: 1, delay: .zero)
        let got = try broker.fetch(subscription(), limit: 9, wait: .zero)
        try equal(numbers(got), [5, 6, 7, 8, 9], "the sequences")
        try equal(got.map(\.attempt), [2, 2, 1, 1, 1], "the attempts")
    }

    private static func noEarlyAcknowledgement(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        _ = try broker.publish(messages(1...2), to: "orders", expectedLast: 0)
        for sequence: UInt64 in [3, .max] {
            try broker.acknowledge(subscription(), through: sequence)
        }
        _ = try broker.publish(messages(3...4), to: "orders", expectedLast: 2)
        try equal(
            numbers(broker.fetch(subscription(), limit: 9, wait: .zero)), [1, 2, 3, 4],
            "the sequences")
    }

    private static func filterTakesWholeTokens(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        let subjects = ["a.b", "a.bc", "a.b.c", "a", "x.a.b", "a.b.d.e", "a.B"]
        _ = try broker.publish(
            subjects.enumerated().map { message($0.offset, subject: $0.element) }, to: "orders",
            expectedLast: 0)
        for (filter, wanted) in [
            ("a.b", [3, 6]), ("a", [1, 2, 3, 6, 7]), ("", Array(1...7)), ("a.b.d", [6]),
            ("b", []), ("a.b.", []),
        ] {
            let name = "c" + filter.replacing(".", with: "_")
            let subscription = subscription(name, filter: filter)
            let got = try broker.fetch(subscription, limit: 9, wait: .zero)
            try equal(numbers(got), wanted, "what the filter \"\(filter)\" brings")
        }
        try broker.reject(subscription("ca_b", filter: "a.b"), from: 2, delay: .zero)
        let again = try broker.fetch(subscription("ca_b", filter: "a.b"), limit: 9, wait: .zero)
        try equal(numbers(again), [3, 6], "what comes again")
        try equal(again.map(\.attempt), [2, 2], "the attempts")
    }

    private static func unacknowledgedIsBounded(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        let most = BrokerLimits.maximumUnacknowledged
        _ = try broker.publish(messages(1...most + 10), to: "orders", expectedLast: 0)
        var count = 0
        while case let got = try broker.fetch(subscription(), limit: .max, wait: .zero),
            !got.isEmpty
        {
            count += got.count
        }
        try equal(count, most, "what is handed out without acknowledgements")
        try broker.acknowledge(subscription(), through: 3)
        let got = try broker.fetch(subscription(), limit: 100, wait: .zero)
        try equal(
            numbers(got), [most + 1, most + 2, most + 3], "what three acknowledgements bring")
        try broker.reject(subscription(), from: UInt64(most), delay: .zero)
        let again = try broker.fetch(subscription(), limit: 100, wait: .zero)
        try equal(numbers(again), Array(most...most + 3), "what comes again")
    }

    private static func waitWakesUp(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        let start = ContinuousClock.now
        try onThreads(3) { thread in
            guard thread > 0 else {
                // Of no interest to the one with the filter, then of interest to both.
                _ = try broker.publish([message(1, subject: "a.x")], to: "orders", expectedLast: 0)
                _ = try broker.publish([message(2, subject: "b.x")], to: "orders", expectedLast: 1)
                return
            }
            let filter = thread == 1 ? "b" : ""
            let got = try broker.fetch(
                subscription("c\(thread)", filter: filter), limit: 1, wait: .seconds(20))
            try equal(numbers(got), thread == 1 ? [2] : [1], "what was waited for")
        }
        try require(.now - start < .seconds(15), "a fetch was not woken by a publish")
    }

    private static func waitsForTheStream(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        try onThreads(2) { thread in
            if thread == 0 {
                let got = try broker.fetch(subscription(), limit: 5, wait: .seconds(20))
                try require(!got.isEmpty, "nothing came of a stream that was begun meanwhile")
            } else {
                _ = try broker.publish(messages(1...5), to: "orders", expectedLast: 0)
            }
        }
    }

    private static func waitEnds(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        let start = ContinuousClock.now
        let got = try broker.fetch(subscription(), limit: 5, wait: .milliseconds(30))
        try equal(got, [], "what an empty stream brings")
        let took = ContinuousClock.now - start
        try require(took >= .milliseconds(30), "it gave up after \(took); 30 ms were asked for")
        try equal(broker.fetch(subscription(), limit: 5, wait: .seconds(-1)), [], "a negative wait")
    }

    private static func readsWhileWriting(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        let total = 2000
        try onThreads(4) { thread in
            if thread == 0 {
                for start in stride(from: 1, through: total, by: 20) {
                    _ = try broker.publish(
                        messages(start...start + 19), to: "orders", expectedLast: UInt64(start - 1))
                }
                return
            }
            let subscription = subscription("c\(thread)")
            var next = 1
            while next <= total {
                let got = try broker.fetch(subscription, limit: 64, wait: .seconds(20))
                guard let last = got.last else {
                    throw BrokerViolation(description: "nothing came after \(next - 1) messages")
                }
                try equal(got.map(\.message), messages(next...Int(last.sequence)), "the messages")
                try broker.acknowledge(subscription, through: last.sequence)
                next = Int(last.sequence) + 1
            }
        }
    }
}

import Messaging

extension BrokerConformance {
    static let redelivering = [
        Check(name: "what is rejected comes again in order", run: rejectedComesAgain),
        Check(name: "a rejection holds back what comes after it", run: rejectionDelays),
        Check(name: "a rejection wakes a waiting fetch", run: rejectionWakes),
        Check(name: "what was acknowledged cannot be rejected", run: noRejectionBelowTheFloor),
        Check(name: "what is overdue comes again, with longer pauses", run: overdueComesAgain),
        Check(name: "a late acknowledgement is taken", run: lateAcknowledgement),
        Check(name: "a clock that goes back stops nothing", run: clockGoesBack),
    ]

    private static func rejectedComesAgain(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        _ = try broker.publish(messages(1...6), to: "orders", expectedLast: 0)
        _ = try broker.fetch(subscription(), limit: 4, wait: .zero)
        try broker.reject(subscription(), from: 3, delay: .zero)
        let second = try broker.fetch(subscription(), limit: 1, wait: .zero)
        try equal(second.map(\.attempt), [2], "the attempt of \(numbers(second))")
        try broker.reject(subscription(), from: 3, delay: .zero)
        let third = try broker.fetch(subscription(), limit: 9, wait: .zero)
        try equal(numbers(third), [3, 4, 5, 6], "the sequences")
        try equal(third.map(\.attempt), [3, 2, 1, 1], "the attempts")
        try equal(third.map(\.message), messages(3...6), "the messages")
        // Nothing from 7 on is in hand.
        try broker.reject(subscription(), from: 7, delay: .seconds(60))
        try broker.reject(subscription(), from: .max, delay: .seconds(60))
        // No delay at all, however far below zero.
        try broker.reject(subscription(), from: 6, delay: Duration(attoseconds: .min))
        let sixth = try broker.fetch(subscription(), limit: 9, wait: Duration(attoseconds: .max))
        try equal(numbers(sixth), [6], "what comes again")
        _ = try broker.publish(messages(7...7), to: "orders", expectedLast: 6)
        try equal(numbers(broker.fetch(subscription(), limit: 9, wait: .zero)), [7], "the next one")
    }

    private static func rejectionDelays(_ fixture: BrokerFixture) throws {
        guard let advance = fixture.advance else { return }
        let broker = try fixture.open()
        _ = try broker.publish(messages(1...6), to: "orders", expectedLast: 0)
        _ = try broker.fetch(subscription(), limit: 4, wait: .zero)
        try broker.reject(subscription(), from: 2, delay: .seconds(5))
        advance(.seconds(4))
        try equal(broker.fetch(subscription(), limit: 9, wait: .zero), [], "before the delay's end")
        advance(.seconds(1))
        let got = try broker.fetch(subscription(), limit: 9, wait: .zero)
        try equal(numbers(got), [2, 3, 4, 5, 6], "after it")
    }

    private static func rejectionWakes(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        _ = try broker.publish(messages(1...1), to: "orders", expectedLast: 0)
        _ = try broker.fetch(subscription(), limit: 1, wait: .zero)
        try onThreads(2) { thread in
            if thread == 0 {
                let got = try broker.fetch(subscription(), limit: 1, wait: .seconds(20))
                try equal(got.map(\.attempt), [2], "the attempt")
            } else {
                try broker.reject(subscription(), from: 1, delay: .zero)
            }
        }
    }

    private static func noRejectionBelowTheFloor(_ fixture: BrokerFixture) throws {
        let broker = try fixture.open()
        _ = try broker.publish(messages(1...3), to: "orders", expectedLast: 0)
        _ = try broker.fetch(subscription(), limit: 3, wait: .zero)
        try broker.acknowledge(subscription(), through: 3)
        try broker.reject(subscription(), from: 0, delay: .zero)
        try equal(broker.fetch(subscription(), limit: 3, wait: .zero), [], "what comes again")
    }

    private static func overdueComesAgain(_ fixture: BrokerFixture) throws {
        guard let advance = fixture.advance else { return }
        let broker = try fixture.open()
        _ = try broker.publish(messages(1...3), to: "orders", expectedLast: 0)
        _ = try broker.fetch(subscription(), limit: 2, wait: .zero)
        var pauses: [Int] = []
        for attempt in 2...12 {
            advance(BrokerLimits.acknowledgementWait - .milliseconds(1))
            let early = try broker.fetch(subscription(), limit: 1, wait: .zero)
            try equal(numbers(early), attempt == 2 ? [3] : [], "before it is overdue")
            advance(.milliseconds(1))
            var pause = 0
            var got: [Delivered] = []
            while got.isEmpty, pause <= 30_000 {
                got = try broker.fetch(subscription(), limit: 9, wait: .zero)
                if got.isEmpty { advance(.milliseconds(50)) }
                pause += got.isEmpty ? 50 : 0
            }
            try equal(numbers(got), [1, 2, 3], "what comes again")
            try equal(got.first?.attempt, attempt, "the attempt")
            pauses.append(pause)
        }
        try require(zip(pauses, pauses.dropFirst()).allSatisfy { $0 <= $1 }, "pauses \(pauses)")
        try require(pauses.last ?? 0 >= 10_000, "pauses that do not grow to 30 s: \(pauses)")
    }

    private static func lateAcknowledgement(_ fixture: BrokerFixture) throws {
        guard let advance = fixture.advance else { return }
        let broker = try fixture.open()
        _ = try broker.publish(messages(1...3), to: "orders", expectedLast: 0)
        _ = try broker.fetch(subscription(), limit: 3, wait: .zero)
        advance(BrokerLimits.acknowledgementWait)
        try equal(broker.fetch(subscription(), limit: 3, wait: .zero), [], "during the pause")
        try broker.acknowledge(subscription(), through: 2)
        let got = try broker.fetch(subscription(), limit: 3, wait: .zero)
        try equal(numbers(got), [3], "what is left")
    }

    private static func clockGoesBack(_ fixture: BrokerFixture) throws {
        guard let advance = fixture.advance else { return }
        let broker = try fixture.open()
        _ = try broker.publish(messages(1...2), to: "orders", expectedLast: 0)
        _ = try broker.fetch(subscription(), limit: 1, wait: .zero)
        try broker.reject(subscription(), from: 1, delay: .seconds(2))
        advance(.seconds(-86_400))
        try equal(broker.fetch(subscription(), limit: 1, wait: .zero), [], "before the delay's end")
        advance(.seconds(2))
        try equal(numbers(broker.fetch(subscription(), limit: 1, wait: .zero)), [1], "after it")
        advance(.seconds(-86_400))
        _ = try broker.fetch(subscription(), limit: 1, wait: .zero)
        advance(.seconds(31))
        _ = try broker.fetch(subscription(), limit: 1, wait: .zero)
        advance(.seconds(31))
        let got = try broker.fetch(subscription(), limit: 1, wait: .zero)
        try equal(numbers(got), [1], "what is overdue by the new clock")
    }
}

import EventSourcing
import Host
import Testing

@Suite struct CircuitBreakerTests {
    private let start = Timestamp(microseconds: 1_800_000_000_000_000)

    /// One that has opened at `start`, for a second.
    private func opened() -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 0..<CircuitBreaker.limit { breaker.failed(at: start) }
        return breaker
    }

    private func admits(_ breaker: inout CircuitBreaker, _ now: Timestamp) -> Bool {
        breaker.admits(at: now)
    }

    @Test func `it is closed at first, and lets all through`() {
        var breaker = CircuitBreaker()
        for _ in 0..<100 { #expect(admits(&breaker, start)) }
        #expect(breaker.state == .closed)
        #expect(breaker.name == "closed")
    }

    @Test func `it opens after five failures in a row, for a second`() {
        var breaker = CircuitBreaker()
        for _ in 0..<4 {
            breaker.failed(at: start)
            #expect(breaker.state == .closed)
            #expect(admits(&breaker, start))
        }
        breaker.failed(at: start)
        #expect(breaker.state == .open(until: start + .seconds(1)))
        #expect(breaker.name == "open")
        #expect(!admits(&breaker, start))
        #expect(!admits(&breaker, start + .microseconds(999_999)))
    }

    @Test func `a success in between begins the count anew`() {
        var breaker = CircuitBreaker()
        for _ in 0..<20 {
            for _ in 0..<4 { breaker.failed(at: start) }
            breaker.succeeded()
            #expect(breaker.state == .closed)
        }
    }

    @Test func `after its pause one call is let through, and no second one`() {
        var breaker = opened()
        let now = start + .seconds(1)
        #expect(admits(&breaker, now))
        #expect(breaker.state == .halfOpen)
        #expect(breaker.name == "half-open")
        for _ in 0..<10 { #expect(!admits(&breaker, now)) }
    }

    @Test func `a success closes it, and it begins with the shortest pause again`() {
        var breaker = opened()
        var now = start + .seconds(1)
        _ = breaker.admits(at: now)
        breaker.failed(at: now)
        now = now + .seconds(2)
        #expect(admits(&breaker, now))
        breaker.succeeded()
        #expect(breaker == CircuitBreaker())
        for _ in 0..<4 { breaker.failed(at: now) }
        #expect(breaker.state == .closed)
        breaker.failed(at: now)
        #expect(breaker.state == .open(until: now + .seconds(1)))
    }

    @Test func `the pause doubles each time the one call fails, up to ten seconds`() {
        var breaker = opened()
        var now = start
        var pause = 1
        for next in [2, 4, 8, 10, 10, 10] {
            #expect(!admits(&breaker, now + .seconds(pause) - .microseconds(1)))
            now = now + .seconds(pause)
            #expect(admits(&breaker, now))
            breaker.failed(at: now)
            #expect(breaker.state == .open(until: now + .seconds(next)))
            pause = next
        }
    }

    @Test func `failures of calls that were under way when it opened change nothing`() {
        var breaker = opened()
        for tenth in 0..<10 {
            breaker.failed(at: start + .milliseconds(100 * tenth))
            #expect(breaker.state == .open(until: start + .seconds(1)))
        }
        let now = start + .seconds(1)
        #expect(admits(&breaker, now))
        breaker.failed(at: now)
        #expect(breaker.state == .open(until: now + .seconds(2)))
    }

    @Test func `a late success closes it`() {
        var breaker = opened()
        breaker.succeeded()
        #expect(admits(&breaker, start))
    }

    @Test func `a call that never ends does not keep it shut for ever`() {
        var breaker = opened()
        var now = start + .seconds(1)
        for _ in 0..<5 {
            #expect(admits(&breaker, now))
            #expect(!admits(&breaker, now + .seconds(10) - .microseconds(1)))
            now = now + .seconds(10)
        }
    }
}

extension Timestamp {
    fileprivate static func - (time: Timestamp, duration: Duration) -> Timestamp {
        time + (.zero - duration)
    }
}

@Suite struct RetryBudgetTests {
    private func takeAll(_ budget: inout RetryBudget) -> Int {
        var count = 0
        while count < 1000, budget.take() { count += 1 }
        return count
    }

    @Test func `it begins with ten repetitions`() {
        var budget = RetryBudget()
        #expect(takeAll(&budget) == 10)
        #expect(takeAll(&budget) == 0)
    }

    @Test func `each call adds a tenth of a repetition`() {
        var budget = RetryBudget()
        _ = takeAll(&budget)
        for _ in 0..<9 { budget.called() }
        #expect(takeAll(&budget) == 0)
        budget.called()
        #expect(takeAll(&budget) == 1)
        for _ in 0..<45 { budget.called() }
        #expect(takeAll(&budget) == 4)
        // The half that was left over counts.
        for _ in 0..<5 { budget.called() }
        #expect(takeAll(&budget) == 1)
    }

    @Test func `it keeps ten repetitions at most`() {
        var budget = RetryBudget()
        for _ in 0..<10_000 { budget.called() }
        #expect(takeAll(&budget) == 10)
    }
}

@Suite struct BackoffTests {
    /// The longest pause after so many attempts, in microseconds, by the usual settings.
    private static let bounds: [(attempt: Int, bound: UInt64)] = [
        (1, 50_000), (2, 100_000), (3, 200_000), (4, 400_000), (5, 800_000), (6, 1_000_000),
        (7, 1_000_000), (100, 1_000_000), (.max, 1_000_000), (0, 50_000), (-7, 50_000),
        (.min, 50_000),
    ]

    @Test(arguments: bounds)
    func `any pause up to a bound that doubles, and no longer one`(attempt: Int, bound: UInt64) {
        func pause(_ random: UInt64) -> Int64 {
            Backoff.pause(after: attempt, random: random).microseconds
        }
        for random in [0, 1, 2, bound / 2, bound - 1, bound] {
            #expect(pause(random) == Int64(random))
        }
        #expect(pause(bound + 1) == 0)
        var generator = SeededGenerator(state: 7)
        for _ in 0..<1000 { #expect((0...Int64(bound)).contains(pause(generator.next()))) }
        #expect((0...Int64(bound)).contains(pause(.max)))
    }

    @Test func `first and longest pause are the caller's`() {
        func longest(_ attempt: Int) -> Duration {
            Backoff.pause(
                after: attempt, from: .milliseconds(3), upTo: .milliseconds(20),
                random: attempt < 4 ? UInt64(3000 << (attempt - 1)) : 20_000)
        }
        #expect((1...5).map(longest) == [3, 6, 12, 20, 20].map { .milliseconds($0) })
        #expect(Backoff.pause(after: 9, upTo: .zero, random: .max) == .zero)
    }
}

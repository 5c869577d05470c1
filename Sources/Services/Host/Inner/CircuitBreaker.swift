package import EventSourcing

/// Keeps calls from a process that does not answer, so that they fail at once and not after a wait,
/// and the process is not buried under them when it comes back.
///
/// Closed it lets all through. After `limit` failures in a row it opens for a while, a second at
/// first and twice as long each time, ten at most; after it one call is let through, and decides.
package struct CircuitBreaker: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        case closed
        /// Calls are refused until then.
        case open(until: Timestamp)
        /// One call is on its way, and decides.
        case halfOpen
    }

    package static let limit = 5
    private static let shortest = Duration.seconds(1)
    private static let longest = Duration.seconds(10)

    package private(set) var state = State.closed
    private var failures = 0
    private var pause = shortest
    /// Since when one call is awaited: should it never end, another decides.
    private var probedAt = Timestamp.epoch

    package init() {}

    /// Whether a call may be made now; each that is made is followed by `succeeded` or `failed`.
    package mutating func admits(at now: Timestamp) -> Bool {
        switch state {
        case .closed: return true
        case .open(let until) where now < until: return false
        case .halfOpen where now - probedAt < Self.longest: return false
        case .open, .halfOpen:
            (state, probedAt) = (.halfOpen, now)
            return true
        }
    }

    package mutating func succeeded() { self = CircuitBreaker() }

    package mutating func failed(at now: Timestamp) {
        failures += 1
        switch state {
        case .closed where failures < Self.limit: break
        // Calls that were under way when it opened say nothing new.
        case .open: break
        case .closed: state = .open(until: now + pause)
        case .halfOpen:
            pause = min(pause * 2, Self.longest)
            state = .open(until: now + pause)
        }
    }

    /// As metrics and status have it.
    package var name: String {
        switch state {
        case .closed: "closed"
        case .open: "open"
        case .halfOpen: "half-open"
        }
    }
}

/// Bounds how much is sent again: where much fails, repeating it all would only add to it.
///
/// Each call adds a tenth of a repetition, ten are kept at most.
package struct RetryBudget: Hashable, Sendable {
    private static let most = 100
    /// In tenths of a repetition.
    private var tenths = most

    package init() {}

    package mutating func called() { tenths = min(tenths + 1, Self.most) }

    /// Takes a repetition out; false where none is left.
    package mutating func take() -> Bool {
        guard tenths >= 10 else { return false }
        tenths -= 10
        return true
    }
}

/// How long to wait before something is sent again: anything up to a bound that doubles, so that
/// those who failed together do not come back together.
package enum Backoff {
    /// - Parameters:
    ///   - attempt: how often it was tried, 1 or more.
    ///   - random: any number.
    package static func pause(
        after attempt: Int, from first: Duration = .milliseconds(50),
        upTo most: Duration = .seconds(1), random: UInt64
    ) -> Duration {
        let bound = min(first * (1 << min(max(attempt, 1) - 1, 16)), most).microseconds
        return .microseconds(Int64(random % UInt64(max(bound, 0) + 1)))
    }
}

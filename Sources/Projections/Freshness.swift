package import EventSourcing
import Synchronization

/// How far each log is projected, for readers on any thread, and the readers that wait for more.
package final class Freshness: Sendable {
    /// Above it a reader that would wait is refused at once.
    package static let maximumWaiters = 10_000

    private struct Waiter: Sendable {
        let token: ConsistencyToken
        let deadline: Timestamp
        let then: @Sendable (Bool) -> Void
    }

    private struct State: Sendable {
        var marks: [LogName: Mark] = [:]
        var waiters: [Waiter] = []
        var staleReason: String?
        /// The token as text, once it was asked for.
        var text: String?

        var token: ConsistencyToken {
            var token = ConsistencyToken()
            for (log, mark) in marks { token.merge(log, mark) }
            return token
        }

        func hasSeen(_ token: ConsistencyToken) -> Bool { token.isSeen(at: marks) }

        /// Takes out the waiters that `isOver` holds of.
        mutating func remove(where isOver: (Waiter) -> Bool) -> [Waiter] {
            var over: [Waiter] = []
            waiters.removeAll { waiter in
                guard isOver(waiter) else { return false }
                over.append(waiter)
                return true
            }
            return over
        }
    }

    private let state = Mutex(State())

    /// - Parameter logs: those that are projected here: a token that names others is foreign, also
    ///   before the first was read.
    package init(logs: [LogName] = []) {
        state.withLock { state in for log in logs { state.marks[log] = Mark.none } }
    }

    /// How far all logs are projected: a lower bound of what a read sees that begins after this.
    package var token: ConsistencyToken { state.withLock { $0.token } }

    /// The token as text, and why the rows are not to be trusted, both at one moment.
    package var shown: (token: String, staleReason: String?) {
        state.withLock { state in
            let text = state.text ?? state.token.description
            state.text = text
            return (text, state.staleReason)
        }
    }

    /// Why the rows are not to be trusted; nil where they are.
    package var staleReason: String? { state.withLock { $0.staleReason } }

    package var waiterCount: Int { state.withLock { $0.waiters.count } }

    /// Whether the token names only logs that are projected here.
    package func knows(_ token: ConsistencyToken) -> Bool {
        state.withLock { state in token.marks.allSatisfy { state.marks[$0.log] != nil } }
    }

    package func hasSeen(_ token: ConsistencyToken) -> Bool {
        state.withLock { $0.hasSeen(token) }
    }

    /// Shows what was committed, and lets go whoever waited for it. Called by the engine.
    package func show(_ marks: [LogName: Mark], staleReason: String?) {
        let over = state.withLock { state in
            if state.marks != marks { (state.marks, state.text) = (marks, nil) }
            state.staleReason = staleReason
            return state.remove { $0.token.isSeen(at: marks) }
        }
        for waiter in over { waiter.then(true) }
    }

    /// Calls `then` once: with true when all of the token is projected, with false at the deadline,
    /// and at once where too many wait. Deadlines pass only when `expire` is called.
    package func wait(
        for token: ConsistencyToken, deadline: Timestamp, then: @escaping @Sendable (Bool) -> Void
    ) {
        let answer: Bool? = state.withLock { state in
            if state.hasSeen(token) { return true }
            guard state.waiters.count < Self.maximumWaiters else { return false }
            state.waiters.append(Waiter(token: token, deadline: deadline, then: then))
            return nil
        }
        if let answer { then(answer) }
    }

    /// Lets go whose deadline has passed; to be called several times a second.
    package func expire(at now: Timestamp) {
        let over = state.withLock { $0.remove { $0.deadline <= now } }
        for waiter in over { waiter.then(false) }
    }
}

extension ConsistencyToken {
    fileprivate func isSeen(at known: [LogName: Mark]) -> Bool {
        marks.allSatisfy { known[$0.log]?.covers($0.mark) ?? false }
    }
}

import EventSourcing
import EventStore
import Messaging
import Orders

/// Counts open checkouts by step, now and then: each is folded from its stream, which takes some
/// fifty milliseconds where many are open, and what an operator must see lasts for longer.
final class SagaCounter: Sendable {
    private struct Counted: Sendable {
        var counts: [SagaStepCount] = []
        var at: MonotonicTime?
    }

    private static let pause = Duration.seconds(5)

    private let last = Monitor(Counted())

    /// What was counted, at most so long ago; of those who ask at once one counts.
    ///
    /// - Returns: the counts from before where the file cannot be read now.
    func counts(_ queries: LogQueries, at now: Timestamp) -> [SagaStepCount] {
        let moment = MonotonicTime.now()
        let mustCount = last.withLock { last in
            if let at = last.at, moment < at + Self.pause { return false }
            last.at = moment
            return true
        }
        if mustCount, let fresh = try? OrdersCore.countSteps(queries, at: now) {
            last.withLock { $0.counts = fresh }
        }
        return last.withLock { $0.counts }
    }
}

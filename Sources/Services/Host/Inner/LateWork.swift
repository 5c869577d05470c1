import Messaging
import Synchronization

/// Does small things later, on a thread of its own.
final class LateWork: Sendable {
    private struct State: Sendable {
        /// In no order.
        var waiting: [(at: MonotonicTime, work: @Sendable () -> Void)] = []
        var isStopping = false
    }

    /// The most that may wait.
    private static let limit = 10_000

    private let state = Monitor(State())
    private let worker = Mutex<Worker?>(nil)

    init() { worker.withLock { $0 = Worker("later", .awaited) { [state] in Self.run(state) } } }

    deinit { askToStop() }

    /// How much waits.
    var count: Int { state.withLock { $0.waiting.count } }

    /// - Returns: false where too much waits, or all comes to an end; it is not done then.
    func take(after pause: Duration, _ work: @escaping @Sendable () -> Void) -> Bool {
        let isTaken = state.withLock { state in
            guard !state.isStopping, state.waiting.count < Self.limit else { return false }
            state.waiting.append((.now() + pause, work))
            return true
        }
        if isTaken { state.wakeAll() }
        return isTaken
    }

    /// Does what waits at once, and ends.
    func stop() {
        askToStop()
        worker.withLock { worker in
            defer { worker = nil }
            return worker
        }?.join()
    }

    private func askToStop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
    }

    private static func run(_ state: Monitor<State>) {
        while true {
            let due: [@Sendable () -> Void]?? = state.wait(until: .now() + .seconds(3600)) {
                (state) -> Monitor<State>.Look<[@Sendable () -> Void]?> in
                let now = MonotonicTime.now()
                let due = state.waiting.filter { state.isStopping || $0.at <= now }.map(\.work)
                if !due.isEmpty {
                    state.waiting.removeAll { state.isStopping || $0.at <= now }
                    return .done(due)
                }
                if state.isStopping { return .done(nil) }
                return .wait(atMost: state.waiting.map(\.at).min().map { $0 - now })
            }
            guard let due else { continue }
            guard let works = due else { return }
            for work in works { work() }
        }
    }
}

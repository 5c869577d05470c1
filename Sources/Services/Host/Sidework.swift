import Messaging
import Synchronization

/// Carries out, one after the other on a thread of its own, what would hold up the server's.
final class Sidework: Sendable {
    /// The most that may wait.
    private static let limit = 64

    private struct State: Sendable {
        var waiting: [@Sendable () -> Void] = []
        var isStopping = false
    }

    private let state: Monitor<State>
    private let worker: Mutex<Worker?>

    /// - Parameter name: the thread's, at most 15 bytes.
    init(_ name: String) {
        let state = Monitor(State())
        self.state = state
        worker = Mutex(Worker(name, .awaited) { Self.run(state) })
    }

    /// Its thread holds the state alone, and ends by itself.
    deinit { askToStop() }

    private static func run(_ state: Monitor<State>) {
        while true {
            let next = state.wait(until: .now() + .seconds(3600)) {
                (state) -> Monitor<State>.Look<(@Sendable () -> Void)?> in
                if state.isStopping { return .done(nil) }
                return state.waiting.isEmpty
                    ? .wait(atMost: nil) : .done(state.waiting.removeFirst())
            }
            guard let next else { continue }
            guard let work = next else { return }
            work()
        }
    }

    /// How much waits, without what is under way.
    var count: Int { state.withLock { $0.waiting.count } }

    /// - Returns: whether it is taken; false where too much waits, or all comes to an end.
    @Sendable func take(_ work: @escaping @Sendable () -> Void) -> Bool {
        let isTaken = state.withLock { state in
            guard !state.isStopping, state.waiting.count < Self.limit else { return false }
            state.waiting.append(work)
            return true
        }
        if isTaken { state.wakeAll() }
        return isTaken
    }

    /// Finishes what is under way, and drops what waits.
    func stop() {
        askToStop()
        let own = worker.withLock { worker in
            defer { worker = nil }
            return worker
        }
        own?.join()
        state.withLock { $0.waiting = [] }
    }

    private func askToStop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
    }
}

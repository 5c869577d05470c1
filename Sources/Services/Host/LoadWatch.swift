import EventSourcing
import Messaging
import Synchronization

/// Looks ten times a second how far readers are behind, in a thread of its own; see `LoadRules` for
/// what it decides.
final class LoadWatch: Sendable {
    private struct State: Sendable {
        var rules = LoadRules()
        var isStopping = false
    }

    /// What there is to see.
    struct Sight {
        let readers: [LoadRules.Reader]
        let waiting: LoadRules.Reader?
        let refused: Int64
    }

    private static let pause = Duration.milliseconds(100)

    private let state = Monitor(State())
    private let worker = Mutex<Worker?>(nil)

    /// Goes on looking until it is stopped.
    func start(_ runtime: any Runtime, _ look: @escaping @Sendable () -> Sight) {
        worker.withLock {
            $0 = Worker("load-watch", .awaited) { [self] in run { (look(), runtime.now()) } }
        }
    }

    /// Whether nothing new is taken, and the seconds' worth of events that waits.
    var reading: (isStopped: Bool, backlog: Double) {
        state.withLock { ($0.rules.isStopped, $0.rules.backlog) }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        worker.withLock { worker in
            defer { worker = nil }
            return worker
        }?.join()
    }

    private func run(_ look: () -> (Sight, Timestamp)) {
        while true {
            let isOver = state.wait(until: .now() + Self.pause) {
                (state) -> Monitor<State>.Look<Bool> in
                state.isStopping ? .done(true) : .wait(atMost: nil)
            }
            if isOver == true { return }
            let (sight, now) = look()
            state.withLock {
                $0.rules.look(
                    sight.readers, waiting: sight.waiting, refused: sight.refused, at: now)
            }
        }
    }
}

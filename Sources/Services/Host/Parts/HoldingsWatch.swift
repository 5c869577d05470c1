import Messaging
import Synchronization

/// What the broker holds of what this process publishes, asked now and then on a thread of its own:
/// a broker that does not answer holds up nobody who wants to know.
final class HoldingsWatch: Sendable {
    private static let pause = Duration.seconds(1)

    private struct State: Sendable {
        var known: [StreamHoldings] = []
        var isStopping = false
    }

    private let state = Monitor(State())
    private let worker = Mutex<Worker?>(nil)

    init(_ broker: NATSBroker) {
        let state = state
        worker.withLock { $0 = Worker("holdings") { Self.run(broker, state) } }
    }

    deinit { askToStop() }

    /// As of a moment ago.
    var known: [StreamHoldings] { state.withLock { $0.known } }

    private func askToStop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
    }

    func stop() {
        askToStop()
        worker.withLock { worker in
            defer { worker = nil }
            return worker
        }?.join()
    }

    private static func run(_ broker: NATSBroker, _ state: Monitor<State>) {
        while true {
            let isOver = state.wait(until: .now() + pause) { (state) -> Monitor<State>.Look<Bool> in
                state.isStopping ? .done(true) : .wait(atMost: nil)
            }
            if isOver == true { return }
            let holdings = broker.holdings()
            state.withLock { $0.known = holdings }
        }
    }
}

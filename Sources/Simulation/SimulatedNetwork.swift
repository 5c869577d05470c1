import EventSourcing
import Synchronization

/// The network between the processes: it loses, repeats and delays, and any process may be cut off
/// from any other, in one direction or both.
package final class SimulatedNetwork: Sendable {
    private struct State: Sendable {
        var random: SeededRandom
        var isNoisy = true
        /// Who does not reach whom: `from>to`.
        var cuts: Set<String> = []
        var counts: [String: Int] = [:]
    }

    private let state: Mutex<State>

    package init(seed: UInt64) {
        state = Mutex(State(random: SeededRandom(seed: seed ^ 0xB20C)))
    }

    /// What happened how often.
    package var faults: [String: Int] { state.withLock { $0.counts } }

    /// From here on everything arrives, once and at once.
    package func stopFaults() {
        state.withLock { ($0.isNoisy, $0.cuts) = (false, []) }
    }

    /// What is sent from the one to the other is lost, until it is healed.
    package func cut(_ from: String, _ to: String) {
        state.withLock { state in
            state.cuts.insert("\(from)>\(to)")
            state.counts["a way cut", default: 0] += 1
        }
    }

    /// What is sent from the one to the other arrives again.
    package func heal(_ from: String, _ to: String) {
        state.withLock { _ = $0.cuts.remove("\(from)>\(to)") }
    }

    package func isCut(_ from: String, _ to: String) -> Bool {
        state.withLock { !$0.cuts.isEmpty && $0.cuts.contains("\(from)>\(to)") }
    }

    /// Whether something goes wrong that does once in `count` times; counted where it does.
    func happens(_ fault: String, onceIn count: Int) -> Bool {
        state.withLock { state in
            guard state.isNoisy, state.random.once(in: count) else { return false }
            state.counts[fault, default: 0] += 1
            return true
        }
    }

    /// 0 up to, without, `bound`.
    func below(_ bound: Int) -> Int { state.withLock { $0.random.below(bound) } }

    /// Asks `to` for something on behalf of `from`: where the request is lost nothing is done, and
    /// where the answer is it is done all the same.
    func ask<Value, Failure: Error>(
        _ to: String, for from: String, lost: Failure, _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        if isCut(from, to) || happens("no connection", onceIn: 40) { throw lost }
        let value = try body()
        if isCut(to, from) { throw lost }
        return value
    }
}

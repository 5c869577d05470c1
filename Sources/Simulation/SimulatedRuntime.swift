package import EventSourcing
import Synchronization

/// A clock that moves when it is told to, and randomness from a seed.
package final class SimulatedRuntime: Runtime {
    private let state: Mutex<(now: Timestamp, random: SeededRandom)>

    package init(seed: UInt64) {
        state = Mutex(
            (Timestamp(microseconds: 1_800_000_000_000_000), SeededRandom(seed: seed ^ 0xC10C)))
    }

    package func now() -> Timestamp { state.withLock { $0.now } }
    package func random() -> UInt64 { state.withLock { $0.random.next() } }
    package func advance(by duration: Duration) { state.withLock { $0.now = $0.now + duration } }
}

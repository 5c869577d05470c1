package import EventSourcing
import Synchronization

/// A process's own clock: ahead or behind, faster or slower than the others'.
package final class SimulatedClock: Runtime {
    private let world: SimulatedRuntime
    private let began: Timestamp
    private let state = Mutex((offset: Duration.zero, driftPerMillion: 0))

    package init(in world: SimulatedRuntime) {
        self.world = world
        began = world.now()
    }

    package func now() -> Timestamp {
        let time = world.now()
        let (offset, drift) = state.withLock { $0 }
        let elapsed = (time - began).microseconds
        return time + offset + .microseconds(elapsed / 1_000_000 * Int64(drift))
    }

    package func random() -> UInt64 { world.random() }

    /// How many microseconds it gains in a second; fewer than 0 where it loses.
    package func drift(_ perMillion: Int) { state.withLock { $0.driftPerMillion = perMillion } }

    /// Sets it so far ahead of the world's time, or behind.
    package func set(_ offset: Duration) { state.withLock { $0.offset = offset } }
}

package import EventSourcing
import Glibc
import Synchronization

/// The system's randomness, and its clock, but for this: its time never runs backwards.
///
/// Where the system's clock is set back, time goes on from where it was, as fast as the monotonic
/// clock, until the system's has caught up. Otherwise all that is due in a second would be due in
/// an hour and a second.
package final class SystemRuntime: Runtime {
    /// Random numbers that the system gave and nobody has had yet, 256 bytes at most, as one call
    /// gives. A call for each would cost more than all else in an identifier.
    private struct Pool: Sendable {
        var numbers = InlineArray<32, UInt64>(repeating: 0)
        var left = 0
    }

    private let pool = Mutex(Pool())

    private struct Clock: Sendable {
        /// In microseconds since 1970; the latest time that was given.
        var time: Int64 = 0
        /// The monotonic clock's microseconds when it was given.
        var at: Int64 = 0
        var isAhead = false
    }

    /// More than the system's clock is behind without anybody being told.
    private static let tolerance: Int64 = 5_000_000

    private let clock = Mutex(Clock())
    private let notice: @Sendable (String) -> Void

    /// - Parameter notice: told, from any thread, that the system's clock was set back.
    package init(notice: @escaping @Sendable (String) -> Void = { _ in }) { self.notice = notice }

    package func now() -> Timestamp {
        // In this order: a thread that is held up in between adds nothing to the time.
        let told = Self.read(CLOCK_REALTIME)
        let steady = Self.read(CLOCK_MONOTONIC)
        let (time, isNews) = clock.withLock { clock in
            clock.time = max(told, clock.time + max(0, steady - clock.at))
            clock.at = max(clock.at, steady)
            let isAhead = clock.time - told > Self.tolerance
            defer { clock.isAhead = isAhead }
            return (clock.time, isAhead && !clock.isAhead)
        }
        if isNews {
            notice(
                "the clock says \(Timestamp(microseconds: told)), which is "
                    + "\((time - told) / 1_000_000) s before what was recorded last; time goes on "
                    + "from there; set the clock right")
        }
        return Timestamp(microseconds: time)
    }

    /// Has time go on from `moment`, where the system's clock is before it.
    package func notBefore(_ moment: Timestamp) {
        let steady = Self.read(CLOCK_MONOTONIC)
        clock.withLock { clock in
            clock.time = max(moment.microseconds, clock.time + max(0, steady - clock.at))
            clock.at = max(clock.at, steady)
        }
    }

    /// Microseconds.
    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    package func random() -> UInt64 {
        pool.withLock { pool in
            if pool.left == 0 {
                var span = pool.numbers.mutableSpan
                let isFilled = span.withUnsafeMutableBytes { bytes in
                    getentropy(bytes.baseAddress, bytes.count) == 0
                }
                guard isFilled else {
                    var generator = SystemRandomNumberGenerator()
                    return generator.next()
                }
                pool.left = pool.numbers.count
            }
            pool.left -= 1
            defer { pool.numbers[pool.left] = 0 }
            return pool.numbers[pool.left]
        }
    }
}

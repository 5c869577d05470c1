package import EventSourcing
import Glibc
import Synchronization

/// The system's clock and randomness.
package final class SystemRuntime: Runtime {
    /// Random numbers that the system gave and nobody has had yet, 256 bytes at most, as one call
    /// gives. A call for each would cost more than all else in an identifier.
    private struct Pool: Sendable {
        var numbers = InlineArray<32, UInt64>(repeating: 0)
        var left = 0
    }

    private let pool = Mutex(Pool())

    package init() {}

    package func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(
            microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
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

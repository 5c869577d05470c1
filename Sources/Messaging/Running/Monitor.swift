import Glibc

/// A value behind a lock, and a condition to wait for its change.
///
/// `@unchecked Sendable`: `Synchronization.Mutex` has no condition variable, and POSIX's pair must
/// stay at one address. `state` is touched only between lock and unlock of `mutex`, in the two
/// methods below.
package final class Monitor<State: Sendable>: @unchecked Sendable {
    /// What one look at the state brought.
    package enum Look<Result> {
        case done(Result)
        /// Look again when the state has changed, or after this time if one is given.
        case wait(atMost: Duration?)
    }

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    package init(_ state: State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // Waits are measured by the clock that nobody sets.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` with the lock held; it must not call the monitor again.
    package func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Wakes all who wait.
    package func wakeAll() { pthread_cond_broadcast(condition) }

    /// Wakes one of those who wait: enough where each of them would do the same.
    package func wakeOne() { pthread_cond_signal(condition) }

    /// Looks until `look` is done, once at least; nil when `deadline` passed before.
    package func wait<Result, Failure: Error>(
        until deadline: MonotonicTime, _ look: (inout State) throws(Failure) -> Look<Result>
    ) throws(Failure) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            let pause: Duration?
            switch try look(&state) {
            case .done(let result): return result
            case .wait(let atMost): pause = atMost
            }
            let now = MonotonicTime.now()
            guard now < deadline else { return nil }
            // At least a millisecond, so that a clock that stands still makes no busy loop.
            let wake = pause.map { min(deadline, now + max($0, .milliseconds(1))) } ?? deadline
            var time = wake.timespec
            pthread_cond_timedwait(condition, mutex, &time)
        }
    }
}

/// A moment of the system's monotonic clock. Only real waiting is measured with it; what is decided
/// is decided by `Runtime`.
package struct MonotonicTime: Comparable {
    private let nanoseconds: Int64

    package static func now() -> MonotonicTime {
        var time = Glibc.timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Later by `duration`, by a year at most.
    package static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        let bounded = min(max(duration, .zero), .seconds(365 * 86_400))
        let (seconds, attoseconds) = bounded.components
        return MonotonicTime(
            nanoseconds: time.nanoseconds + seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    package static func - (a: MonotonicTime, b: MonotonicTime) -> Duration {
        .nanoseconds(a.nanoseconds - b.nanoseconds)
    }

    package static func < (a: MonotonicTime, b: MonotonicTime) -> Bool {
        a.nanoseconds < b.nanoseconds
    }

    fileprivate var timespec: timespec {
        Glibc.timespec(
            tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    }
}

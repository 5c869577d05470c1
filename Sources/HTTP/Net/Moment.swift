import Glibc

/// A reading of the monotonic clock, in nanoseconds: for time limits alone.
struct Moment: Comparable {
    let nanoseconds: Int64

    static func now() -> Moment {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Moment(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    static func < (left: Moment, right: Moment) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Saturates: a limit of years is no limit.
    static func + (moment: Moment, duration: Duration) -> Moment {
        let (sum, overflow) = moment.nanoseconds.addingReportingOverflow(duration.nanoseconds)
        return Moment(nanoseconds: overflow ? .max : sum)
    }

    /// Milliseconds until `later`, rounded up, 0 if it is past: what `poll` takes.
    func milliseconds(until later: Moment) -> Int32 {
        guard later > self else { return 0 }
        let (left, overflow) = later.nanoseconds.subtractingReportingOverflow(nanoseconds)
        guard !overflow, left < 1_000_000_000_000_000 else { return 1_000_000_000 }
        return Int32((left + 999_999) / 1_000_000)
    }
}

extension Duration {
    /// Saturating, and never below zero.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        if overflow || carry { return seconds < 0 ? 0 : .max }
        return max(0, sum)
    }
}

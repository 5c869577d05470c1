import Glibc

/// A reading of the monotonic clock, in nanoseconds: for time limits alone.
package struct Moment: Comparable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Later than every other.
    package static let never = Moment(nanoseconds: .max)

    package static func now() -> Moment {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Moment(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    package static func < (left: Moment, right: Moment) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Saturates: a limit of years is no limit.
    package static func + (moment: Moment, duration: Duration) -> Moment {
        let (sum, overflow) = moment.nanoseconds.addingReportingOverflow(duration.nanoseconds)
        return Moment(nanoseconds: overflow ? .max : sum)
    }

    /// Milliseconds until `later`, rounded up, 0 if it is past: what `poll` takes.
    package func milliseconds(until later: Moment) -> Int32 {
        guard later > self else { return 0 }
        let (left, overflow) = later.nanoseconds.subtractingReportingOverflow(nanoseconds)
        guard !overflow, left < 1_000_000_000_000_000 else { return 1_000_000_000 }
        return Int32((left + 999_999) / 1_000_000)
    }
}

extension Duration {
    /// Saturating, and never below zero.
    package var nanoseconds: Int64 {
        // Beyond it `components` would trap.
        guard self < .seconds(Int64.max / 1_000_000_000) else { return .max }
        guard self > .zero else { return 0 }
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || carry ? .max : sum
    }
}

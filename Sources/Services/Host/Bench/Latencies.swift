/// How long things took, in fixed memory whatever their number: to the microsecond below two
/// milliseconds, above to a tenth of a percent.
package struct Latencies: Sendable {
    /// Below this each microsecond has its count; above it each doubling has half as many.
    private static let exact: Int64 = 2048
    private static let steps: Int64 = 1024
    /// 2^40 microseconds are twelve days.
    private static let limit: Int64 = 1 << 40

    private var counts = [UInt32](repeating: 0, count: Latencies.index(of: limit) + 1)
    package private(set) var count = 0
    /// In microseconds.
    private(set) var greatest: Int64 = 0

    package init() {}

    package mutating func add(microseconds: Int64) {
        let bounded = min(max(0, microseconds), Self.limit)
        counts[Self.index(of: bounded)] &+= 1
        count += 1
        greatest = max(greatest, bounded)
    }

    /// The time that this part of all, from 0 to 1, took at most; 0 where there are none.
    package func milliseconds(_ part: Double) -> Double {
        let rank = max(1, Int((part * Double(count)).rounded(.up)))
        var seen = 0
        for (index, count) in counts.enumerated() where count > 0 {
            seen += Int(count)
            if seen >= rank { return Double(min(Self.greatest(at: index), greatest)) / 1000 }
        }
        return 0
    }

    func spread(_ name: String) -> BenchReport.Spread {
        BenchReport.Spread(
            name: name, count: count, p50: milliseconds(0.5), p99: milliseconds(0.99),
            p999: milliseconds(0.999), greatest: Double(greatest) / 1000)
    }

    private static func index(of value: Int64) -> Int {
        if value < exact { return Int(value) }
        // How often it is halved until it lies between 1024 and 2047.
        let halvings = Int64(53 - value.leadingZeroBitCount)
        return Int(exact + (halvings - 1) * steps + (value >> halvings) - steps)
    }

    /// The greatest time that is counted there.
    private static func greatest(at index: Int) -> Int64 {
        let index = Int64(index)
        if index < exact { return index }
        let (halvings, step) = ((index - exact) / steps + 1, (index - exact) % steps)
        return (steps + step + 1) << halvings - 1
    }
}

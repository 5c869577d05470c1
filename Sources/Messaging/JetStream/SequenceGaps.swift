/// Places in a stream whose messages were taken out, as ranges that do not touch each other.
struct SequenceGaps {
    /// What a stream's file can hold of them.
    static let mostRanges = 4_000_000

    private(set) var ranges: [ClosedRange<UInt64>] = []
    private(set) var count: UInt64 = 0

    func contains(_ sequence: UInt64) -> Bool {
        let at = place(of: sequence)
        return at < ranges.count && ranges[at].contains(sequence)
    }

    /// The gap that a place is in.
    func gap(at sequence: UInt64) -> ClosedRange<UInt64>? {
        let at = place(of: sequence)
        return at < ranges.count && ranges[at].contains(sequence) ? ranges[at] : nil
    }

    /// - Returns: false where it is in a gap already.
    @discardableResult
    mutating func insert(_ sequence: UInt64) -> Bool {
        var at = place(of: sequence)
        if at < ranges.count, ranges[at].contains(sequence) { return false }
        count += 1
        var range = sequence...sequence
        if at < ranges.count, ranges[at].lowerBound == sequence + 1 {
            range = sequence...ranges.remove(at: at).upperBound
        }
        if at > 0, ranges[at - 1].upperBound + 1 == sequence {
            at -= 1
            range = ranges.remove(at: at).lowerBound...range.upperBound
        }
        ranges.insert(range, at: at)
        return true
    }

    /// Forgets what is before `first`.
    mutating func trim(before first: UInt64) {
        guard let front = ranges.first, front.lowerBound < first else { return }
        let kept = ranges.filter { $0.upperBound >= first }
            .map { max($0.lowerBound, first)...$0.upperBound }
        ranges = kept
        count = kept.reduce(0) { $0 + ($1.upperBound - $1.lowerBound + 1) }
    }

    /// The first range that ends at or after `sequence`.
    private func place(of sequence: UInt64) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

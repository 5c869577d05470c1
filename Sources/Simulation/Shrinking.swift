extension Simulation.Violation {
    /// The fewest of its faults that still lead to a violation, found by leaving out ever smaller
    /// parts of them. Source: Zeller, Hildebrandt, "Simplifying and Isolating Failure-Inducing
    /// Input".
    ///
    /// - Parameters:
    ///   - steps: of the run that failed.
    ///   - mistake: what was planted in it.
    ///   - progress: told how many faults are left after each run that failed as well.
    /// - Returns: the violation of the run with the fewest.
    package func shrunk(steps: Int, mistake: Mistake? = nil, progress: (Int) -> Void)
        -> Simulation.Violation
    {
        var least = self
        var parts = 2
        while !least.faults.isEmpty {
            let remaining = least.faults.map(\.step)
            let size = max(1, (remaining.count + parts - 1) / parts)
            var smaller: Simulation.Violation?
            for first in stride(from: 0, to: remaining.count, by: size) {
                let only = remaining[..<first] + remaining[min(first + size, remaining.count)...]
                smaller = Self.violation(
                    .init(seed: seed, steps: steps, only: Set(only), mistake: mistake))
                if smaller != nil { break }
            }
            if let smaller {
                least = smaller
                parts = max(2, parts - 1)
                progress(least.faults.count)
            } else if size == 1 {
                break
            } else {
                parts = min(remaining.count, parts * 2)
            }
        }
        return least
    }

    private static func violation(_ settings: Simulation.Settings) -> Simulation.Violation? {
        do {
            _ = try Simulation(settings).run()
            return nil
        } catch { return error as? Simulation.Violation }
    }
}

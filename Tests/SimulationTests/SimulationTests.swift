import Foundation
import TestKit
import Testing

@Suite struct SimulationTests {
    /// Seeds are run in batches, so that they run side by side.
    static let seedsPerBatch = 25
    /// `KASSA_SEEDS` says how many seeds are run; more take longer, and find more.
    static let batches: Int = {
        let asked = ProcessInfo.processInfo.environment["KASSA_SEEDS"].flatMap { Int($0) }
        return max(1, (asked ?? 500) / seedsPerBatch)
    }()

    @Test(arguments: 0..<batches)
    func
        `seeds of crashes, lost messages and late timers break no promise`(
            batch: Int
        ) throws
    {
        var all = Simulation.Outcome()
        for seed in batch * Self.seedsPerBatch..<(batch + 1) * Self.seedsPerBatch {
            let outcome = try Simulation(seed: UInt64(seed)).run(steps: 800)
            all.completed += outcome.completed
            all.cancelled += outcome.cancelled
            all.rejected += outcome.rejected
            all.expired += outcome.expired
            all.delivered += outcome.delivered
            all.lost += outcome.lost
            all.unheld += outcome.unheld
            all.crashes += outcome.crashes
            all.faults.merge(outcome.faults, uniquingKeysWith: +)
        }
        // A run in which nothing happens proves nothing.
        #expect(all.completed > 100 && all.cancelled > 0 && all.rejected > 10)
        #expect(all.delivered > 100 && all.lost > 0 && all.expired > 0)
        #expect(all.crashes > 20)
        #expect(all.faults.count >= 7)
    }

    @Test func `the same seed gives the same run`() throws {
        let first = try Simulation(seed: 7).run(steps: 600)
        let second = try Simulation(seed: 7).run(steps: 600)
        #expect(first.placed == second.placed)
        #expect(first.completed == second.completed)
        #expect(first.faults == second.faults)
        #expect(first.simulated == second.simulated)
    }
}

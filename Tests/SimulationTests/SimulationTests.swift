import EventStore
import Foundation
import Simulation
import Testing

/// The whole shop from seeds; `docs/simulation.md` says what is done to it and what is checked.
@Suite struct SimulationTests {
    private static let steps = 2_000
    /// Seeds are run in batches, so that they run side by side.
    private static let seedsPerBatch = 10
    /// `KASSA_SEEDS` says how many seeds are run; more take longer, and find more.
    private static let batches: Int = {
        let asked = ProcessInfo.processInfo.environment["KASSA_SEEDS"].flatMap { Int($0) }
        return max(1, (asked ?? 200) / seedsPerBatch)
    }()

    /// Seeds that once broke a promise; what each was stands in `docs/simulation.md`.
    private static let kept: [UInt64] = [
        1128, 20002, 20011, 20137, 30116, 30254, 30818, 50141, 61099, 61224, 100_805, 119_241,
    ]

    /// New ones each day, and the same all day.
    private static let today: UInt64 = {
        let day = Int(Date().timeIntervalSince1970 / 86_400)
        print("SEEDS of today begin at \(day * 10_000)")
        return UInt64(day * 10_000)
    }()

    private func run(_ seeds: Range<UInt64>) -> Campaign.Report {
        let report = Campaign.run(.init(seeds: seeds, steps: Self.steps)) { _ in }
        #expect(report.violations.isEmpty, "\(report.violations)")
        #expect(report.errors.isEmpty, "\(report.errors)")
        return report
    }

    @Test(arguments: kept)
    func `a seed that broke a promise once breaks none`(seed: UInt64) {
        #expect(run(seed..<seed + 1).runs == 1)
    }

    @Test(arguments: 0..<batches)
    func `seeds of crashes, cut networks and failing disks break no promise`(batch: Int) {
        let first = Self.today + UInt64(batch * Self.seedsPerBatch)
        let report = run(first..<first + UInt64(Self.seedsPerBatch))
        // A run in which nothing happens proves nothing.
        for end in ["completed", "cancelled", "rejected", "expired", "delivered", "lost"] {
            #expect(report.ends[end] ?? 0 > 0, "\(end)")
        }
        #expect(report.reads > 0)
        #expect(report.faults.count >= 22, "\(report.faults.keys.sorted())")
    }

    @Test func `the same seed gives the same run, and another one another`() throws {
        let hashes = try [7, 7, 8].map { seed in
            try Simulation(seed: seed, steps: 600).run().hash
        }
        #expect(hashes[0] == hashes[1])
        #expect(hashes[0] != hashes[2])
    }

    @Test func `without its faults a run has the others where they were`() throws {
        let all = try Simulation(seed: 5, steps: 600)
        _ = try all.run()
        let some = Set(all.faults.map(\.step).filter { $0.isMultiple(of: 2) })
        #expect(!some.isEmpty && some.count < all.faults.count)
        let fewer = try Simulation(.init(seed: 5, steps: 600, only: some))
        _ = try fewer.run()
        #expect(!fewer.faults.isEmpty && fewer.faults.allSatisfy { some.contains($0.step) })
    }
}

import TestKit
import Testing

@Suite struct Probe {
    @Test func probe() throws {
        for seed in 0..<20 as Range<UInt64> { _ = try Simulation(seed: seed).run(steps: 800) }
    }
}

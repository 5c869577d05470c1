import EventSourcing
import Foundation
import Simulation
import Testing

/// That runs find what is wrong: each mistake, planted alone, breaks a promise within a few seeds.
@Suite struct MistakeTests {
    private static let most = 40

    @Test(arguments: Mistake.allCases)
    func `a mistake that is planted is found`(mistake: Mistake) {
        var runs = 0
        // A sanitizer makes each run many times as long; one of each mistake is enough for it.
        let isSlow = ProcessInfo.processInfo.environment["KASSA_PATIENCE"] != nil
        let firsts: [UInt64] = isSlow ? [1] : [1, 1001, 2001]
        for first in firsts {
            var settings = Campaign.Settings(
                seeds: first..<first + UInt64(Self.most), steps: 2_000)
            (settings.mistake, settings.untilFailure) = (mistake, true)
            let report = Campaign.run(settings) { _ in }
            #expect(!report.violations.isEmpty, "\(mistake) is not found in \(report.runs) seeds")
            #expect(report.errors.isEmpty, "\(report.errors)")
            runs += report.runs
        }
        let average = Double(runs * 10 / firsts.count) / 10
        print("MISTAKE \(mistake) is found after \(average) seeds on average")
    }

    @Test func `what led to a violation is shrunk to the faults that it needs`() throws {
        // What is not synced is missed where power is lost, and nowhere else.
        let found = try #require(
            (1...20).lazy.compactMap {
                violation(.init(seed: $0, steps: 800, mistake: .syncLeftOut))
            }.first)
        var counts: [Int] = []
        let least = found.shrunk(steps: 800, mistake: .syncLeftOut) { counts.append($0) }
        #expect(least.faults.count < found.faults.count && !least.faults.isEmpty)
        #expect(counts == counts.sorted(by: >))
        #expect(least.faults.contains { $0.what.contains("power") || $0.what.contains("die") })
        let text = least.description
        #expect(text.contains("seed \(found.seed): ") && text.contains("step "))
    }

    private func violation(_ settings: Simulation.Settings) -> Simulation.Violation? {
        do {
            _ = try Simulation(settings).run()
            return nil
        } catch { return error as? Simulation.Violation }
    }
}

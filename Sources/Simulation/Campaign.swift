import EventSourcing
package import EventStore
import Glibc
import Messaging
import Synchronization

/// Runs of the simulation, one seed after the other, some at a time.
package struct Campaign: Sendable {
    package struct Settings: Sendable {
        package var seeds: Range<UInt64>
        package var steps: Int
        /// How many runs go on at a time, a thread each.
        package var jobs = 1
        /// What is planted in each run.
        package var mistake: Mistake?
        /// Whether it ends with the first violation.
        package var untilFailure = false

        package init(seeds: Range<UInt64>, steps: Int) { (self.seeds, self.steps) = (seeds, steps) }
    }

    package struct Report: Sendable {
        package var runs = 0
        package var steps = 0
        package var simulated = Duration.zero
        /// The longest that a shop took to be quiet once faults had stopped.
        package var settling = Duration.zero
        package var placed = 0
        /// How the orders ended, and what became of parcels.
        package var ends: [String: Int] = [:]
        package var reads = 0
        package var faults: [String: Int] = [:]
        /// By seed.
        package var hashes: [UInt64: Digest] = [:]
        package var violations: [Simulation.Violation] = []
        /// What kept a run from its end that is no violation: of this machine.
        package var errors: [String] = []

        /// Over the hashes of all runs, by seed: the same for the same seeds and steps.
        package var hash: Digest {
            SHA256.hash(hashes.sorted { $0.key < $1.key }.flatMap { $0.value.bytes })
        }

        fileprivate mutating func add(_ outcome: Simulation.Outcome, _ seed: UInt64) {
            steps += outcome.steps
            simulated += outcome.simulated
            settling = max(settling, outcome.settling)
            placed += outcome.placed
            reads += outcome.reads
            for (end, count) in outcome.ends { ends[end, default: 0] += count }
            faults.merge(outcome.faults) { $0 + $1 }
            hashes[seed] = outcome.hash
        }
    }

    private final class Board: Sendable {
        let next: Atomic<UInt64>
        let isOver = Atomic(false)
        let report = Mutex(Report())
        init(_ first: UInt64) { next = Atomic(first) }
    }

    /// Runs all seeds.
    ///
    /// - Parameter progress: told, several times a second, how many runs are done.
    package static func run(_ settings: Settings, progress: (Report) -> Void) -> Report {
        let board = Board(settings.seeds.lowerBound)
        let workers = (0..<max(1, settings.jobs)).map { number in
            Worker("simulation-\(number)", .awaited) { work(settings, board) }
        }
        while board.report.withLock({ $0.runs }) < settings.seeds.count,
            !board.isOver.load(ordering: .relaxed)
        {
            progress(board.report.withLock { $0 })
            usleep(100_000)
        }
        for worker in workers { worker.join() }
        return board.report.withLock { $0 }
    }

    private static func work(_ settings: Settings, _ board: Board) {
        while !board.isOver.load(ordering: .relaxed) {
            let seed = board.next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard seed < settings.seeds.upperBound else { return }
            let result = Result {
                try Simulation(
                    .init(seed: seed, steps: settings.steps, mistake: settings.mistake)
                ).run()
            }
            board.report.withLock { report in
                report.runs += 1
                switch result {
                case .success(let outcome): report.add(outcome, seed)
                case .failure(let violation as Simulation.Violation):
                    report.violations.append(violation)
                    report.violations.sort { $0.seed < $1.seed }
                case .failure(let error): report.errors.append("seed \(seed): \(error)")
                }
            }
            if case .failure = result, settings.untilFailure {
                board.isOver.store(true, ordering: .relaxed)
            }
        }
    }
}

extension Simulation.Outcome {
    /// How orders and parcels ended.
    fileprivate var ends: [String: Int] {
        [
            "completed": completed, "cancelled": cancelled, "rejected": rejected,
            "expired": expired, "delivered": delivered, "lost": lost, "held too long": unheld,
        ]
    }
}

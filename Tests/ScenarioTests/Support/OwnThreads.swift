import Foundation
import Testing

/// Runs a suite's tests on threads that scenarios share among themselves.
///
/// A scenario blocks its thread while it waits for processes, most of the time. On the runner's
/// threads, one a processor, the processors would idle meanwhile and other tests wait.
struct OwnThreads: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?,
        performing body: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(ScenarioThreads.shared) { try await body() }
    }
}

extension Trait where Self == OwnThreads {
    static var scenarios: OwnThreads { OwnThreads() }
}

/// So many scenarios are under way at once, each on its own thread.
private final class ScenarioThreads: TaskExecutor {
    static let shared = ScenarioThreads()
    /// A program that a sanitizer slows down is large as well.
    private static let width = patience > 1 ? 2 : 4

    private let threads = OperationQueue()

    private init() { threads.maxConcurrentOperationCount = Self.width }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        threads.addOperation { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

import CPlatform
package import EventSourcing
import Glibc
import Messaging

/// Runs the parts of a shop as processes below this one: starts them in any order, starts again
/// what dies, passes on what they write, and ends them.
///
/// Belongs to one thread, which must have SIGINT and SIGTERM blocked.
package final class Supervisor {
    /// A part, and how it is run.
    package struct Job: Sendable {
        package let part: ShopPart
        /// Behind `shopctl serve PART`; without the port.
        package let arguments: [String]
        /// 0 takes a free one, and the same again after it has died.
        package let port: UInt16

        package init(_ part: ShopPart, _ arguments: [String], port: UInt16 = 0) {
            (self.part, self.arguments, self.port) = (part, arguments, port)
        }
    }

    /// What there is to be passed on.
    package enum Event: Sendable {
        /// A line that a part wrote.
        case line(ShopPart, String, isError: Bool)
        /// What the supervisor has to say.
        case notice(LogLine)
        /// All parts are ready, for the first time; where each listens.
        case ready([ShopPart: String])
        /// It ends its parts.
        case stopping
    }

    private struct Run {
        let job: Job
        var child: ChildProcess?
        var port: UInt16
        var url: String?
        var isReady = false
        var startedAt = MonotonicTime.now()
        /// How often it died soon after its start, in a row.
        var failures = 0
        var restartAt: MonotonicTime?
        var lastError = ""
    }

    /// Whoever has lived for so long was started well.
    private static let probation = Duration.seconds(10)
    private static let firstPause = Duration.milliseconds(50)
    private static let longestPause = Duration.seconds(5)
    /// Who has died so often in a row will hardly live the next time, but may once something was
    /// mended: a disk that was full has room again.
    private static let mostFailures = 10
    private static let rarePause = Duration.seconds(15)
    /// What is to end by itself and does not is killed.
    private static let patience = Duration.seconds(15)
    /// What a program that cannot go on begins to say.
    private static let lastWords = "shopctl: "
    /// How a process is told who supervises it.
    package static let variable = "KASSA_SUPERVISOR"

    private var runs: [Run]
    private let tell: (Event) -> Void
    private let environment: [String]
    private var wasReady = false

    /// - Parameter tell: called on the supervisor's thread.
    package init(_ jobs: [Job], tell: @escaping (Event) -> Void) {
        runs = jobs.map { Run(job: $0, port: $0.port) }
        self.tell = tell
        environment = Self.environment()
    }

    /// Has a process that a supervisor started end with it, however that ends.
    ///
    /// - Parameter supervisor: what `variable` of the environment says.
    /// - Returns: whether to go on; false where the supervisor has ended already.
    package static func join(_ supervisor: String) -> Bool {
        Int32(supervisor).map { kassa_end_with($0) } ?? true
    }

    /// Runs until it is told to stop by SIGINT or SIGTERM, and has ended all parts.
    ///
    /// - Returns: the parts that had died too often, and did not run at its end.
    /// - Throws: `Shop.Failure` where a part cannot be started at all; nothing runs then.
    package func run() throws -> [ShopPart] {
        for index in runs.indices { try start(index) }
        while !isAskedToStop(within: .milliseconds(0)) {
            wait()
            passOn()
            for index in runs.indices { try look(after: index) }
            sayWhenReady()
        }
        tell(.stopping)
        stop()
        return runs.filter { !$0.isReady && $0.failures >= Self.mostFailures }.map(\.job.part)
    }

    // MARK: Starting

    private func start(_ index: Int) throws(Shop.Failure) {
        let job = runs[index].job
        let arguments =
            ["shopctl", "serve", job.part.rawValue, "--json", "--port", "\(runs[index].port)"]
            + job.arguments
        runs[index].child = try ChildProcess(arguments, environment: environment)
        runs[index].isReady = false
        runs[index].restartAt = nil
        runs[index].startedAt = .now()
    }

    private static func environment() -> [String] {
        var names: [String] = []
        var at = environ
        while let text = at.pointee {
            let line = String(cString: text)
            if !line.hasPrefix("\(variable)=") { names.append(line) }
            at += 1
        }
        return names + ["\(variable)=\(getpid())"]
    }

    private func look(after index: Int) throws {
        if let due = runs[index].restartAt, due <= .now() {
            do throws(Shop.Failure) { try start(index) } catch {
                plan(index, because: error.description)
            }
        }
        guard let child = runs[index].child, let end = child.ended() else { return }
        passOn(index)
        runs[index].child = nil
        // What ends by itself before all was ready once cannot be started as it is.
        if !wasReady, case .code(let code) = end {
            let why = runs[index].lastError
            stop()
            throw Shop.Failure.cannotStart(
                why.isEmpty ? "\(runs[index].job.part) ended with exit code \(code)" : why)
        }
        if MonotonicTime.now() - runs[index].startedAt >= Self.probation {
            runs[index].failures = 0
        }
        plan(index, because: "\(end)")
    }

    /// Says that a part has died, and when it is started again.
    private func plan(_ index: Int, because why: String) {
        let part = runs[index].job.part
        runs[index].isReady = false
        runs[index].failures += 1
        let failures = runs[index].failures
        let isHopeless = failures >= Self.mostFailures
        let pause =
            isHopeless
            ? Self.rarePause
            : min(Self.firstPause * (1 << min(failures - 1, 16)), Self.longestPause)
        runs[index].restartAt = .now() + pause
        // Somebody else may have taken its port meanwhile.
        if failures > 2, runs[index].job.port == 0 { runs[index].port = 0 }
        guard isHopeless else {
            return tell(.notice("\(part) has ended (\(why)) and is started again in \(pause)"))
        }
        tell(
            .notice(
                LogLine(
                    "\(part) has died \(failures) times in a row (\(why)); mend what it complains "
                        + "of: it is started again every \(pause)", .error)))
    }

    // MARK: What they write

    /// Waits until something was written, somebody is due, or a moment has passed.
    private func wait() {
        var waits: [pollfd] = []
        for run in runs {
            for pipe in [run.child?.output, run.child?.errors] {
                if let pipe {
                    waits.append(pollfd(fd: pipe.descriptor, events: Int16(POLLIN), revents: 0))
                }
            }
        }
        let isRestless = runs.contains { $0.restartAt != nil || !$0.isReady }
        poll(&waits, nfds_t(waits.count), isRestless ? 10 : 100)
    }

    private func passOn() { for index in runs.indices { passOn(index) } }

    private func passOn(_ index: Int) {
        guard let child = runs[index].child else { return }
        let part = runs[index].job.part
        for (text, isError) in child.lines() {
            if !isError, let url = Self.readyURL(text) {
                becameReady(index, url)
            } else {
                if isError {
                    runs[index].lastError = WrittenLine(json: text.utf8)?.message ?? text
                    // Why a part ended before all were ready is said once, as why the shop did.
                    if !wasReady, runs[index].lastError.hasPrefix(Self.lastWords) { continue }
                }
                tell(.line(part, text, isError: isError))
            }
        }
    }

    /// Where a part listens, from the line that says that it is ready.
    private static func readyURL(_ line: String) -> String? {
        guard line.hasPrefix("{") else { return nil }
        return (try? JSON(parsing: Array(line.utf8)))?["url"]?.string
    }

    private func becameReady(_ index: Int, _ url: String) {
        runs[index].isReady = true
        runs[index].url = url
        if let port = url.split(separator: ":").last.flatMap({ UInt16($0) }) {
            runs[index].port = port
        }
        guard wasReady else { return }
        let time = (MonotonicTime.now() - runs[index].startedAt).milliseconds
        tell(
            .notice(
                LogLine(
                    "\(runs[index].job.part) is up again, \(time) ms after it was started", .info)))
    }

    private func sayWhenReady() {
        guard !wasReady, runs.allSatisfy(\.isReady) else { return }
        wasReady = true
        var places: [ShopPart: String] = [:]
        for run in runs { places[run.job.part] = run.url }
        tell(.ready(places))
    }

    // MARK: Stopping

    /// Whether SIGINT or SIGTERM has come.
    private func isAskedToStop(within limit: Duration) -> Bool {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        var time = timespec(tv_sec: 0, tv_nsec: Int(limit.microseconds) * 1000)
        return sigtimedwait(&signals, nil, &time) > 0
    }

    /// Ends the gateway, then the services, and then the broker, so that each can finish what it
    /// has begun; whoever asks again has all of them killed.
    private func stop() {
        for parts in [[.gateway], ShopPart.services, [.broker]] as [[ShopPart]] {
            let ending = runs.indices.filter {
                parts.contains(runs[$0].job.part) && runs[$0].child != nil
            }
            for index in ending { runs[index].child?.signal(SIGTERM) }
            let deadline = MonotonicTime.now() + Self.patience
            while ending.contains(where: { runs[$0].child != nil }) {
                wait()
                passOn()
                for index in ending where runs[index].child?.ended() != nil {
                    passOn(index)
                    runs[index].child = nil
                }
                guard isAskedToStop(within: .zero) || MonotonicTime.now() > deadline else {
                    continue
                }
                for index in ending {
                    guard let child = runs[index].child else { continue }
                    tell(.notice("\(runs[index].job.part) does not end and is killed"))
                    child.signal(SIGKILL)
                }
            }
        }
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 { microseconds / 1000 }
}

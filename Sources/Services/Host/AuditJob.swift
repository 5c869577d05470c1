import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Notifications
import Orders
import Payments

/// Where the threads of an audit meet.
final class AuditBoard: Sendable {
    struct State: Sendable {
        /// The next job that nobody has taken.
        var next = 0
        var done = 0
        /// How many events were read.
        var events = 0
    }

    let state = Monitor(State())

    func add(events count: Int) { state.withLock { $0.events += count } }

    /// Waits for so many jobs to be done.
    func isOver(_ count: Int, within time: Duration) -> Bool {
        state.wait(until: .now() + time) { (state) -> Monitor<State>.Look<Bool> in
            state.done == count ? .done(true) : .wait(atMost: nil)
        } ?? false
    }
}

/// One log's audit.
///
/// `@unchecked Sendable`: it is made by the one who runs the audit, belongs to one thread while
/// that reads its log, and is looked at again once all threads have come to their end.
final class AuditJob: @unchecked Sendable {
    /// Two logs are read side by side; more would only wait for each other's processor.
    private static let threads = 2

    let name: LogName
    private(set) var log: AuditedLog
    private(set) var failure: StoreError?
    private var fold: any AuditFold

    /// Opens the log; what is read of it later is as of now.
    ///
    /// - Parameter kept: what its tree must have been once.
    init(
        _ name: LogName, path: String, _ notes: AuditNotes, kept: KeptRoot? = nil,
        board: AuditBoard
    ) throws(StoreError) {
        self.name = name
        let log = try AuditedLog(path: path, kept: kept) { board.add(events: $0) }
        self.log = log
        fold =
            switch name {
            case OrdersCore.log: OrdersAudit(notes)
            case PaymentsCore.log: PaymentsAudit(notes)
            case DeliveriesCore.log:
                DeliveriesAudit(
                    notes,
                    snapshot: try log.queries.snapshot(
                        "availability", fold: Availability.version))
            default: NotificationsAudit()
            }
    }

    /// Reads the log in this thread.
    func run() {
        func read(_ fold: inout some AuditFold) throws(StoreError) { try log.read(&fold) }
        do throws(StoreError) {
            try read(&fold)
        } catch { failure = error }
    }

    /// Reads all logs, the longest first.
    ///
    /// - Parameter progress: told on this thread, now and then, how many events were read so far.
    static func run(_ jobs: [AuditJob], board: AuditBoard, progress: (Int) -> Void) {
        let sorted = jobs.sorted { $0.log.size > $1.log.size }
        let workers = (0..<min(threads, jobs.count)).map { number in
            Worker("audit-\(number)", .awaited) {
                while let job = take(sorted, board) {
                    job.run()
                    board.state.withLock { $0.done += 1 }
                    board.state.wakeAll()
                }
            }
        }
        while !board.isOver(jobs.count, within: .milliseconds(200)) {
            progress(board.state.withLock { $0.events })
        }
        for worker in workers { worker.join() }
    }

    private static func take(_ jobs: [AuditJob], _ board: AuditBoard) -> AuditJob? {
        board.state.withLock { state in
            guard state.next < jobs.count else { return nil }
            defer { state.next += 1 }
            return jobs[state.next]
        }
    }
}

import EventSourcing
import Glibc
import Messaging
import Synchronization

/// Keeps a reserve on the data folder's disk, and looks twenty times a second how much is left;
/// once a second where nothing depends on it.
///
/// A thread of its own does so; see `DiskRules` for what it decides.
package final class DiskWatch: Sendable {
    /// What was last seen, in bytes.
    struct Reading: Sendable {
        var free: Int64 = 0
        /// What is kept for when the rest is full.
        var held: Int64 = 0
        /// Whether nothing new is to be taken.
        var isStopped = false
    }

    private struct State: Sendable {
        var rules: DiskRules
        var reading = Reading()
        var isStopping = false
    }

    private let folder: String
    private let pause: Duration
    private let keepsReserve: Bool
    private let file: ReserveFile
    private let notice: @Sendable (LogLine) -> Void
    private let state: Monitor<State>
    private let worker = Mutex<Worker?>(nil)

    /// Fills the reserve where there is room for it, or gives it out where the disk is full, and
    /// then goes on watching.
    ///
    /// - Parameters:
    ///   - reserve: bytes; 0 keeps none.
    ///   - floor: bytes that are to be left where another process keeps the disk's reserve, and
    ///     says what comes of it; 0 where none does.
    ///   - notice: told what an operator should know of the disk.
    init(
        folder: String, reserve: Int64, floor: Int64 = 0,
        notice: @escaping @Sendable (LogLine) -> Void
    ) {
        (self.folder, self.notice) = (folder, notice)
        let rules = DiskRules(reserve: reserve, floor: floor)
        keepsReserve = rules.reserve > 0
        pause = rules.floor > 0 ? .milliseconds(50) : .seconds(1)
        file = ReserveFile(Self.reserve(in: folder))
        state = Monitor(State(rules: rules))
        file.cut(to: reserve)
        look(isFirst: true)
        // Once more: the first look may have filled or released.
        look(isFirst: true)
        sayIfSmall()
        worker.withLock { $0 = Worker("disk-watch", .awaited) { [weak self] in self?.run() } }
    }

    private static func reserve(in folder: String) -> String { "\(folder)/reserve" }

    /// Gives back a reserve that nobody keeps in that folder any more.
    package static func dropReserve(in folder: String) {
        ReserveFile(reserve(in: folder)).cut(to: 0)
    }

    var reading: Reading { state.withLock { $0.reading } }

    /// Bytes that may still be written to the folder's disk; nil where nobody can say.
    static func free(_ folder: String) -> Int64? {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        return Int64(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        worker.withLock { worker in
            defer { worker = nil }
            return worker
        }?.join()
    }

    private func run() {
        while true {
            let isOver = state.wait(until: .now() + pause) {
                (state) -> Monitor<State>.Look<Bool> in
                state.isStopping ? .done(true) : .wait(atMost: nil)
            }
            if isOver == true { return }
            look()
        }
    }

    private func look(isFirst: Bool = false) {
        guard let free = Self.free(folder) else { return }
        let held = file.size
        let (step, was, rules) = state.withLock { state in
            let was = state.rules.isStopped
            let step = state.rules.look(free: free, held: held)
            state.reading = Reading(free: free, held: held, isStopped: state.rules.isStopped)
            return (step, was, state.rules)
        }
        switch step {
        case .none: break
        case .release:
            file.cut(to: 0)
            notice(
                LogLine(
                    "the disk is full: the reserve of \(Doctor.size(rules.reserve)) is given to "
                        + "what is under way; make room on the disk of \(folder)", .error))
        case .fill: file.fill(to: rules.reserve)
        }
        guard keepsReserve, !isFirst, rules.isStopped != was else { return }
        let left = "\(Doctor.size(free)) are free on the disk of \(folder)"
        if rules.isStopped {
            notice(
                LogLine(
                    "\(left): no new orders and goods are taken, what was taken goes on; make room",
                    .error))
        } else {
            notice(LogLine("\(left) again: new orders and goods are taken", .info))
        }
    }

    private func sayIfSmall() {
        let (reading, rules) = state.withLock { ($0.reading, $0.rules) }
        guard keepsReserve, reading.isStopped else { return }
        let wanted = Doctor.size(rules.reserve - reading.held + rules.room)
        notice(
            LogLine(
                "\(Doctor.size(reading.free)) are free on the disk of \(folder), and the shop "
                    + "wants \(wanted): no new orders and goods are taken; make room, or keep "
                    + "a smaller reserve with --disk-reserve", .error))
    }
}

/// A file that holds room on the disk and nothing else. Belongs to one thread at a time.
private struct ReserveFile: Sendable {
    private let path: String

    init(_ path: String) { self.path = path }

    var size: Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    /// Gives back what is above `bytes`; without any the file goes.
    func cut(to bytes: Int64) {
        if bytes <= 0 {
            // First its room: whoever has it open for a backup would hold it.
            truncate(path, 0)
            unlink(path)
        } else if size > bytes {
            truncate(path, off_t(bytes))
        }
    }

    /// All of it or nothing; where there is no room after all, the next look tries again.
    func fill(to bytes: Int64) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        // Not only a size: blocks, that nobody else can take.
        if posix_fallocate(descriptor, 0, off_t(bytes)) != 0 { ftruncate(descriptor, 0) }
    }
}

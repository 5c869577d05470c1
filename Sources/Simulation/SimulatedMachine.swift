import CSQLite
import CSimulatedDisk
package import SQLite

/// A process's machine: a disk that keeps apart what was not yet synced, fails when it is told to,
/// and loses any of what is not synced when the power goes; see `kassa_disk.h`. Files lie below its
/// folder, so that all that reads them does so as ever.
///
/// Belongs to one thread; so do all connections to files below its folder, and none may be open
/// when it goes, or loses power.
package final class SimulatedMachine {
    package enum Operation: Hashable, Sendable { case open, read, write, truncate, sync, delete }

    /// What the callbacks are given.
    private final class Mind {
        var random: SeededRandom
        var isDead = false
        var left: Int?
        var failing: Operation?
        /// So many of that kind go well before.
        var spared = 0
        var isFull = false
        var onSync: () -> Void = {}

        init(seed: UInt64) { random = SeededRandom(seed: seed) }

        /// 0 lets it happen, else SQLite gets that code.
        func judge(_ operation: Operation) -> Int32 {
            if isDead { return SQLITE_IOERR }
            if operation != .read, let left {
                guard left > 1 else {
                    (self.left, isDead) = (nil, true)
                    return SQLITE_IOERR
                }
                self.left = left - 1
            }
            if operation == failing {
                if spared == 0 {
                    failing = nil
                    return SQLITE_IOERR
                }
                spared -= 1
            }
            if operation == .sync { onSync() }
            return isFull && operation == .write ? SQLITE_FULL : 0
        }
    }

    private let disk: OpaquePointer
    private let mind: Mind
    package let folder: String

    /// - Parameter folder: it must exist.
    package init(folder: String, seed: UInt64) throws(SQLiteError) {
        try Connection.reach { kassa_disk_vfs($0) }
        let mind = Mind(seed: seed)
        let made = kassa_disk_new(
            folder,
            { context, operation, _, _, _ in
                SimulatedMachine.mind(context).judge(Operation(operation))
            },
            { SimulatedMachine.mind($0).random.next() }, Unmanaged.passUnretained(mind).toOpaque())
        guard let made else {
            throw SQLiteError(code: SQLITE_NOMEM, message: "out of memory", action: "making a disk")
        }
        (disk, self.mind, self.folder) = (made, mind, folder)
    }

    deinit { kassa_disk_free(disk) }

    /// Whether it does nothing any more: all that is asked of its disk fails.
    package var isDead: Bool {
        get { mind.isDead }
        set { mind.isDead = newValue }
    }

    /// It works again.
    package func revive() { (mind.isDead, mind.left, mind.failing) = (false, nil, nil) }

    /// It is dead after so many more operations that change its disk.
    package func die(after operations: Int) { mind.left = operations }
    /// The next operation of this kind fails, or one after so many others, and those after it do
    /// not.
    package func failNext(_ operation: Operation, after others: Int = 0) {
        (mind.failing, mind.spared) = (operation, others)
    }
    /// Whether its disk takes no more.
    package var isFull: Bool {
        get { mind.isFull }
        set { mind.isFull = newValue }
    }
    /// Done before each sync.
    package func onSync(_ body: @escaping () -> Void) { mind.onSync = body }

    /// Nothing fails from here on.
    package func mend() {
        revive()
        mind.isFull = false
        mind.onSync = {}
    }

    /// How many bytes were written and are not synced.
    package var unsynced: Int64 { kassa_disk_unsynced(disk, folder) }

    /// Takes its files as they lie there for synced: somebody has put them there. None may be open.
    package func settle() { kassa_disk_settle(disk, folder) }

    /// Loses any part of what was not synced. No file may be open.
    package func losePower() throws(SQLiteError) {
        guard kassa_disk_lose_power(disk, folder) == 0 else {
            throw SQLiteError(
                code: SQLITE_IOERR, message: "its files cannot be changed", action: "losing power")
        }
    }

    private static func mind(_ context: UnsafeMutableRawPointer?) -> Mind {
        guard let context else { preconditionFailure("the disk was made with a context") }
        return Unmanaged<Mind>.fromOpaque(context).takeUnretainedValue()
    }
}

extension SimulatedMachine.Operation {
    fileprivate init(_ operation: kassa_disk_operation) {
        self =
            switch operation {
            case KASSA_DISK_OPEN: .open
            case KASSA_DISK_READ: .read
            case KASSA_DISK_WRITE: .write
            case KASSA_DISK_TRUNCATE: .truncate
            case KASSA_DISK_SYNC: .sync
            default: .delete
            }
    }
}

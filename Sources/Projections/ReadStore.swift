import EventSourcing
import EventStore
package import SQLite
import Synchronization

/// Why a read gave nothing.
package enum ReadError: Error, Hashable, CustomStringConvertible {
    case unavailable(String)

    package var description: String {
        switch self {
        case .unavailable(let why): "the read store cannot be read: \(why); try again"
        }
    }
}

/// What readers are answered from: one SQLite file, built from the logs alone. Any thread may read.
///
/// Each read is one short transaction on one of a few connections, which are opened when they are
/// first needed. After a rebuild another file takes the place of the first; reads that have begun
/// finish on the old one.
package final class ReadStore: Sendable {
    /// Where a crash may fall into a swap.
    package enum SwapMoment: Sendable {
        case beforeRename
        case afterRename
    }

    /// A seam for tests: what it throws stands for a failing disk.
    package typealias SwapFault = @Sendable (SwapMoment) throws(SQLiteError) -> Void

    let files: ReadFiles
    let durability: Connection.Durability
    private let renewsItself: Bool
    private let readers: [Reader]
    let renditions = Renditions()
    private let current: Mutex<String>
    /// What a reader or the writer found wrong with the file in use.
    private let found = Mutex<String?>(nil)

    /// The file in use.
    package var path: String { current.withLock { $0 } }

    /// One connection, and whose turn it is.
    private final class Reader: Sendable {
        let connection = Mutex<Connection?>(nil)
    }

    /// Creates the file where there is none, drops what another version of the projection made of
    /// it, begins a damaged one anew, and removes what earlier rebuilds have left.
    ///
    /// - Parameters:
    ///   - path: of the store's first file; what is in use is found by itself, see `ReadFiles`.
    ///   - readers: the most connections that read at the same time.
    ///   - renewsItself: whether a damaged file is begun anew under the next name.
    /// - Throws: where the file cannot be opened, or is damaged and not to be begun anew.
    package init(
        path: String, durability: Connection.Durability = .none, readers: Int = 4,
        renewsItself: Bool = true
    ) throws(SQLiteError) {
        files = ReadFiles(path)
        self.durability = durability
        self.renewsItself = renewsItself
        self.readers = (0..<max(1, readers)).map { _ in Reader() }
        files.removeOthers()
        current = Mutex(files.current)
        _ = try openWriter()
    }

    /// From now on reads begin on that file, which must have seen all that the other has.
    func turn(to path: String) {
        current.withLock { $0 = path }
        renditions.forgetAll()
    }

    /// Waits for the reads that began on an older file, and removes it.
    func removeOlder() {
        for reader in readers {
            reader.connection.withLock { open in
                // Taken within the lock, as a read takes it: nobody opens the older one any more.
                if let known = open, known.path != path { open = nil }
            }
        }
        files.removeOlder()
    }

    /// The one connection that writes; a damaged file is begun anew where the store renews itself.
    func openWriter() throws(SQLiteError) -> Connection {
        do throws(SQLiteError) {
            return try ReadSchema.open(path, durability)
        } catch {
            guard renewsItself, error.isCorrupt else { throw error }
            // Under another name, as readers may still have the damaged one open.
            let next = files.clearNext()
            let connection = try ReadSchema.open(next, durability)
            turn(to: next)
            removeOlder()
            return connection
        }
    }

    /// What was found wrong with the file in use; nil for all that is known.
    var damage: String? { found.withLock { $0 } }

    /// Says that `file` is damaged, if it is still the one in use and SQLite thinks so.
    func note(_ error: SQLiteError, in file: String) {
        guard error.isCorrupt, file == path else { return }
        found.withLock { $0 = $0 ?? error.message }
    }

    /// Begins a damaged file anew under the next name, and calls its rows stale until they have
    /// come to `targets`; for the writer alone, which has it not open.
    ///
    /// - Throws: where no file can be made.
    func renew(because why: String, targets: [String: Position]) throws(SQLiteError) {
        let next = files.clearNext()
        let connection = try ReadSchema.open(next, durability)
        let statement = try connection.statement(
            "UPDATE projection SET stale = ?1, targets = ?2 WHERE id = 1")
        try statement.bind(1, why)
        try statement.bind(2, CheckpointTable.text(targets))
        try statement.run()
        turn(to: next)
        found.withLock { $0 = nil }
        removeOlder()
    }

    /// Runs `body` in one transaction, on a free connection where there is one.
    func read<Value: Sendable>(
        _ body: @Sendable (Connection) throws(SQLiteError) -> Value
    ) throws(ReadError) -> Value {
        for reader in readers {
            let result = reader.connection.withLockIfAvailable { run(body, on: &$0) }
            if let result { return try result.get() }
        }
        return try readers[0].connection.withLock { run(body, on: &$0) }.get()
    }

    private func run<Value: Sendable>(
        _ body: @Sendable (Connection) throws(SQLiteError) -> Value, on slot: inout Connection?
    ) -> Result<Value, ReadError> {
        do throws(SQLiteError) {
            let connection: Connection
            let path = path
            if let open = slot, open.path == path {
                connection = open
            } else {
                slot = nil
                connection = try Connection(path: path, mode: .reader)
                slot = connection
            }
            try connection.statement("BEGIN").run()
            let value = try body(connection)
            try connection.statement("COMMIT").run()
            return .success(value)
        } catch {
            note(error, in: slot?.path ?? path)
            // The next read opens the file anew.
            slot = nil
            return .failure(.unavailable(error.description))
        }
    }
}

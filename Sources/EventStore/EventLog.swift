import CPlatform
package import EventSourcing
package import SQLite

/// A service's log: the one writer of its file. Belongs to one thread at a time.
///
/// Everything a service changes goes through `commit`, in one SQLite transaction: events get
/// gapless positions in it.
package final class EventLog {
    package let name: LogName
    package let queries: LogQueries
    let connection: Connection
    /// The newest position, epoch and recorded time, and the Merkle tree over all leaves.
    package internal(set) var head: Position
    package internal(set) var epoch: Epoch
    package internal(set) var lastRecorded: Timestamp
    package internal(set) var tree: MerkleFrontier
    /// The leaf of the newest event; that of an empty tree for an empty log.
    package internal(set) var headLeaf: Digest
    /// Why the log writes no more, until an operator opens a new epoch.
    package internal(set) var haltReason: String?
    /// Whether the file was not closed cleanly by whoever wrote it last.
    package let wasUnclean: Bool

    var streams = KnownStreams()
    /// Streams that the open transaction looked for and that were not there, by name.
    var fresh: [StreamKey: KnownStream] = [:]
    /// Streams that the open transaction has changed, in the order of their first change.
    var pending: [KnownStream] = []
    /// The key that the next new stream gets.
    var nextStreamKey: Int64
    /// The streams' versions before each append, for going back.
    var journal: [(stream: KnownStream, version: Version)] = []
    var timersAhead = TimersAhead()
    var effects = FreshEffects()
    private(set) var isClosed = false
    /// Whether `close` has marked the file.
    package private(set) var isClean = false
    /// Changes when another connection commits; see
    /// https://sqlite.org/pragma.html#pragma_data_version.
    private var dataVersion: Int64?
    /// A seam for tests and the simulator: asked before and after the commit; what it answers
    /// stands for a failing disk.
    package var commitFault: ((CommitMoment) -> SQLiteError?)?

    package enum CommitMoment: Sendable {
        case before
        case after
    }

    /// How far a commit goes before it is answered.
    package enum Durability: Sendable {
        /// Survives a loss of power.
        case full
        /// Survives the process only: for tests and the simulator.
        case none
    }

    /// Opens the log, creating it where there is none.
    ///
    /// - Throws: `unusable` for a file of another log, of another format, damaged, or in use;
    ///   `unreadable`.
    package init(
        path: String, name: LogName, at now: Timestamp, durability: Durability = .full
    ) throws(StoreError) {
        try Schema.inspect(path)
        let connection: Connection
        do throws(SQLiteError) {
            connection = try Connection(
                path: path, mode: .writer, durability: durability == .full ? .full : .none)
            try connection.rescue()
        } catch {
            if error.isCorrupt {
                throw .unusable(path: path, why: "\(error.message); restore a backup")
            }
            throw .unreadable(error)
        }
        try Schema.migrate(connection)
        self.name = name
        self.connection = connection
        queries = LogQueries(connection: connection, name: name)
        dataVersion = try Schema.reading(connection) { (connection) throws(SQLiteError) in
            try connection.integer("PRAGMA data_version")
        }
        let row = try EventLog.row(connection, name: name, at: now)
        guard row.name == name else {
            throw .unusable(path: path, why: "it is the log \(row.name), not \(name)")
        }
        guard let tree = MerkleFrontier(row.tree) else {
            throw .unusable(path: path, why: "its tree is damaged; restore a backup")
        }
        (self.tree, haltReason, wasUnclean) = (tree, row.halted, !row.clean)
        head = try queries.head()
        guard tree.size == head.value else {
            throw .unusable(path: path, why: "its tree holds \(tree.size) events, its log \(head)")
        }
        epoch = try queries.epochs().last?.epoch ?? .first
        nextStreamKey = try Self.nextStreamKey(connection)
        let newest = try queries.log(after: Position(.max), limit: 1, .backward).first
        lastRecorded = newest?.recordedAt ?? .epoch
        headLeaf = newest?.leaf ?? MerkleFrontier().root
        try reading { (connection) throws(SQLiteError) in
            // Who died between a write and its sync has left commits that may go with the power. A
            // commit syncs them, before anybody is shown them; and it must change a page for that.
            try connection.execute(
                "BEGIN; UPDATE log SET clean = 1; UPDATE log SET clean = 0; COMMIT")
            try connection.confirm()
            try effects.load(from: connection)
        }
    }

    private static func nextStreamKey(_ connection: Connection) throws(StoreError) -> Int64 {
        try Schema.reading(connection) { (connection) throws(SQLiteError) in
            try connection.integer("SELECT max(key) FROM streams") ?? 0
        } + 1
    }

    private struct Row {
        let name: LogName
        let tree: [UInt8]
        let halted: String?
        let clean: Bool
    }

    private static func row(_ connection: Connection, name: LogName, at now: Timestamp)
        throws(StoreError) -> Row
    {
        try Schema.reading(connection) { (connection) throws(SQLiteError) in
            try connection.execute("BEGIN IMMEDIATE")
            if try connection.integer("SELECT count(*) FROM log") == 0 {
                let insert = try connection.statement(
                    "INSERT INTO log(id, name, created, tree, clean) VALUES (1, ?1, ?2, ?3, 1)")
                try insert.bind(1, name.value)
                try insert.bind(2, now.microseconds)
                try insert.bind(3, MerkleFrontier().bytes)
                try insert.run()
                let epoch = try connection.statement(
                    "INSERT INTO epochs VALUES (1, 1, ?1, 'the log was created')")
                try epoch.bind(1, now.microseconds)
                try epoch.run()
            }
            let statement = try connection.statement("SELECT name, tree, halted, clean FROM log")
            _ = try statement.step()
            let row = Row(
                name: LogName(statement.text(0)), tree: statement.bytes(1),
                halted: statement.optionalText(2), clean: statement.integer(3) == 1)
            statement.reset()
            try connection.execute("COMMIT")
            return row
        }
    }

    func reading<Value>(_ body: (Connection) throws(SQLiteError) -> Value) throws(StoreError)
        -> Value
    {
        try Schema.reading(connection, body)
    }

    /// Runs `body` in one transaction: all of it is durable when this returns, or none of it is.
    ///
    /// Recorded time is `now`, or the log's newest event's time where the clock ran backwards.
    /// - Throws: what `body` throws, then nothing is written; `notWritten` where the disk failed
    ///   before the commit; `outcomeUnknown` where the commit failed: the log is closed then, and
    ///   only opening it again tells; `halted`, `closed`.
    package func commit<Value>(
        at now: Timestamp, _ body: (Transaction) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        guard !isClosed else { throw .closed }
        if let haltReason { throw .halted(haltReason) }
        try refuseNesting()
        let saved = (head, lastRecorded, tree, headLeaf)
        var isCommitted = false
        defer { settleStreams(isCommitted) }
        let transaction = Transaction(log: self, now: max(now, lastRecorded))
        defer { transaction.end() }
        do throws(StoreError) {
            let value = try transact { () throws(StoreError) in
                let value = try body(transaction)
                if let failure = transaction.failure { throw failure }
                try flush(transaction)
                return value
            }
            isCommitted = true
            // Where this fails, the next commit looks at the timers themselves.
            do throws(SQLiteError) { try timersAhead.look(in: connection) } catch {
                timersAhead.forget()
            }
            return value
        } catch {
            timersAhead.forget()
            (head, lastRecorded, tree, headLeaf) = saved
            throw error
        }
    }

    /// Runs `body` between BEGIN and COMMIT; what it throws rolls back.
    func transact<Value>(_ body: () throws(StoreError) -> Value) throws(StoreError) -> Value {
        let stage = kassa_stage_enter(KASSA_STAGE_COMMIT)
        defer { kassa_stage_leave(stage) }
        guard !isClosed else { throw .closed }
        try refuseNesting()
        let value: Value
        do throws(StoreError) {
            try write { (connection) throws(SQLiteError) in
                try connection.statement("BEGIN IMMEDIATE").run()
            }
            try refuseOvertaken()
            value = try body()
            if let fault = commitFault?(.before) { throw StoreError.notWritten(fault) }
        } catch {
            rollback()
            throw error
        }
        var isCommitted = false
        do throws(SQLiteError) {
            try connection.statement("COMMIT").run()
            isCommitted = true
            try connection.confirm()
            if let fault = commitFault?(.after) { throw fault }
        } catch {
            let isFull = error.isFull && !isCommitted
            isClosed = !isFull
            // Whoever opens the log again must not wait for this connection's lock.
            rollback()
            // A disk that was full before the commit's last page has no commit on it.
            if isFull { throw .notWritten(error) }
            throw .outcomeUnknown(error)
        }
        return value
    }

    private func rollback() {
        guard connection.isInTransaction else { return }
        do throws(SQLiteError) { try connection.execute("ROLLBACK") } catch { isClosed = true }
    }

    private func refuseNesting() throws(StoreError) {
        guard connection.isInTransaction else { return }
        throw .notWritten(
            SQLiteError(code: 21, message: "a transaction is open", action: "beginning another"))
    }

    /// Closes the log where another process has appended to its file: what memory says is no longer
    /// true then.
    private func refuseOvertaken() throws(StoreError) {
        var seen: Int64?
        try write { (connection) throws(SQLiteError) in
            seen = try connection.integer("PRAGMA data_version")
        }
        guard seen != dataVersion else { return }
        let newest = try queries.head()
        let leaf = try queries.leaf(at: newest)?.1 ?? MerkleFrontier().root
        guard newest == head, leaf == headLeaf, try queries.epochs().last?.epoch ?? .first == epoch
        else {
            isClosed = true
            throw .notWritten(
                SQLiteError(
                    code: 5, message: "another process writes this log; stop one of the two",
                    action: "writing to \(connection.path)"))
        }
        streams.removeAll()
        timersAhead.forget()
        try reading { (connection) throws(SQLiteError) in try effects.load(from: connection) }
        // Only now: what could not be read is read the next time.
        dataVersion = seen
    }

    func write(_ body: (Connection) throws(SQLiteError) -> Void) throws(StoreError) {
        do throws(SQLiteError) { try body(connection) } catch { throw .notWritten(error) }
    }

    private func flush(_ transaction: Transaction) throws(StoreError) {
        try transaction.writeChanges()
        guard !transaction.records.isEmpty else { return }
        try transaction.settle()
        try transaction.write { (connection) throws(SQLiteError) in
            let save = try connection.statement("UPDATE log SET tree = ?1")
            try save.bind(1, tree.bytes)
            try save.run()
        }
    }

    /// Promises that nothing is recorded as earlier than `moment` from here on, whatever the clock
    /// does.
    package func notBefore(_ moment: Timestamp) { lastRecorded = max(lastRecorded, moment) }

    /// Has the file take little room beside itself while a disk is nearly full.
    package func spareDisk(_ isShort: Bool) {
        // Should this fail, the next call tries again.
        try? connection.spareDisk(isShort)
    }

    /// Marks the file as cleanly closed. Nothing can be written afterwards.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        // Should this fail, the next start is merely more careful than it need be.
        do throws(SQLiteError) {
            try connection.execute("UPDATE log SET clean = 1")
            isClean = true
        } catch {}
        connection.checkpoint()
    }

    /// Copies the log, as of now, into a new file.
    package func backup(to path: String) throws(StoreError) {
        try reading { (connection) throws(SQLiteError) in try connection.backup(to: path) }
    }
}

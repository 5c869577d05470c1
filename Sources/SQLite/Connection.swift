import CSQLite
import CWriteAhead
import Synchronization

/// One connection to one SQLite file. Belongs to one thread at a time.
package final class Connection {
    package enum Mode: Sendable {
        /// Writes, checkpoints the WAL, and creates the file where it is absent.
        case writer
        /// Reads only, and never checkpoints: SQLite before 3.51.3 can lose commits when two
        /// connections do.
        case reader
        /// Reads a file that nobody writes, leaving no trace beside it.
        case immutable
    }

    /// How far a commit goes before it is answered.
    package enum Durability: String, Sendable {
        /// Survives a loss of power.
        case full = "FULL"
        /// Survives the process only: for what can be built again, and for tests.
        case none = "OFF"
    }

    private let handle: OpaquePointer
    private let mode: Mode
    private let durability: Durability
    /// The pages in the WAL at which it is moved into the file.
    private static let pagesAhead = 4000
    private var isSparing = false
    /// Nil until it was needed.
    private var writeAhead: WriteAheadFile?
    private var cache: [String: Statement] = [:]
    /// Those whose text is written in the program, by its place there: that is quicker to find.
    private var literals: [UnsafePointer<UInt8>: Statement] = [:]
    package let path: String

    /// Opens the file in WAL mode.
    ///
    /// - Throws: `SQLiteError` where the file cannot be opened, is no database, or is newer than
    ///   this SQLite reads.
    package init(path: String, mode: Mode, durability: Durability = .full) throws(SQLiteError) {
        let system = UnsafePointer(bitPattern: Self.other.load(ordering: .relaxed)) ?? Self.system
        var opened: OpaquePointer?
        let flags: Int32
        let name: String
        switch mode {
        case .writer:
            (flags, name) = (SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, path)
        case .reader:
            // A reader of a WAL file needs the -shm file and may have to create it.
            (flags, name) = (SQLITE_OPEN_READWRITE, path)
        case .immutable:
            (flags, name) = (SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, Connection.immutableURI(path))
        }
        let code = sqlite3_open_v2(name, &opened, flags | SQLITE_OPEN_NOMUTEX, system)
        guard code == SQLITE_OK, let opened else {
            let text = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(opened)
            throw SQLiteError(code: code, message: text, action: "opening \(path)")
        }
        handle = opened
        self.path = path
        self.mode = mode
        self.durability = durability
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, 5000)
        switch mode {
        case .writer:
            guard try texts("PRAGMA journal_mode=WAL") == ["wal"] else {
                throw SQLiteError(
                    code: SQLITE_CANTOPEN, message: "its file system allows no WAL",
                    action: "opening \(path)")
            }
            try execute("PRAGMA synchronous=\(durability.rawValue)")
            try execute("PRAGMA wal_autocheckpoint=\(Self.pagesAhead)")
            try execute("PRAGMA secure_delete=ON")
            // 8 MB instead of 2: the upper pages of the indexes stay in memory while a log grows.
            try execute("PRAGMA cache_size=-8000")
        case .reader:
            try execute("PRAGMA query_only=ON")
            try execute("PRAGMA wal_autocheckpoint=0")
            _ = kassa_sqlite3_no_checkpoint_on_close(handle)
        case .immutable: break
        }
        try execute("PRAGMA temp_store=MEMORY")
    }

    deinit {
        cache.removeAll()
        literals.removeAll()
        sqlite3_close_v2(handle)
    }

    /// The name of what SQLite reaches files through; SQLite's own choice where ours could not be
    /// registered, which costs calls and nothing else.
    ///
    /// `nonisolated(unsafe)`: it points to a constant of the program.
    private nonisolated(unsafe) static let system: UnsafePointer<CChar>? = {
        kassa_sqlite3_count_no_memory()
        return kassa_gather_vfs()
    }()

    /// The name of what connections go through instead, a constant of the program; 0 for none.
    private static let other = Atomic<UInt>(0)

    /// Has all connections that this process opens from now on go through another VFS: for the
    /// simulator, whose VFS stands over the usual one and lets pass what is not its own.
    ///
    /// - Parameter register: is given the name of the usual one, nil for SQLite's own choice, and
    ///   returns that of the other, a constant of the program; nil where it cannot be had.
    package static func reach(
        through register: (UnsafePointer<CChar>?) -> UnsafePointer<CChar>?
    ) throws(SQLiteError) {
        guard let name = register(system) else {
            throw SQLiteError(
                code: SQLITE_NOMEM, message: "the VFS could not be registered",
                action: "going through another VFS")
        }
        other.store(UInt(bitPattern: name), ordering: .relaxed)
    }

    private static func immutableURI(_ path: String) -> String {
        // With an empty authority a path may begin with two slashes.
        var uri = path.utf8.first == UInt8(ascii: "/") ? "file://" : "file:"
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "%"), UInt8(ascii: "?"), UInt8(ascii: "#"), 0x80...:
                uri += "%" + String(byte, radix: 16)
            default: uri.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        return uri + "?immutable=1"
    }

    /// The version of SQLite that is linked, `3.40.1`.
    package static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    /// Whether commits lie beside the file that are not in it yet.
    package static func hasWriteAheadLog(_ path: String) -> Bool {
        WriteAheadFile.holdsCommits(of: path)
    }

    func failure(_ code: Int32, _ action: String) -> SQLiteError {
        let error = SQLiteError(
            code: code, message: String(cString: sqlite3_errmsg(handle)), action: action)
        guard error.isCorrupt else { return error }
        // The operator must know which of the files it is.
        return SQLiteError(
            code: code, message: "\(error.message): \(path) is damaged; shopctl doctor says more",
            action: action)
    }

    /// Runs statements that give no rows, separated by semicolons.
    package func execute(_ sql: String) throws(SQLiteError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code, sql) }
    }

    /// A compiled statement, kept for the next time; it is reset, and must not be in use twice at
    /// once.
    package func statement(_ sql: StaticString) throws(SQLiteError) -> Statement {
        guard sql.hasPointerRepresentation else { return try statement(sql.description) }
        if let known = literals[sql.utf8Start] {
            known.reset()
            return known
        }
        let statement = try statement(sql.description)
        literals[sql.utf8Start] = statement
        return statement
    }

    /// The same for a text that is put together.
    @_disfavoredOverload
    package func statement(_ sql: String) throws(SQLiteError) -> Statement {
        if let known = cache[sql] {
            known.reset()
            return known
        }
        var pointer: OpaquePointer?
        let code = sqlite3_prepare_v3(
            handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, nil)
        guard code == SQLITE_OK, let pointer else { throw failure(code, sql) }
        let statement = Statement(pointer, of: self, sql: sql)
        cache[sql] = statement
        return statement
    }

    /// The first column of the first row as an integer; nil where there is no row, or NULL.
    package func integer(_ sql: String) throws(SQLiteError) -> Int64? {
        let statement = try statement(sql)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        return statement.optionalInteger(0)
    }

    /// The first column of every row as text.
    package func texts(_ sql: String) throws(SQLiteError) -> [String] {
        let statement = try statement(sql)
        defer { statement.reset() }
        var texts: [String] = []
        while try statement.step() { texts.append(statement.text(0)) }
        return texts
    }

    /// Whether a transaction is open.
    package var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// How many rows the statement that ran last has changed.
    package var changedRows: Int { Int(sqlite3_changes(handle)) }

    /// Has the WAL moved into the file after a few pages, and what it held beyond given back to the
    /// file system; or, as at first, after many. Does nothing but for the writer.
    package func spareDisk(_ isShort: Bool) throws(SQLiteError) {
        guard mode == .writer, isShort != isSparing else { return }
        let (pages, bytes) = isShort ? (64, 256 << 10) : (Self.pagesAhead, -1)
        try execute("PRAGMA wal_autocheckpoint=\(pages); PRAGMA journal_size_limit=\(bytes)")
        isSparing = isShort
    }

    /// Moves the WAL into the file and empties it, where no reader is in the middle of something;
    /// else what it can. Does nothing but for the writer.
    package func checkpoint() {
        guard mode == .writer else { return }
        _ = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
    }

    /// Sees to it that what lies beside the file is on the disk: whoever wrote it may have been
    /// killed before it was, or told that it is not. Until then nobody may rely on it. Does nothing
    /// but for the writer, and not where commits are not made durable.
    ///
    /// - Throws: `SQLiteError` where it is not on the disk for sure.
    package func rescue() throws(SQLiteError) {
        guard mode == .writer, durability == .full, Self.hasWriteAheadLog(path) else { return }
        // Nobody may commit meanwhile.
        try execute("BEGIN IMMEDIATE")
        defer { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
        try WriteAheadFile(of: path).settle()
    }

    /// Makes sure of commits that SQLite has called durable, before anybody is told of them.
    ///
    /// - Throws: `SQLiteError` where they may be lost; their outcome is unknown then.
    package func confirm() throws(SQLiteError) {
        guard mode == .writer, durability == .full else { return }
        if writeAhead == nil { writeAhead = try WriteAheadFile(of: path) }
        try writeAhead?.confirm()
    }

    /// Copies the whole database, as of now, into a new file; runs on the writer's connection.
    ///
    /// - Throws: `SQLiteError` where the copy fails; a partial file may remain.
    package func backup(to path: String) throws(SQLiteError) {
        let statement = try statement("VACUUM INTO ?1")
        try statement.bind(1, path)
        try statement.run()
    }
}

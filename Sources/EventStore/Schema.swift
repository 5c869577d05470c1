import SQLite

/// The tables of a service's file, and how an older file becomes a newer one.
package enum Schema {
    /// The format this build writes. A file of another format that no migration leads from is
    /// refused.
    package static let format: Int64 = 3

    /// Step n turns format n into n + 1; format 0 is an empty file.
    static let migrations: [String] = [version1, version2, version3]

    /// Looks at the file before anything in it is changed, where there is one.
    ///
    /// - Throws: `unusable` for a file that a newer build wrote, that is damaged, or that is no log
    ///   at all.
    static func inspect(_ path: String) throws(StoreError) {
        let connection: Connection
        // Whether it is absent or not to be read, the writer will say.
        do throws(SQLiteError) { connection = try Connection(path: path, mode: .reader) } catch {
            guard error.isCorrupt else { return }
            throw .unusable(path: path, why: error.message)
        }
        _ = try format(of: connection)
    }

    /// The file's format; 0 for a file without tables.
    private static func format(of connection: Connection) throws(StoreError) -> Int {
        let (found, tables) = try reading(connection) { connection throws(SQLiteError) in
            (
                try connection.integer("PRAGMA user_version") ?? 0,
                try connection.integer("SELECT count(*) FROM sqlite_schema") ?? 0
            )
        }
        guard (1...format).contains(found) || (found == 0 && tables == 0) else {
            throw .unusable(
                path: connection.path,
                why: found > format
                    ? "it has format \(found), this build knows up to \(format); run a newer build"
                    : "it is no log")
        }
        return Int(found)
    }

    /// Brings the file to this build's format, in one transaction.
    ///
    /// - Throws: `unusable` for a file that a newer build wrote, or that is no log at all.
    static func migrate(_ connection: Connection) throws(StoreError) {
        guard try format(of: connection) != format else { return }
        try reading(connection) { connection throws(SQLiteError) in
            try connection.execute("BEGIN IMMEDIATE")
        }
        // Another process may have been quicker.
        let found = try format(of: connection)
        try reading(connection) { connection throws(SQLiteError) in
            if found != format {
                for step in migrations[found...] { try connection.execute(step) }
                try connection.execute("PRAGMA user_version=\(format)")
            }
            try connection.execute("COMMIT")
        }
    }

    /// Says of a damaged file what to do about it.
    static func reading<Value>(
        _ connection: Connection, _ body: (Connection) throws(SQLiteError) -> Value
    ) throws(StoreError) -> Value {
        do throws(SQLiteError) {
            return try body(connection)
        } catch {
            guard error.isCorrupt else { throw .unreadable(error) }
            throw .unusable(path: connection.path, why: "\(error.message); restore a backup")
        }
    }

    private static let version1 = """
        CREATE TABLE log(
            id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL, created INTEGER NOT NULL,
            tree BLOB NOT NULL, clean INTEGER NOT NULL, halted TEXT);
        CREATE TABLE epochs(
            number INTEGER PRIMARY KEY, first INTEGER NOT NULL, opened INTEGER NOT NULL,
            why TEXT NOT NULL);
        CREATE TABLE streams(
            key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, version INTEGER NOT NULL);
        CREATE TABLE events(
            position INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, stream INTEGER NOT NULL,
            version INTEGER NOT NULL, type TEXT NOT NULL, schema INTEGER NOT NULL,
            recorded INTEGER NOT NULL, data TEXT NOT NULL, metadata TEXT NOT NULL,
            leaf BLOB NOT NULL);
        CREATE UNIQUE INDEX events_by_stream ON events(stream, version);
        CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN
            SELECT raise(ABORT, 'the log is append-only: events are never changed'); END;
        CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN
            SELECT raise(ABORT, 'the log is append-only: events are never deleted'); END;
        CREATE TABLE ledger(
            day INTEGER NOT NULL, principal TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
            stream TEXT NOT NULL, version INTEGER NOT NULL, position INTEGER NOT NULL,
            PRIMARY KEY (day, principal, key)) WITHOUT ROWID;
        CREATE TABLE checkpoints(
            source TEXT PRIMARY KEY, epoch INTEGER NOT NULL, position INTEGER NOT NULL,
            leaf BLOB NOT NULL, tree_size INTEGER NOT NULL, tree_root BLOB NOT NULL,
            as_of INTEGER NOT NULL, up_since INTEGER NOT NULL, read TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE timers(
            key TEXT PRIMARY KEY, due INTEGER NOT NULL, source TEXT, request INTEGER NOT NULL,
            within INTEGER NOT NULL, armed INTEGER NOT NULL, data TEXT NOT NULL);
        CREATE INDEX timers_by_due ON timers(source, due);
        CREATE TABLE effects(
            id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
            stream TEXT NOT NULL, data TEXT NOT NULL, metadata TEXT NOT NULL,
            attempts INTEGER NOT NULL, due INTEGER NOT NULL);
        CREATE INDEX effects_by_due ON effects(due);
        CREATE TABLE parked(
            source TEXT NOT NULL, position INTEGER NOT NULL, key TEXT NOT NULL,
            reason TEXT NOT NULL,
            at INTEGER NOT NULL, subject TEXT NOT NULL, id TEXT NOT NULL, headers BLOB NOT NULL,
            payload BLOB NOT NULL, PRIMARY KEY (source, position)) WITHOUT ROWID;
        CREATE INDEX parked_by_key ON parked(source, key);
        CREATE TABLE in_hand(
            source TEXT PRIMARY KEY, epoch INTEGER NOT NULL, position INTEGER NOT NULL,
            deaths INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE snapshots(
            name TEXT PRIMARY KEY, fold INTEGER NOT NULL, position INTEGER NOT NULL,
            data TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE outbox(
            id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL,
            position INTEGER NOT NULL);
        CREATE TABLE keys(owner TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
        """
    /// A stream's version is that of its last event, and is kept nowhere else. Timers and calls lie
    /// in one tree by their keys, and in one by when they are due.
    private static let version2 = """
        ALTER TABLE streams DROP COLUMN version;
        CREATE TABLE timers2(
            key TEXT PRIMARY KEY, due INTEGER NOT NULL, source TEXT, request INTEGER NOT NULL,
            within INTEGER NOT NULL, armed INTEGER NOT NULL, data TEXT NOT NULL) WITHOUT ROWID;
        INSERT INTO timers2 SELECT key, due, source, request, within, armed, data FROM timers;
        DROP TABLE timers;
        ALTER TABLE timers2 RENAME TO timers;
        CREATE INDEX timers_by_due ON timers(source, due);
        CREATE TABLE effects2(
            key TEXT PRIMARY KEY, kind TEXT NOT NULL, stream TEXT NOT NULL, data TEXT NOT NULL,
            metadata TEXT NOT NULL, attempts INTEGER NOT NULL, due INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO effects2 SELECT key, kind, stream, data, metadata, attempts, due FROM effects;
        DROP TABLE effects;
        ALTER TABLE effects2 RENAME TO effects;
        CREATE INDEX effects_by_due ON effects(due);
        """
    /// A call is a row at the table's end; see `FreshEffects` for when it is `listed`.
    private static let version3 = """
        CREATE TABLE effects3(
            id INTEGER PRIMARY KEY, key TEXT NOT NULL, kind TEXT NOT NULL, stream TEXT NOT NULL,
            data TEXT NOT NULL, metadata TEXT NOT NULL, attempts INTEGER NOT NULL,
            due INTEGER NOT NULL, listed INTEGER NOT NULL);
        INSERT INTO effects3(key, kind, stream, data, metadata, attempts, due, listed)
            SELECT key, kind, stream, data, metadata, attempts, due, 1 FROM effects;
        DROP TABLE effects;
        ALTER TABLE effects3 RENAME TO effects;
        CREATE UNIQUE INDEX effects_by_key ON effects(key) WHERE listed;
        CREATE INDEX effects_by_due ON effects(due, key) WHERE listed;
        """
}

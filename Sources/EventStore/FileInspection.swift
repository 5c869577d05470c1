package import EventSourcing
package import SQLite

/// A look at a log's file that changes nothing of it, whether or not it is being written.
package struct FileInspection: Sendable {
    /// The newest events whose leaves are reckoned again.
    package static let newestCount = 100
    /// SQLite's version, `3.40.1`.
    package static var libraryVersion: String { Connection.libraryVersion }

    /// Of the tables; 0 where there are none.
    package private(set) var format: Int64 = 0
    /// Whether this build reads that format.
    package var isKnownFormat: Bool { (1...Schema.format).contains(format) }
    /// Whether there are no tables in it: a new log would be begun there.
    package var isEmpty: Bool { format == 0 && trouble == nil }
    package private(set) var name = ""
    package private(set) var eventCount: Int64 = 0
    package private(set) var newestAt: Timestamp?
    /// Of the newest events, those whose bytes do not fit their leaves.
    package private(set) var changed: [EventIdentity] = []
    /// Why the log writes no more; nil where it does.
    package private(set) var haltReason: String?
    package private(set) var wasClosedCleanly = true
    /// Oldest first.
    package private(set) var epochs: [EpochStart] = []
    /// Messages that could not be applied, or wait behind one: how many, and why the first one
    /// does, by source.
    package private(set) var parked: [(source: String, count: Int64, reason: String)] = []
    /// What is wrong with the file itself, the first thing; nil for a whole one.
    package private(set) var trouble: String?

    /// - Parameter isInUse: whether somebody may be writing the file.
    package init(path: String, isInUse: Bool) {
        do throws(SQLiteError) {
            let connection = try Self.open(path, isInUse: isInUse)
            format = try connection.integer("PRAGMA user_version") ?? 0
            trouble = try Self.damage(in: connection)
            guard isKnownFormat else { return }
            try readState(connection)
            let queries = LogQueries(connection: connection, name: LogName(name))
            do throws(StoreError) { try readEvents(queries) } catch {
                trouble = trouble ?? error.description
            }
        } catch { trouble = trouble ?? error.message }
    }

    /// Opens a file for reading. One that nobody writes, and that has nothing in a log beside it,
    /// is left without a trace.
    package static func open(_ path: String, isInUse: Bool) throws(SQLiteError) -> Connection {
        let hasTail = isInUse || Connection.hasWriteAheadLog(path)
        return try Connection(path: path, mode: hasTail ? .reader : .immutable)
    }

    /// What SQLite finds wrong with a file, the first thing; nil for a whole one. Reads all of it.
    package static func damage(in connection: Connection) throws(SQLiteError) -> String? {
        let found = try connection.texts("PRAGMA quick_check(1)")
        return found == ["ok"] ? nil : found.first ?? "SQLite could not check it"
    }

    private mutating func readState(_ connection: Connection) throws(SQLiteError) {
        let log = try connection.statement("SELECT name, halted, clean FROM log")
        defer { log.reset() }
        guard try log.step() else {
            trouble = trouble ?? "it names no log"
            return
        }
        name = log.text(0)
        haltReason = log.optionalText(1)
        wasClosedCleanly = log.integer(2) == 1
        let row = try connection.statement(
            """
            SELECT source, count(*), (SELECT q.reason FROM parked q WHERE q.source = p.source
            ORDER BY q.position LIMIT 1) FROM parked p GROUP BY source ORDER BY source
            """)
        defer { row.reset() }
        while try row.step() { parked.append((row.text(0), row.integer(1), row.text(2))) }
    }

    private mutating func readEvents(_ queries: LogQueries) throws(StoreError) {
        epochs = try queries.epochs()
        eventCount = try queries.head().value
        let newest = try queries.log(
            after: Position(.max), limit: Self.newestCount, .backward)
        newestAt = newest.map(\.recordedAt).max()
        changed = newest.filter { $0.computedLeaf != $0.leaf }.map(\.identity)
        if let gap = zip(newest, newest.dropFirst()).first(where: {
            $1.position.next != $0.position
        }
        ) {
            trouble =
                trouble ?? "events are missing between \(gap.1.position) and \(gap.0.position)"
        }
    }
}

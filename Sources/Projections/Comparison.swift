package import EventSourcing
import EventStore
package import Messaging
import SQLite

/// Why a fold did not come to its end, or two stores could not be compared.
package enum ComparisonError: Error, CustomStringConvertible {
    /// A log cannot be read now.
    case unavailable(String)
    /// A file cannot be read or written.
    case unreadable(String)
    /// The live file is no read store any more.
    case damaged(String)
    /// Another version of the projection made the live file.
    case otherVersion(String)
    /// The log does not hold what the live store has read of it.
    case behind(Source, has: Position, wants: Position)
    /// The log or the live store began anew: what was folded is of no use.
    case changed(String)
    /// The fold itself stood still.
    case stopped(String)
    /// Whoever asked for it wants it no more.
    case cancelled

    package var description: String {
        switch self {
        case .unavailable(let why): why
        case .unreadable(let why), .changed(let why): "\(why); try again"
        case .damaged(let why): "it is damaged: \(why); the next shopctl up builds it anew"
        case .otherVersion(let path):
            "\(path) was made by another build; the next shopctl up builds it anew"
        case .behind(let source, let has, let wants):
            "\(source) ends at \(has), and was read up to \(wants): was it restored? "
                + "see shopctl epoch"
        case .stopped(let why): why
        case .cancelled: "it was cancelled"
        }
    }
}

/// One cell that differs between the live rows and those built anew.
package struct Difference: Hashable, Sendable, CustomStringConvertible {
    package let table: String
    /// The row's key, as SQL literals.
    package let key: String
    /// Nil where a whole row is missing on one side.
    package let column: String?
    /// As SQL literals; nil where the row is missing.
    package let live: String?
    package let fresh: String?

    package var description: String {
        "\(table) \(key) \(column ?? "row"): live \(live ?? "missing"), fresh \(fresh ?? "missing")"
    }
}

/// Builds a read store anew from the logs, up to where the live one has read them, and compares all
/// rows.
package struct Comparison: Sendable {
    /// The most differences that are named.
    package static let limit = 100

    /// How many rows were looked at, on both sides together, by table.
    package private(set) var rows: [(table: String, count: Int)] = []
    /// The first differences, at most `limit`.
    package private(set) var differences: [Difference] = []
    /// How many there are in all.
    package private(set) var differenceCount = 0

    package var isEqual: Bool { differenceCount == 0 }

    /// Why the live rows are not to be trusted, by their own account; nil where they are.
    package let staleReason: String?

    /// - Parameters:
    ///   - path: the live store's file; it is not changed, may be written meanwhile, and is seen as
    ///     of one moment.
    ///   - freshPath: a file that does not exist yet; the caller deletes it afterwards.
    ///   - feeds: of every log that the live store reads.
    ///   - seed: decides in which order pages of the logs are mixed; every seed must give the same
    ///     rows.
    package init(
        path: String, freshPath: String, feeds: [(source: Source, feed: any Feed)],
        seed: UInt64, notice: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(ComparisonError) {
        let live = try LiveRows(path: path)
        let engine: ProjectionEngine
        do throws(SQLiteError) {
            engine = try ProjectionEngine(
                store: try ReadStore(path: freshPath), sources: feeds.map(\.source),
                notice: notice)
        } catch { throw .unreadable(error.description) }
        try self.init(live, engine, feeds: feeds, seed: seed)
    }

    /// Brings `engine`, which has folded a part of the logs, to where the live rows are, and
    /// compares.
    ///
    /// - Parameter goOn: asked now and then; false ends it with `.cancelled`.
    init(
        _ live: LiveRows, _ engine: ProjectionEngine,
        feeds: [(source: Source, feed: any Feed)], seed: UInt64,
        goOn: @escaping () -> Bool = { true }
    ) throws(ComparisonError) {
        staleReason = live.staleReason
        try Rebuild(engine: engine, feeds: feeds, targets: live.checkpoints, goOn: goOn)
            .run(seed: seed)
        for table in ReadSchema.tables {
            guard try compare(table, live.connection, engine.connection, goOn) else {
                throw .cancelled
            }
        }
        do throws(SQLiteError) {
            try live.connection.execute("COMMIT")
        } catch { throw ComparisonError(error) }
    }

    /// - Returns: false where `goOn` does.
    private mutating func compare(
        _ table: ReadTable, _ live: Connection, _ fresh: Connection, _ goOn: () -> Bool
    ) throws(ComparisonError) -> Bool {
        do throws(SQLiteError) {
            var cursors: any ComparingCursors =
                table.isKeyed
                ? try TableCursors(table, live: live, fresh: fresh)
                : try TimelineCursors(live: live, fresh: fresh)
            var steps = 0
            while let found = try cursors.next() {
                add(found)
                steps += 1
                if steps % 1024 == 0, !goOn() { return false }
            }
            rows.append((table.name, cursors.count))
            return true
        } catch { throw ComparisonError(error) }
    }

    private mutating func add(_ found: [Difference]) {
        differenceCount += found.count
        differences += found.prefix(Self.limit - differences.count)
    }
}

/// A read store's file as of one moment, for whoever must not change it.
struct LiveRows {
    let connection: Connection
    let checkpoints: [String: Checkpoint]
    let staleReason: String?

    init(path: String) throws(ComparisonError) {
        let version: Int64?
        do throws(SQLiteError) {
            connection = try Connection(path: path, mode: .reader)
            // All that follows sees the store as it is now, checkpoints and rows alike.
            try connection.execute("BEGIN")
            version = try connection.integer("PRAGMA user_version")
        } catch { throw ComparisonError(error) }
        guard version == ReadSchema.version else { throw .otherVersion(path) }
        do throws(SQLiteError) {
            checkpoints = try CheckpointTable(connection).all()
            staleReason = try connection.texts(
                "SELECT stale FROM projection WHERE stale NOT NULL"
            ).first
        } catch { throw ComparisonError(error) }
    }
}

extension ComparisonError {
    init(_ error: SQLiteError) {
        self = error.isCorrupt ? .damaged(error.message) : .unreadable(error.description)
    }
}

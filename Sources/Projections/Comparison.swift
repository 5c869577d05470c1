package import EventSourcing
import EventStore
package import Messaging
import SQLite

/// Why two stores could not be compared.
package enum ComparisonError: Error, CustomStringConvertible {
    case unreadable(String)
    /// The log does not hold what the live store has read of it.
    case behind(Source, has: Position, wants: Position)
    /// The fold itself stood still.
    case stopped(String)

    package var description: String {
        switch self {
        case .unreadable(let why): "the comparison stopped: \(why); try again"
        case .behind(let source, let has, let wants):
            "\(source) ends at \(has), and was read up to \(wants): was it restored? "
                + "see shopctl epoch"
        case .stopped(let why): why
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

    /// - Parameters:
    ///   - live: may be written meanwhile; it is seen as of one moment.
    ///   - freshPath: a file that does not exist yet; the caller deletes it afterwards.
    ///   - feeds: of every log that the live store reads.
    ///   - seed: decides in which order pages of the logs are mixed; every seed must give the same
    ///     rows.
    package init(
        live: ReadStore, freshPath: String, feeds: [(source: Source, feed: any Feed)],
        seed: UInt64, notice: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(ComparisonError) {
        let old: Connection
        let targets: [String: Checkpoint]
        let engine: ProjectionEngine
        do throws(SQLiteError) {
            old = try Connection(path: live.path, mode: .reader)
            // All that follows sees the live store as it is now, checkpoints and rows alike.
            try old.execute("BEGIN")
            targets = try CheckpointTable(old).all()
            engine = try ProjectionEngine(
                store: try ReadStore(path: freshPath), sources: feeds.map(\.source),
                notice: notice)
        } catch { throw .unreadable(error.description) }
        try Rebuild(engine: engine, feeds: feeds, targets: targets).run(seed: seed)
        do throws(SQLiteError) {
            for table in ReadSchema.tables {
                var cursors = try TableCursors(table, live: old, fresh: engine.connection)
                while let found = try cursors.next() { add(found) }
                rows.append((table.name, cursors.count))
            }
            try old.execute("COMMIT")
        } catch { throw .unreadable(error.description) }
    }

    private mutating func add(_ found: [Difference]) {
        differenceCount += found.count
        differences += found.prefix(Self.limit - differences.count)
    }
}

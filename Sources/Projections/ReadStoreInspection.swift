import EventStore
import SQLite

/// A look at a read store's file that changes nothing of it.
package struct ReadStoreInspection: Sendable {
    /// What its tables are made for; 0 where it has none.
    package private(set) var version: Int64 = 0
    /// Why its rows are not to be trusted; nil where they are.
    package private(set) var staleReason: String?
    /// What is wrong with the file itself; nil for a whole one.
    package private(set) var trouble: String?
    /// Whether this build reads it as it is, and does not build it anew.
    package var isCurrent: Bool { version == ReadSchema.version }
    /// What this build reads.
    package static var currentVersion: Int64 { ReadSchema.version }

    /// - Parameter isInUse: whether somebody may be writing it; see `FileInspection`.
    package init(path: String, isInUse: Bool = true) {
        do throws(SQLiteError) {
            let connection = try FileInspection.open(path, isInUse: isInUse)
            version = try connection.integer("PRAGMA user_version") ?? 0
            if let damage = try FileInspection.damage(in: connection) { trouble = damage }
            guard isCurrent else { return }
            let reasons = try connection.texts("SELECT stale FROM projection WHERE stale NOT NULL")
            staleReason = reasons.first
        } catch { trouble = error.message }
    }
}

package import EventSourcing
import SQLite

/// A call to the outside that a decision asked for; kept until its result is recorded. An object,
/// as it is handed on from thread to thread.
package final class Effect: Hashable, Sendable {
    /// Makes the call idempotent; the same for every attempt. No two that wait have the same.
    package let key: String
    /// What is to be called, `payment.authorize`.
    package let kind: String
    /// The stream its result belongs to.
    package let stream: StreamID
    /// What the call needs, JSON.
    package let data: String
    /// The metadata of the event that asked for it, JSON.
    package let metadata: String
    /// What `metadata` say, where the effect was made from it.
    package let meaning: Metadata?
    /// How often it was tried and gave no result.
    package let attempts: Int
    package let due: Timestamp

    package init(
        key: String, kind: String, stream: StreamID, data: String, metadata: String,
        meaning: Metadata? = nil, attempts: Int = 0, due: Timestamp
    ) {
        self.key = key
        self.kind = kind
        self.stream = stream
        self.data = data
        self.metadata = metadata
        self.meaning = meaning
        self.attempts = attempts
        self.due = due
    }

    package static func == (a: Effect, b: Effect) -> Bool {
        a === b
            || a.key == b.key && a.kind == b.kind && a.stream == b.stream && a.data == b.data
                && a.metadata == b.metadata && a.attempts == b.attempts && a.due == b.due
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(key) }
}

/// What a transaction did to effects, for whoever follows them in memory.
package enum EffectChange: Hashable, Sendable {
    /// The effect is there, and was not before.
    case requested(Effect)
    /// It is due at another time, and may be another call.
    case moved(key: String, due: Timestamp)
    /// It is gone.
    case finished(key: String)
}

extension Effect {
    /// Of a row with key, kind, stream, data, metadata, attempts and due; nil where the stream's
    /// name is none.
    convenience init?(_ row: Statement) {
        guard let stream = StreamID(row.text(2)) else { return nil }
        self.init(
            key: row.text(0), kind: row.text(1), stream: stream, data: row.text(3),
            metadata: row.text(4), attempts: Int(row.integer(5)),
            due: Timestamp(microseconds: row.integer(6)))
    }

    func insert(as id: Int64, into connection: Connection) throws(SQLiteError) {
        let statement = try connection.statement(
            "INSERT INTO effects VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)")
        try statement.bind(1, id)
        try statement.bind(2, key)
        try statement.bind(3, kind)
        try statement.bind(4, stream.description)
        try statement.bind(5, data)
        try statement.bind(6, metadata)
        try statement.bind(7, Int64(attempts))
        try statement.bind(8, due.microseconds)
        try statement.run()
    }

    /// Makes the listed effect of its key one of its kind.
    ///
    /// - Returns: whether it was one of another.
    func replaceAnotherKind(in connection: Connection) throws(SQLiteError) -> Bool {
        let statement = try connection.statement(
            """
            UPDATE effects SET kind = ?2, data = ?3, attempts = 0, due = ?4
            WHERE key = ?1 AND listed AND kind <> ?2
            """)
        try statement.bind(1, key)
        try statement.bind(2, kind)
        try statement.bind(3, data)
        try statement.bind(4, due.microseconds)
        try statement.run()
        return connection.changedRows == 1
    }

    /// Gives the listed effect of that key another time.
    static func move(
        _ key: String, to due: Timestamp, counts: Bool, in connection: Connection
    ) throws(SQLiteError) {
        let statement = try connection.statement(
            "UPDATE effects SET attempts = attempts + ?3, due = ?2 WHERE key = ?1 AND listed")
        try statement.bind(1, key)
        try statement.bind(2, due.microseconds)
        try statement.bind(3, counts ? 1 : Int64(0))
        try statement.run()
    }
}

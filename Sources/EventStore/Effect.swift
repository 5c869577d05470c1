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

extension EventLog {
    /// Effects that are due, earliest first, then by their keys, at most `limit`.
    package func effects(dueBy moment: Timestamp, limit: Int) throws(StoreError) -> [Effect] {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                """
                SELECT key, kind, stream, data, metadata, attempts, due FROM effects
                WHERE due <= ?1 ORDER BY due, key LIMIT ?2
                """)
            defer { row.reset() }
            try row.bind(1, moment.microseconds)
            try row.bind(2, Int64(max(0, limit)))
            var effects: [Effect] = []
            while try row.step() {
                guard let stream = StreamID(row.text(2)) else { continue }
                effects.append(
                    Effect(
                        key: row.text(0), kind: row.text(1), stream: stream, data: row.text(3),
                        metadata: row.text(4), attempts: Int(row.integer(5)),
                        due: Timestamp(microseconds: row.integer(6))))
            }
            return effects
        }
    }

    /// When the first effect is due of those that are due later than `moment`; the end of time
    /// where there is none.
    package func nextEffect(after moment: Timestamp) throws(StoreError) -> Timestamp {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                "SELECT due FROM effects WHERE due > ?1 ORDER BY due LIMIT 1")
            defer { row.reset() }
            try row.bind(1, moment.microseconds)
            return Timestamp(microseconds: try row.step() ? row.integer(0) : .max)
        }
    }
}

package import EventSourcing
import SQLite

/// A call to the outside that a decision asked for; kept until its result is recorded.
package struct Effect: Hashable, Sendable {
    package let id: Int64
    /// Makes the call idempotent; the same for every attempt.
    package let key: String
    /// What is to be called, `payment.authorize`.
    package let kind: String
    /// The stream its result belongs to.
    package let stream: StreamID
    /// What the call needs, JSON.
    package let data: String
    /// The metadata of the event that asked for it, JSON.
    package let metadata: String
    /// How often it was tried and gave no result.
    package let attempts: Int
    package let due: Timestamp

    package init(
        id: Int64 = 0, key: String, kind: String, stream: StreamID, data: String, metadata: String,
        attempts: Int = 0, due: Timestamp
    ) {
        self.id = id
        self.key = key
        self.kind = kind
        self.stream = stream
        self.data = data
        self.metadata = metadata
        self.attempts = attempts
        self.due = due
    }
}

/// What a transaction did to effects, for whoever follows them in memory.
package enum EffectChange: Hashable, Sendable {
    /// The effect is there, and was not before.
    case requested(Effect)
    /// It is due at another time, and may be another call.
    case moved(id: Int64, due: Timestamp)
    /// It is gone.
    case finished(id: Int64)
}

extension Transaction {
    /// Asks for a call. One that is asked for already under that key stays as it is, unless it
    /// becomes one of another kind: then that is due, counted from its first attempt.
    package func request(_ effect: Effect) throws(StoreError) {
        var change: EffectChange?
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                """
                INSERT INTO effects(key, kind, stream, data, metadata, attempts, due)
                VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6) ON CONFLICT(key) DO NOTHING
                """)
            try statement.bind(1, effect.key)
            try statement.bind(2, effect.kind)
            try statement.bind(3, effect.stream.description)
            try statement.bind(4, effect.data)
            try statement.bind(5, effect.metadata)
            try statement.bind(6, effect.due.microseconds)
            try statement.run()
            if connection.changedRows == 1 {
                change = .requested(effect.stored(as: connection.lastInsertedRow))
            } else if let id = try replace(effect, connection) {
                change = .moved(id: id, due: effect.due)
            }
        }
        if let change { effectChanges.append(change) }
    }

    /// Makes the effect of that key one of another kind; nil where it is of this kind.
    private func replace(_ effect: Effect, _ connection: Connection) throws(SQLiteError) -> Int64? {
        let row = try connection.statement(
            """
            UPDATE effects SET kind = ?2, data = ?3, attempts = 0, due = ?4
            WHERE key = ?1 AND kind <> ?2 RETURNING id
            """)
        defer { row.reset() }
        try row.bind(1, effect.key)
        try row.bind(2, effect.kind)
        try row.bind(3, effect.data)
        try row.bind(4, effect.due.microseconds)
        guard try row.step() else { return nil }
        let id = row.integer(0)
        while try row.step() {}
        return id
    }

    /// The call gave no result: it is tried again at `due`.
    ///
    /// - Parameter counts: whether this was one of the calls that it is given.
    package func postpone(_ effect: Effect, until due: Timestamp, counts: Bool = true)
        throws(StoreError)
    {
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "UPDATE effects SET attempts = attempts + ?3, due = ?2 WHERE id = ?1")
            try statement.bind(1, effect.id)
            try statement.bind(2, due.microseconds)
            try statement.bind(3, counts ? 1 : Int64(0))
            try statement.run()
        }
        effectChanges.append(.moved(id: effect.id, due: due))
    }

    /// The call's result is recorded, or no longer wanted.
    package func finish(_ effect: Effect) throws(StoreError) {
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement("DELETE FROM effects WHERE id = ?1")
            try statement.bind(1, effect.id)
            try statement.run()
        }
        effectChanges.append(.finished(id: effect.id))
    }

    /// Whether the effect still waits for its result; a result that comes twice finds it gone.
    ///
    /// SQLite gives the id of a finished effect to a later one, the key it does not.
    package func isWaiting(_ effect: Effect) throws(StoreError) -> Bool {
        try log.reading { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "SELECT 1 FROM effects WHERE id = ?1 AND key = ?2")
            defer { statement.reset() }
            try statement.bind(1, effect.id)
            try statement.bind(2, effect.key)
            return try statement.step()
        }
    }
}

extension EventLog {
    /// Effects that are due, earliest first, at most `limit`.
    package func effects(dueBy moment: Timestamp, limit: Int) throws(StoreError) -> [Effect] {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                """
                SELECT id, key, kind, stream, data, metadata, attempts, due FROM effects
                WHERE due <= ?1 ORDER BY due, id LIMIT ?2
                """)
            defer { row.reset() }
            try row.bind(1, moment.microseconds)
            try row.bind(2, Int64(max(0, limit)))
            var effects: [Effect] = []
            while try row.step() {
                guard let stream = StreamID(row.text(3)) else { continue }
                effects.append(
                    Effect(
                        id: row.integer(0), key: row.text(1), kind: row.text(2), stream: stream,
                        data: row.text(4), metadata: row.text(5), attempts: Int(row.integer(6)),
                        due: Timestamp(microseconds: row.integer(7))))
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

extension Effect {
    /// As the file gives it back, before its first attempt.
    fileprivate func stored(as id: Int64) -> Effect {
        Effect(
            id: id, key: key, kind: kind, stream: stream, data: data, metadata: metadata,
            due: due)
    }
}

package import EventSourcing
import SQLite

extension Transaction {
    /// What a decision wants of the tables beside the log.
    enum Change {
        case set(Timer)
        case removeTimer(String)
        case request(Effect)
        case postpone(String, until: Timestamp, counts: Bool)
        case finish(String)
    }

    /// Sets a timer, in place of one that has its key.
    package func set(_ timer: Timer) throws(StoreError) {
        try add(.set(timer))
        log.timersAhead.set(timer)
    }

    package func removeTimer(_ key: String) throws(StoreError) { try add(.removeTimer(key)) }

    /// Timers that await `source` (nil: nobody) and are due by `moment`, earliest first, with what
    /// this transaction did to them.
    package func timers(awaiting source: String?, dueBy moment: Timestamp, limit: Int)
        throws(StoreError) -> [Timer]
    {
        guard !log.timersAhead.areLater(than: moment, awaiting: source) else { return [] }
        try writeChanges()
        return try log.timers(awaiting: source, dueBy: moment, limit: limit)
    }

    /// Asks for a call. One that is asked for already under that key stays as it is, unless it
    /// becomes one of another kind: then that is due, counted from its first attempt.
    package func request(_ effect: Effect) throws(StoreError) { try add(.request(effect)) }

    /// Asks for a call now, with the metadata of what is recorded now.
    package func request(_ key: String, _ kind: String, for stream: StreamID, data: String)
        throws(StoreError)
    {
        try request(
            Effect(
                key: key, kind: kind, stream: stream, data: data,
                metadata: String(decoding: encodedMetadata, as: UTF8.self), meaning: metadata,
                due: now))
    }

    /// The call gave no result: it is tried again at `due`.
    ///
    /// - Parameter counts: whether this was one of the calls that it is given.
    package func postpone(_ effect: Effect, until due: Timestamp, counts: Bool = true)
        throws(StoreError)
    {
        try add(.postpone(effect.key, until: due, counts: counts))
    }

    /// The call's result is recorded, or no longer wanted.
    package func finish(_ effect: Effect) throws(StoreError) { try add(.finish(effect.key)) }

    /// Whether the effect still waits for its result; a result that comes twice finds it gone.
    package func isWaiting(_ effect: Effect) throws(StoreError) -> Bool {
        try writeChanges()
        return try log.reading { (connection) throws(SQLiteError) in
            let statement = try connection.statement("SELECT 1 FROM effects WHERE key = ?1")
            defer { statement.reset() }
            try statement.bind(1, effect.key)
            return try statement.step()
        }
    }

    private func add(_ change: Change) throws(StoreError) {
        if let failure { throw failure }
        changes.append(change)
    }

    /// Writes what became of timers and effects and is not written yet.
    func writeChanges() throws(StoreError) {
        guard writtenChanges < changes.count else { return }
        try write { (connection) throws(SQLiteError) in
            for change in changes[writtenChanges...] {
                switch change {
                case .set(let timer): try timer.write(to: connection)
                case .removeTimer(let key):
                    try connection.delete("DELETE FROM timers WHERE key = ?1", key)
                case .request(let effect):
                    if try effect.insert(into: connection) {
                        effectChanges.append(.requested(effect))
                    } else if try effect.replaceAnotherKind(in: connection) {
                        effectChanges.append(.moved(key: effect.key, due: effect.due))
                    }
                case .postpone(let key, let due, let counts):
                    try Effect.move(key, to: due, counts: counts, in: connection)
                    effectChanges.append(.moved(key: key, due: due))
                case .finish(let key):
                    try connection.delete("DELETE FROM effects WHERE key = ?1", key)
                    effectChanges.append(.finished(key: key))
                }
            }
            writtenChanges = changes.count
        }
    }
}

extension Connection {
    fileprivate func delete(_ sql: StaticString, _ key: String) throws(SQLiteError) {
        let statement = try statement(sql)
        try statement.bind(1, key)
        try statement.run()
    }
}

extension Timer {
    fileprivate func write(to connection: Connection) throws(SQLiteError) {
        let statement = try connection.statement(
            "INSERT OR REPLACE INTO timers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
        try statement.bind(1, key)
        try statement.bind(2, due.microseconds)
        try statement.bind(3, source)
        try statement.bind(4, request.value)
        try statement.bind(5, within.microseconds)
        try statement.bind(6, isArmed ? Int64(1) : 0)
        try statement.bind(7, data)
        try statement.run()
    }
}

extension Effect {
    /// - Returns: whether none has its key.
    fileprivate func insert(into connection: Connection) throws(SQLiteError) -> Bool {
        let statement = try connection.statement(
            """
            INSERT INTO effects(key, kind, stream, data, metadata, attempts, due)
            VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6) ON CONFLICT(key) DO NOTHING
            """)
        try statement.bind(1, key)
        try statement.bind(2, kind)
        try statement.bind(3, stream.description)
        try statement.bind(4, data)
        try statement.bind(5, metadata)
        try statement.bind(6, due.microseconds)
        try statement.run()
        return connection.changedRows == 1
    }

    /// Makes the effect of its key one of its kind.
    ///
    /// - Returns: whether it was one of another.
    fileprivate func replaceAnotherKind(in connection: Connection) throws(SQLiteError) -> Bool {
        let statement = try connection.statement(
            """
            UPDATE effects SET kind = ?2, data = ?3, attempts = 0, due = ?4
            WHERE key = ?1 AND kind <> ?2
            """)
        try statement.bind(1, key)
        try statement.bind(2, kind)
        try statement.bind(3, data)
        try statement.bind(4, due.microseconds)
        try statement.run()
        return connection.changedRows == 1
    }

    fileprivate static func move(
        _ key: String, to due: Timestamp, counts: Bool, in connection: Connection
    ) throws(SQLiteError) {
        let statement = try connection.statement(
            "UPDATE effects SET attempts = attempts + ?3, due = ?2 WHERE key = ?1")
        try statement.bind(1, key)
        try statement.bind(2, due.microseconds)
        try statement.bind(3, counts ? 1 : Int64(0))
        try statement.run()
    }
}

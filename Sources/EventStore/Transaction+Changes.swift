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
        if log.effects[effect.key] != nil { return true }
        return try log.reading { (connection) throws(SQLiteError) in
            try isListed(effect.key, in: connection)
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
                    let statement = try connection.statement("DELETE FROM timers WHERE key = ?1")
                    try statement.bind(1, key)
                    try statement.run()
                case .request(let effect): try write(effect, in: connection)
                case .postpone(let key, let due, let counts):
                    try list(key, in: connection)
                    try Effect.move(key, to: due, counts: counts, in: connection)
                    effectChanges.append(.moved(key: key, due: due))
                case .finish(let key):
                    try remove(key, in: connection)
                    effectChanges.append(.finished(key: key))
                }
            }
            writtenChanges = changes.count
            try listBeyondLimit(in: connection)
        }
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

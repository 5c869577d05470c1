package import EventSourcing
import SQLite

/// The calls that wait and are in no index of the file yet, with how many are.
///
/// Most calls are over moments after they were asked for. So a new one is a row at the table's end,
/// known here by its key; only what is tried again, or more than `limit`, is listed in the indexes
/// that lead to it by its key and by when it is due. Belongs to the log's writer.
struct FreshEffects {
    /// The most that are known here alone.
    static let limit = 2048

    struct Place {
        let id: Int64
        let effect: Effect
    }

    private enum Step {
        case added(String)
        case removed(String, Place)
        case listed(by: Int)
    }

    private var places: [String: Place] = [:]
    /// How many rows are listed.
    private(set) var listedCount = 0
    private var nextID: Int64 = 1
    /// What the open transaction did here, for going back.
    private var journal: [Step] = []

    var count: Int { places.count }
    var mark: Int { journal.count }
    var all: some Sequence<Place> { places.values }

    subscript(key: String) -> Place? { places[key] }

    /// Takes over what the file has.
    mutating func load(from connection: Connection) throws(SQLiteError) {
        let row = try connection.statement(
            """
            SELECT key, kind, stream, data, metadata, attempts, due, id FROM effects
            WHERE NOT listed
            """)
        defer { row.reset() }
        places = [:]
        while try row.step() {
            guard let effect = Effect(row) else { continue }
            places[effect.key] = Place(id: row.integer(7), effect: effect)
        }
        listedCount = Int(
            try connection.integer("SELECT count(*) FROM effects WHERE listed") ?? 0)
        nextID = (try connection.integer("SELECT max(id) FROM effects") ?? 0) + 1
        journal = []
    }

    /// - Returns: the row's id.
    mutating func add(_ effect: Effect) -> Int64 {
        let id = nextID
        nextID += 1
        places[effect.key] = Place(id: id, effect: effect)
        journal.append(.added(effect.key))
        return id
    }

    mutating func remove(_ key: String) -> Place? {
        guard let place = places.removeValue(forKey: key) else { return nil }
        journal.append(.removed(key, place))
        return place
    }

    /// So many more rows are listed, or fewer.
    mutating func count(listed difference: Int) {
        guard difference != 0 else { return }
        listedCount += difference
        journal.append(.listed(by: difference))
    }

    /// Takes back all that was done after the first `mark` steps of the open transaction.
    mutating func takeBack(to mark: Int) {
        while journal.count > mark {
            switch journal.removeLast() {
            case .added(let key): places[key] = nil
            case .removed(let key, let place): places[key] = place
            case .listed(let difference): listedCount -= difference
            }
        }
    }

    /// The transaction is over.
    mutating func settle(_ isCommitted: Bool) {
        if !isCommitted { takeBack(to: 0) }
        journal.removeAll(keepingCapacity: true)
    }
}

extension Transaction {
    /// Writes an effect that is asked for, unless one of its key and kind waits.
    func write(_ effect: Effect, in connection: Connection) throws(SQLiteError) {
        if let known = log.effects[effect.key] {
            guard known.effect.kind != effect.kind else { return }
            try list(known, in: connection)
        }
        guard try !isListed(effect.key, in: connection) else {
            if try effect.replaceAnotherKind(in: connection) {
                effectChanges.append(.moved(key: effect.key, due: effect.due))
            }
            return
        }
        try effect.insert(as: log.effects.add(effect), into: connection)
        effectChanges.append(.requested(effect))
    }

    /// Has the indexes lead to the effect of that key.
    func list(_ key: String, in connection: Connection) throws(SQLiteError) {
        if let place = log.effects[key] { try list(place, in: connection) }
    }

    private func list(_ place: FreshEffects.Place, in connection: Connection) throws(SQLiteError) {
        let statement = try connection.statement("UPDATE effects SET listed = 1 WHERE id = ?1")
        try statement.bind(1, place.id)
        try statement.run()
        log.effects.count(listed: connection.changedRows)
        _ = log.effects.remove(place.effect.key)
    }

    /// Lists all where more wait than memory is to hold.
    func listBeyondLimit(in connection: Connection) throws(SQLiteError) {
        guard log.effects.count > FreshEffects.limit else { return }
        for place in log.effects.all.sorted(by: { $0.id < $1.id }) {
            try list(place, in: connection)
        }
    }

    func remove(_ key: String, in connection: Connection) throws(SQLiteError) {
        if let place = log.effects.remove(key) {
            let statement = try connection.statement("DELETE FROM effects WHERE id = ?1")
            try statement.bind(1, place.id)
            return try statement.run()
        }
        guard log.effects.listedCount > 0 else { return }
        let statement = try connection.statement("DELETE FROM effects WHERE key = ?1 AND listed")
        try statement.bind(1, key)
        try statement.run()
        log.effects.count(listed: -connection.changedRows)
    }

    func isListed(_ key: String, in connection: Connection) throws(SQLiteError) -> Bool {
        guard log.effects.listedCount > 0 else { return false }
        let statement = try connection.statement(
            "SELECT 1 FROM effects WHERE key = ?1 AND listed")
        defer { statement.reset() }
        try statement.bind(1, key)
        return try statement.step()
    }
}

extension EventLog {
    /// Effects that are due, earliest first, then by their keys, at most `limit`.
    package func effects(dueBy moment: Timestamp, limit: Int) throws(StoreError) -> [Effect] {
        let listed = try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                """
                SELECT key, kind, stream, data, metadata, attempts, due FROM effects
                WHERE listed AND due <= ?1 ORDER BY due, key LIMIT ?2
                """)
            defer { row.reset() }
            try row.bind(1, moment.microseconds)
            try row.bind(2, Int64(max(0, limit)))
            var found: [Effect] = []
            while try row.step() {
                if let effect = Effect(row) { found.append(effect) }
            }
            return found
        }
        let fresh = effects.all.lazy.map(\.effect).filter { $0.due <= moment }
        return (listed + fresh).sorted { ($0.due, $0.key) < ($1.due, $1.key) }
            .prefix(max(0, limit)).map(\.self)
    }

    /// When the first effect is due of those that are due later than `moment`; the end of time
    /// where there is none.
    package func nextEffect(after moment: Timestamp) throws(StoreError) -> Timestamp {
        let listed = try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                "SELECT due FROM effects WHERE listed AND due > ?1 ORDER BY due LIMIT 1")
            defer { row.reset() }
            try row.bind(1, moment.microseconds)
            return Timestamp(microseconds: try row.step() ? row.integer(0) : .max)
        }
        let fresh = effects.all.lazy.map(\.effect.due).filter { $0 > moment }.min()
        return min(listed, fresh ?? listed)
    }
}

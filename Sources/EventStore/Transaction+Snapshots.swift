package import EventSourcing
import SQLite

/// The state of a fold at a position, usable only by the fold's version that made it.
package struct Snapshot: Hashable, Sendable {
    package let name: String
    package let fold: Int
    package let position: Position
    /// JSON text.
    package let data: String

    package init(name: String, fold: Int, position: Position, data: String) {
        self.name = name
        self.fold = fold
        self.position = position
        self.data = data
    }
}

extension Transaction {
    package func save(_ snapshot: Snapshot) throws(StoreError) {
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "INSERT OR REPLACE INTO snapshots VALUES (?1, ?2, ?3, ?4)")
            try statement.bind(1, snapshot.name)
            try statement.bind(2, Int64(snapshot.fold))
            try statement.bind(3, snapshot.position.value)
            try statement.bind(4, snapshot.data)
            try statement.run()
        }
    }

    /// How far the relay has published; moves in a transaction of its own.
    package func savePublished(epoch: Epoch, position: Position) throws(StoreError) {
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement(
                "INSERT OR REPLACE INTO outbox VALUES (1, ?1, ?2)")
            try statement.bind(1, epoch.value)
            try statement.bind(2, position.value)
            try statement.run()
        }
    }

    /// The key that `owner`'s personal data is sealed under; `fresh` becomes it where there is
    /// none.
    package func sealingKey(of owner: String, fresh: [UInt8]) throws(StoreError) -> [UInt8] {
        if let known = try log.queries.sealingKey(of: owner) { return known }
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement("INSERT INTO keys VALUES (?1, ?2)")
            try statement.bind(1, owner)
            try statement.bind(2, fresh)
            try statement.run()
        }
        return fresh
    }

    /// The owner's key; nil where there is none, or it was destroyed.
    package func sealingKey(of owner: String) throws(StoreError) -> [UInt8]? {
        try log.queries.sealingKey(of: owner)
    }

    /// Destroys the owner's key: what was sealed under it can never be read again, and every proof
    /// stays valid.
    package func destroySealingKey(of owner: String) throws(StoreError) {
        try write { (connection) throws(SQLiteError) in
            let statement = try connection.statement("DELETE FROM keys WHERE owner = ?1")
            try statement.bind(1, owner)
            try statement.run()
        }
    }
}

extension LogQueries {
    /// The snapshot of that name, if the fold's version made it; another version's is as good as
    /// none.
    package func snapshot(_ name: String, fold: Int) throws(StoreError) -> Snapshot? {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                "SELECT fold, position, data FROM snapshots WHERE name = ?1")
            defer { row.reset() }
            try row.bind(1, name)
            guard try row.step(), row.integer(0) == Int64(fold) else { return nil }
            return Snapshot(
                name: name, fold: fold, position: Position(row.integer(1)), data: row.text(2))
        }
    }

    /// The relay's cursor: all up to here was published.
    package func published() throws(StoreError) -> (epoch: Epoch, position: Position)? {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement("SELECT epoch, position FROM outbox")
            defer { row.reset() }
            guard try row.step() else { return nil }
            return (Epoch(row.integer(0)), Position(row.integer(1)))
        }
    }

    /// The key that the owner's personal data is sealed under; nil where there is none, or none any
    /// more.
    package func sealingKey(of owner: String) throws(StoreError) -> [UInt8]? {
        try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement("SELECT key FROM keys WHERE owner = ?1")
            defer { row.reset() }
            try row.bind(1, owner)
            return try row.step() ? row.bytes(0) : nil
        }
    }

    /// The keys of several owners, as of one moment; whoever has none is not among them.
    package func sealingKeys(of owners: Set<String>) throws(StoreError) -> [String: [UInt8]] {
        var names = JSONWriter()
        names.array { names in for owner in owners.sorted() { names.value(owner) } }
        return try reading { (connection) throws(SQLiteError) in
            let row = try connection.statement(
                "SELECT owner, key FROM keys WHERE owner IN (SELECT value FROM json_each(?1))")
            defer { row.reset() }
            try row.bind(1, text: names.bytes)
            var keys: [String: [UInt8]] = [:]
            while try row.step() { keys[row.text(0)] = row.bytes(1) }
            return keys
        }
    }
}

package import EventSourcing
package import SQLite

/// How far a consumer has read one source: all up to `position` is applied, or was not for it.
package struct Checkpoint: Hashable, Sendable {
    package var epoch: Epoch
    package var position: Position
    /// The leaf of the event at `position`: tells another log's event apart.
    package var leaf: Digest
    /// The source's tree when it was last heard of.
    package var treeSize: Int64
    package var treeRoot: Digest
    /// All that the source recorded up to this moment has been read.
    package var asOf: Timestamp
    /// Since when the source was up, as it said with `asOf`.
    package var upSince: Timestamp
    /// How far the source had read others, by source name.
    package var read: [String: ReadMark]

    package static let start = Checkpoint(
        epoch: .first, position: .start, leaf: MerkleFrontier().root, treeSize: 0,
        treeRoot: MerkleFrontier().root, asOf: .epoch, upSince: .epoch, read: [:])

    package init(
        epoch: Epoch, position: Position, leaf: Digest, treeSize: Int64, treeRoot: Digest,
        asOf: Timestamp, upSince: Timestamp, read: [String: ReadMark]
    ) {
        self.epoch = epoch
        self.position = position
        self.leaf = leaf
        self.treeSize = treeSize
        self.treeRoot = treeRoot
        self.asOf = asOf
        self.upSince = upSince
        self.read = read
    }
}

/// The checkpoints of one file, whoever's it is.
package struct CheckpointTable {
    let connection: Connection

    package init(_ connection: Connection) { self.connection = connection }

    /// The checkpoints of a file, read without changing it; none where it has no such table.
    ///
    /// - Parameter isInUse: whether somebody may be writing the file.
    package static func look(path: String, isInUse: Bool) throws(StoreError)
        -> [String: Checkpoint]
    {
        do throws(SQLiteError) {
            let connection = try FileInspection.open(path, isInUse: isInUse)
            let tables = "SELECT count(*) FROM sqlite_master WHERE name = 'checkpoints'"
            guard try connection.integer(tables) == 1 else { return [:] }
            return try CheckpointTable(connection).all()
        } catch { throw .unreadable(error) }
    }

    /// Creates the table in a file that is no log.
    package func create() throws(SQLiteError) {
        try connection.execute(
            """
            CREATE TABLE IF NOT EXISTS checkpoints(
                source TEXT PRIMARY KEY, epoch INTEGER NOT NULL, position INTEGER NOT NULL,
                leaf BLOB NOT NULL, tree_size INTEGER NOT NULL, tree_root BLOB NOT NULL,
                as_of INTEGER NOT NULL, up_since INTEGER NOT NULL, read TEXT NOT NULL) WITHOUT ROWID
            """)
    }

    package func all() throws(SQLiteError) -> [String: Checkpoint] {
        let row = try connection.statement(
            """
            SELECT source, epoch, position, leaf, tree_size, tree_root, as_of, up_since, read
            FROM checkpoints
            """)
        defer { row.reset() }
        var checkpoints: [String: Checkpoint] = [:]
        while try row.step() {
            guard let leaf = Digest(row.bytes(3)), let root = Digest(row.bytes(5)) else { continue }
            checkpoints[row.text(0)] = Checkpoint(
                epoch: Epoch(row.integer(1)), position: Position(row.integer(2)), leaf: leaf,
                treeSize: Int64(clamping: row.integer(4)), treeRoot: root,
                asOf: Timestamp(microseconds: row.integer(6)),
                upSince: Timestamp(microseconds: row.integer(7)),
                read: ReadMark.parse(row.text(8)))
        }
        return checkpoints
    }

    package func save(_ checkpoint: Checkpoint, for source: String) throws(SQLiteError) {
        let statement = try connection.statement(
            "INSERT OR REPLACE INTO checkpoints VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
        try statement.bind(1, source)
        try statement.bind(2, checkpoint.epoch.value)
        try statement.bind(3, checkpoint.position.value)
        try statement.bind(4, checkpoint.leaf.bytes)
        try statement.bind(5, checkpoint.treeSize)
        try statement.bind(6, checkpoint.treeRoot.bytes)
        try statement.bind(7, checkpoint.asOf.microseconds)
        try statement.bind(8, checkpoint.upSince.microseconds)
        try statement.bind(9, ReadMark.text(checkpoint.read))
        try statement.run()
    }

    /// Positions by source name: `orders/to-payments=41 …`, sorted by name.
    package static func text(_ read: [String: Position]) -> String {
        read.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    package static func parse(_ text: String) -> [String: Position] {
        var read: [String: Position] = [:]
        for (source, value) in ReadMark.pairs(of: text) {
            if let value = Int64(strictDecimal: value) { read[source] = Position(value) }
        }
        return read
    }
}

extension Transaction {
    package func save(_ checkpoint: Checkpoint, for source: String) throws(StoreError) {
        try write { (connection) throws(SQLiteError) in
            try CheckpointTable(connection).save(checkpoint, for: source)
        }
    }
}

extension EventLog {
    /// All checkpoints, by source name.
    package func checkpoints() throws(StoreError) -> [String: Checkpoint] {
        try reading { (connection) throws(SQLiteError) in try CheckpointTable(connection).all() }
    }
}

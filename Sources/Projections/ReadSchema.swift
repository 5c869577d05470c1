import EventStore
import SQLite

/// A table of the read store: its key, and the columns that the same logs must lead to.
struct ReadTable: Sendable {
    struct Column: Sendable {
        let name: String
        let type: String
    }

    let name: String
    /// The first columns, which tell rows apart.
    let keyCount: Int
    let columns: [Column]
    /// What makes its indexes; each costs every write of a column in it.
    private let indexes: [String]
    /// Whether the key tells rows apart, which lie in its order then. Else there are several of one
    /// key, which lie as they came: where rows are large, and those of many keys come at a time, a
    /// commit writes far fewer pages so.
    let isKeyed: Bool

    /// - Parameters:
    ///   - columns: name and type, the type of a key being TEXT or INTEGER.
    ///   - indexes: name and columns.
    init(
        _ name: String, key keyCount: Int, _ columns: KeyValuePairs<String, String>,
        isKeyed: Bool = true, indexes: KeyValuePairs<String, String> = [:]
    ) {
        self.isKeyed = isKeyed
        self.name = name
        self.keyCount = keyCount
        self.columns = columns.map { Column(name: $0.key, type: $0.value) }
        self.indexes = indexes.map { "CREATE INDEX \($0.key) ON \(name)\($0.value)" }
    }

    var key: [Column] { Array(columns.prefix(keyCount)) }

    fileprivate var creation: String {
        let definitions = columns.map { "\($0.name) \($0.type)" }.joined(separator: ", ")
        let names = key.map(\.name).joined(separator: ", ")
        let table =
            isKeyed
            ? "CREATE TABLE \(name)(\(definitions), PRIMARY KEY (\(names))) WITHOUT ROWID"
            : "CREATE TABLE \(name)(\(definitions))"
        return ([table] + indexes).joined(separator: ";")
    }
}

/// The tables of the read store. It holds nothing that the logs do not: another version is dropped,
/// not migrated.
enum ReadSchema {
    /// Changes with the tables, and whenever the same events lead to other rows.
    static let version = Int64(1000 + OrderProjection.version)

    static let orders = ReadTable(
        "orders", key: 1,
        [
            "id": "TEXT NOT NULL", "customer": "TEXT", "currency": "TEXT", "total": "INTEGER",
            "line_count": "INTEGER NOT NULL", "units": "INTEGER NOT NULL", "reference": "TEXT",
            "shipping": "TEXT", "status": "TEXT NOT NULL", "cancelling": "INTEGER NOT NULL",
            "reason": "TEXT", "version": "INTEGER NOT NULL", "placed_at": "INTEGER",
            "payment": "TEXT NOT NULL", "payment_reason": "TEXT", "payment_currency": "TEXT",
            "amount": "INTEGER", "authorization_code": "TEXT", "captured": "INTEGER",
            "capture_id": "TEXT", "delivery": "TEXT NOT NULL", "delivery_reason": "TEXT",
            "tracking": "TEXT", "reservation": "TEXT NOT NULL",
            "mails_sent": "INTEGER NOT NULL", "updated_at": "INTEGER NOT NULL",
            "shown": "TEXT", "orders_at": "TEXT NOT NULL", "payments_at": "TEXT NOT NULL",
            "deliveries_at": "TEXT NOT NULL", "notifications_at": "TEXT NOT NULL",
            "written_off": "INTEGER NOT NULL",
        ],
        // Each ends with the key, which makes the order of pages whole.
        indexes: [
            "orders_by_time": "(placed_at)",
            "orders_by_customer": "(customer, placed_at) WHERE customer NOT NULL",
            "orders_by_status": "(shown, placed_at)",
            OrderBalance.index: "(id) WHERE \(OrderBalance.isWrong)",
        ])
    static let lines = ReadTable(
        "order_lines", key: 2,
        [
            "order_id": "TEXT NOT NULL", "line": "INTEGER NOT NULL", "sku": "TEXT NOT NULL",
            "quantity": "INTEGER NOT NULL", "unit_price": "INTEGER NOT NULL",
            "description": "TEXT",
        ])
    /// See `TimelinePage`.
    static let timeline = ReadTable(
        "timeline", key: 1, ["order_id": "TEXT NOT NULL", "entries": "TEXT NOT NULL"],
        isKeyed: false, indexes: ["timeline_by_order": "(order_id)"])
    static let stock = ReadTable(
        "stock", key: 1,
        [
            "sku": "TEXT NOT NULL", "on_hand": "INTEGER NOT NULL",
            "reserved": "INTEGER NOT NULL", "deliveries_at": "TEXT NOT NULL",
            "received": "INTEGER NOT NULL", "shipped": "INTEGER NOT NULL",
        ], indexes: [StockBalance.index: "(sku) WHERE \(StockBalance.isWrong)"])
    static let reservations = ReadTable(
        "reservations", key: 2,
        [
            "order_id": "TEXT NOT NULL", "sku": "TEXT NOT NULL", "quantity": "INTEGER NOT NULL",
        ])
    /// What the accounts were debited and credited with, see `Account`.
    static let books = ReadTable(
        "books", key: 2,
        [
            "account": "TEXT NOT NULL", "unit": "TEXT NOT NULL", "debit": "INTEGER NOT NULL",
            "credit": "INTEGER NOT NULL",
        ])
    /// All that the logs decide; checkpoints and the projection's own state are left out.
    static let tables = [orders, lines, timeline, stock, reservations, books]

    /// Opens the writer's connection, with the tables in place.
    static func open(_ path: String, _ durability: Connection.Durability) throws(SQLiteError)
        -> Connection
    {
        let connection = try Connection(path: path, mode: .writer, durability: durability)
        guard try connection.integer("PRAGMA user_version") != version else {
            // What no projection can begin without; damage shows here.
            _ = try connection.texts("SELECT targets FROM projection")
            _ = try CheckpointTable(connection).all()
            return connection
        }
        try connection.execute("BEGIN IMMEDIATE")
        let known = try connection.texts(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        for name in known {
            try connection.execute("DROP TABLE \"\(name.replacing("\"", with: "\"\""))\"")
        }
        for table in tables { try connection.execute(table.creation) }
        try CheckpointTable(connection).create()
        try connection.execute(
            """
            CREATE TABLE projection(
                id INTEGER PRIMARY KEY CHECK (id = 1), stale TEXT, targets TEXT NOT NULL);
            INSERT INTO projection VALUES (1, NULL, '');
            PRAGMA user_version=\(version);
            COMMIT
            """)
        return connection
    }
}

import EventSourcing
import SQLite

/// Writes rows of `orders`, of each what has changed: a column that is not written costs nothing,
/// nor does an index in which none of them is.
struct OrderWriter {
    private let connection: Connection
    /// By the number of what is written, once it was; see `statement(for:)`.
    private var statements = [Statement?](
        repeating: nil, count: 2 * (OrderRow.Parts.all.rawValue + 1))

    init(_ connection: Connection) { self.connection = connection }

    /// Within the caller's transaction.
    mutating func write(_ row: inout OrderRow, _ id: String) throws(SQLiteError) {
        let change = row.change
        let statement = try statement(for: change)
        try statement.bind(1, id)
        try statement.bind(26, row.updatedAt.microseconds)
        switch change {
        case .whole:
            try row.bind(.all, to: statement)
            try statement.bind(27, row.shown?.rawValue)
        case .parts(let parts, let andShown):
            try row.bind(parts, to: statement)
            if andShown { try statement.bind(27, row.shown?.rawValue) }
        }
        try statement.run()
        row.settle()
    }

    private mutating func statement(for change: OrderRow.Change) throws(SQLiteError) -> Statement {
        let place =
            switch change {
            case .whole: 2 * OrderRow.Parts.all.rawValue
            case .parts(let parts, let andShown): 2 * parts.rawValue + (andShown ? 1 : 0)
            }
        if let known = statements[place] { return known }
        let made = try connection.statement(Self.text(for: change))
        statements[place] = made
        return made
    }

    private static func text(for change: OrderRow.Change) -> String {
        let columns = ReadSchema.orders.columns
        guard case .parts(let parts, let andShown) = change else {
            let values = columns.indices.map { "?\($0 + 1)" }.joined(separator: ", ")
            return "INSERT OR REPLACE INTO orders VALUES (\(values))"
        }
        let changes = columns.enumerated().compactMap { index, column in
            let isWritten =
                switch column.name {
                case "id": false
                case "updated_at": true
                case "shown": andShown
                default: parts.contains(OrderRow.Parts.of(column.name))
                }
            return isWritten ? "\(column.name) = ?\(index + 1)" : nil
        }
        return "UPDATE orders SET \(changes.joined(separator: ", ")) WHERE id = ?1"
    }
}

import SQLite

/// Walks one table in two files side by side, by key.
protocol ComparingCursors {
    /// The rows that were read, on both sides together.
    var count: Int { get }
    /// The differences of the next row, none where both sides have the same; nil at the end.
    mutating func next() throws(SQLiteError) -> [Difference]?
}

/// Walks a table whose rows have a key each.
struct TableCursors: ComparingCursors {
    private let table: ReadTable
    private let live: Statement
    private let fresh: Statement
    private var hasLive = false
    private var hasFresh = false
    private(set) var count = 0

    init(_ table: ReadTable, live: Connection, fresh: Connection) throws(SQLiteError) {
        self.table = table
        let keys = table.key.map(\.name).joined(separator: ", ")
        let columns = table.columns.map(\.name).joined(separator: ", ")
        let sql = "SELECT \(columns) FROM \(table.name) ORDER BY \(keys)"
        (self.live, self.fresh) = (try live.statement(sql), try fresh.statement(sql))
        hasLive = try step(self.live)
        hasFresh = try step(self.fresh)
    }

    mutating func next() throws(SQLiteError) -> [Difference]? {
        guard hasLive || hasFresh else { return nil }
        let order = order
        let found = differences(order)
        if order <= 0 { hasLive = try step(live) }
        if order >= 0 { hasFresh = try step(fresh) }
        return found
    }

    /// Below 0 where the live row comes first, above 0 where the fresh one does.
    private var order: Int {
        guard hasLive, hasFresh else { return hasLive ? -1 : 1 }
        for (index, column) in table.key.enumerated() {
            let column =
                column.type.hasPrefix("INTEGER")
                ? Self.order(live.integer(Int32(index)), fresh.integer(Int32(index)))
                : live.order(ofBytes: Int32(index), with: fresh)
            if column != 0 { return column }
        }
        return 0
    }

    private static func order(_ a: Int64, _ b: Int64) -> Int { a < b ? -1 : a > b ? 1 : 0 }

    private func differences(_ order: Int) -> [Difference] {
        let columns = table.columns.indices
        guard order == 0 else {
            let row = order < 0 ? live : fresh
            let text = columns.map { row.literal(Int32($0)) }.joined(separator: ",")
            return [
                Difference(
                    table: table.name, key: key(row), column: nil, live: order < 0 ? text : nil,
                    fresh: order < 0 ? nil : text)
            ]
        }
        return columns.filter { !live.holds(Int32($0), sameAs: fresh) }.map {
            Difference(
                table: table.name, key: key(live), column: table.columns[$0].name,
                live: live.literal(Int32($0)), fresh: fresh.literal(Int32($0)))
        }
    }

    private func key(_ row: Statement) -> String {
        (0..<table.keyCount).map { row.literal(Int32($0)) }.joined(separator: " ")
    }

    private mutating func step(_ statement: Statement) throws(SQLiteError) -> Bool {
        guard try statement.step() else {
            statement.reset()
            return false
        }
        count += 1
        return true
    }
}

import SQLite

/// Walks one table in two files side by side, by key.
struct TableCursors {
    private enum KeyPart: Comparable {
        case integer(Int64)
        case text([UInt8])

        static func < (a: KeyPart, b: KeyPart) -> Bool {
            switch (a, b) {
            case (.integer(let a), .integer(let b)): a < b
            case (.text(let a), .text(let b)): a.lexicographicallyPrecedes(b)
            case (.integer, .text): true
            case (.text, .integer): false
            }
        }
    }

    private struct Row {
        let key: [KeyPart]
        /// All columns as SQL literals.
        let cells: [String]
    }

    private let table: ReadTable
    private let statements: [Statement]
    private var live: Row?
    private var fresh: Row?
    /// The rows that were read, on both sides together.
    private(set) var count = 0

    init(_ table: ReadTable, live: Connection, fresh: Connection) throws(SQLiteError) {
        self.table = table
        let keys = table.key.map(\.name).joined(separator: ", ")
        let cells = table.columns.map { "quote(\($0.name))" }.joined(separator: ", ")
        let sql = "SELECT \(keys), \(cells) FROM \(table.name) ORDER BY \(keys)"
        statements = [try live.statement(sql), try fresh.statement(sql)]
        self.live = try row(of: statements[0])
        self.fresh = try row(of: statements[1])
    }

    /// The differences of the next row, none where both sides have the same; nil at the end.
    mutating func next() throws(SQLiteError) -> [Difference]? {
        let order: Int
        switch (live, fresh) {
        case (nil, nil): return nil
        case (_, nil): order = -1
        case (nil, _): order = 1
        case (let live?, let fresh?):
            order =
                live.key == fresh.key
                ? 0 : live.key.lexicographicallyPrecedes(fresh.key) ? -1 : 1
        }
        let (left, right) = (order <= 0 ? live : nil, order >= 0 ? fresh : nil)
        if order <= 0 { live = try row(of: statements[0]) }
        if order >= 0 { fresh = try row(of: statements[1]) }
        return differences(left, right)
    }

    private func differences(_ live: Row?, _ fresh: Row?) -> [Difference] {
        guard let one = live ?? fresh else { return [] }
        let key = one.cells.prefix(table.keyCount).joined(separator: " ")
        guard let live, let fresh else {
            return [
                Difference(
                    table: table.name, key: key, column: nil,
                    live: live.map { $0.cells.joined(separator: ",") },
                    fresh: fresh.map { $0.cells.joined(separator: ",") })
            ]
        }
        return table.columns.indices.filter { live.cells[$0] != fresh.cells[$0] }.map {
            Difference(
                table: table.name, key: key, column: table.columns[$0].name,
                live: live.cells[$0], fresh: fresh.cells[$0])
        }
    }

    private mutating func row(of statement: Statement) throws(SQLiteError) -> Row? {
        guard try statement.step() else {
            statement.reset()
            return nil
        }
        count += 1
        var key: [KeyPart] = []
        for (index, column) in table.key.enumerated() {
            key.append(
                column.type.hasPrefix("INTEGER")
                    ? .integer(statement.integer(Int32(index)))
                    : .text(statement.bytes(Int32(index))))
        }
        let cells = table.columns.indices.map { statement.text(Int32(table.keyCount + $0)) }
        return Row(key: key, cells: cells)
    }
}

import EventSourcing
import SQLite

/// Walks the timelines of two files side by side, order by order. What an order's pages hold
/// counts, and not how its entries came to be on them: that differs with what was committed
/// together.
struct TimelineCursors: ComparingCursors {
    private struct Side {
        let rows: Statement
        /// The order of the row that was read last; nil at the end.
        var order: String?

        init(_ connection: Connection) throws(SQLiteError) {
            rows = try connection.statement(
                "SELECT order_id, entries FROM timeline ORDER BY order_id")
            try step()
        }

        private mutating func step() throws(SQLiteError) {
            order = try rows.step() ? rows.text(0) : nil
            if order == nil { rows.reset() }
        }

        /// The entries' texts of one order, sorted; goes on to the next one.
        mutating func take(_ wanted: String) throws(SQLiteError) -> [[UInt8]] {
            var lines: [[UInt8]] = []
            while order == wanted {
                lines += rows.withBytes(1, TimelinePage.lines)
                try step()
            }
            return lines.sorted { $0.lexicographicallyPrecedes($1) }
        }
    }

    private var live: Side
    private var fresh: Side
    private(set) var count = 0

    init(live: Connection, fresh: Connection) throws(SQLiteError) {
        (self.live, self.fresh) = (try Side(live), try Side(fresh))
    }

    /// The differences of the next order.
    mutating func next() throws(SQLiteError) -> [Difference]? {
        guard let order = [live.order, fresh.order].compactMap(\.self).min() else { return nil }
        let (mine, others) = (try live.take(order), try fresh.take(order))
        count += mine.count + others.count
        return mine == others ? [] : try differences(mine, others, of: order)
    }

    /// Both sides' entries in the order of their logs: one that a side has twice has no partner.
    private func differences(_ live: [[UInt8]], _ fresh: [[UInt8]], of order: String)
        throws(SQLiteError) -> [Difference]
    {
        var mine = try cells(live, of: order)[...]
        var others = try cells(fresh, of: order)[...]
        var found: [Difference] = []
        func add(_ entry: Cells, _ column: String?, _ live: String?, _ fresh: String?) {
            let place = entry.texts.prefix(3).joined(separator: " ")
            let key = "\(Self.literal(.string(order))) \(place)"
            found.append(
                Difference(
                    table: ReadSchema.timeline.name, key: key, column: column, live: live,
                    fresh: fresh))
        }
        while let next = [mine.first, others.first].compactMap(\.?.identity).min() {
            let entry = mine.first.flatMap { $0.identity == next ? $0 : nil }
            let other = others.first.flatMap { $0.identity == next ? $0 : nil }
            if let entry {
                mine.removeFirst()
                if other == nil { add(entry, nil, entry.texts.joined(separator: ","), nil) }
            }
            guard let other else { continue }
            others.removeFirst()
            guard let entry else {
                add(other, nil, nil, other.texts.joined(separator: ","))
                continue
            }
            for (at, column) in TimelineEntry.parts.enumerated()
            where entry.texts[at] != other.texts[at] {
                add(entry, column, entry.texts[at], other.texts[at])
            }
        }
        return found
    }

    /// An entry's parts, as SQL literals.
    private struct Cells {
        let identity: EventIdentity
        let texts: [String]
    }

    private func cells(_ lines: [[UInt8]], of order: String) throws(SQLiteError) -> [Cells] {
        var cells: [Cells] = []
        for line in lines {
            guard let entry = TimelineEntry(line), let parts = try? JSON(parsing: line).array else {
                throw .unreadable(line, of: order)
            }
            cells.append(Cells(identity: entry.identity, texts: parts.map(Self.literal)))
        }
        return cells.sorted { $0.identity < $1.identity }
    }

    private static func literal(_ json: JSON) -> String {
        switch json {
        case .null: return "NULL"
        case .integer(let number): return String(number)
        case .string(let text): return "'\(text.replacing("'", with: "''"))'"
        case .bool, .number, .array, .object:
            var writer = JSONWriter()
            writer.value(json)
            return literal(.string(writer.text))
        }
    }
}

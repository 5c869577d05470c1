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
        var mine = try entries(live, of: order)[...]
        var others = try entries(fresh, of: order)[...]
        var found: [Difference] = []
        func add(_ parts: [String], _ column: String?, _ live: String?, _ fresh: String?) {
            let key = ["'\(order.replacing("'", with: "''"))'"] + parts.prefix(3)
            found.append(
                Difference(
                    table: ReadSchema.timeline.name, key: key.joined(separator: " "),
                    column: column, live: live, fresh: fresh))
        }
        while let next = [mine.first, others.first].compactMap(\.?.identity).min() {
            let entry = mine.first?.identity == next ? mine.removeFirst().literals : nil
            let other = others.first?.identity == next ? others.removeFirst().literals : nil
            guard let entry, let other else {
                add(
                    entry ?? other ?? [], nil, entry?.joined(separator: ","),
                    other?.joined(separator: ","))
                continue
            }
            for (at, column) in TimelineEntry.parts.enumerated() where entry[at] != other[at] {
                add(entry, column, entry[at], other[at])
            }
        }
        return found
    }

    private func entries(_ lines: [[UInt8]], of order: String) throws(SQLiteError)
        -> [TimelineEntry]
    {
        var entries: [TimelineEntry] = []
        for line in lines {
            guard let entry = TimelineEntry(line) else { throw .unreadable(line, of: order) }
            entries.append(entry)
        }
        return entries.sorted { $0.identity < $1.identity }
    }
}

import EventSourcing
import Messaging
import SQLite

/// A line of an open reservation.
struct HeldLine: Hashable {
    let sku: String
    let quantity: Int64
}

/// The rows that a batch of messages changes, in memory until the batch is over: each is then
/// written once.
///
/// Rows stay in memory behind the writes, as the same orders come again soon. Belongs to the one
/// writer.
package final class RowBatch {
    /// The most rows that are kept of each table.
    private static let capacity = 20_000
    /// The most of what orders' timelines begin with that waits to be written, and its bytes.
    private static let spillAt = (count: 8192, bytes: 4_000_000)

    let connection: Connection
    private var orders = Overlay<OrderRow>()
    private var stock = Overlay<StockRow>()
    private var reservations = Overlay<[HeldLine]>()
    private var lines: [(order: String, lines: [LineRow])] = []
    private var timeline: [(order: String, message: Message)] = []
    private var timelineBytes = 0

    /// Rows by key, and which of them differ from the file, in the order they were first changed.
    private struct Overlay<Row> {
        var rows: [String: Row] = [:]
        var changed: [String] = []
        private var isChanged: Set<String> = []

        mutating func set(_ row: Row, _ key: String) {
            rows[key] = row
            if isChanged.insert(key).inserted { changed.append(key) }
        }

        mutating func settle() {
            changed.removeAll(keepingCapacity: true)
            isChanged.removeAll(keepingCapacity: true)
            if rows.count > RowBatch.capacity { rows.removeAll() }
        }
    }

    init(_ connection: Connection) { self.connection = connection }

    var isEmpty: Bool {
        orders.changed.isEmpty && stock.changed.isEmpty && reservations.changed.isEmpty
            && lines.isEmpty && timeline.isEmpty
    }

    /// Whether as many rows have changed as memory is to hold.
    var isFull: Bool {
        [orders.changed.count, stock.changed.count, reservations.changed.count].contains {
            $0 >= Self.capacity
        }
    }

    func order(_ id: String) throws(SQLiteError) -> OrderRow {
        if let known = orders.rows[id] { return known }
        return try OrderRow.load(id, from: connection) ?? OrderRow()
    }

    func setOrder(_ row: OrderRow, _ id: String) { orders.set(row, id) }

    func stock(_ sku: String) throws(SQLiteError) -> StockRow {
        if let known = stock.rows[sku] { return known }
        return try StockRow.load(sku, from: connection) ?? StockRow()
    }

    func setStock(_ row: StockRow, _ sku: String) { stock.set(row, sku) }

    /// The lines that an order holds; none where it holds nothing.
    func reservation(of order: String) throws(SQLiteError) -> [HeldLine] {
        if let known = reservations.rows[order] { return known }
        let statement = try connection.statement(
            "SELECT sku, quantity FROM reservations WHERE order_id = ?1 ORDER BY sku")
        defer { statement.reset() }
        try statement.bind(1, order)
        var held: [HeldLine] = []
        while try statement.step() {
            held.append(HeldLine(sku: statement.text(0), quantity: statement.integer(1)))
        }
        return held
    }

    func setReservation(_ held: [HeldLine], of order: String) { reservations.set(held, order) }

    func setLines(_ rows: [LineRow], of order: String) { lines.append((order, rows)) }

    func addToTimeline(_ message: Message, of order: String) {
        timeline.append((order, message))
        timelineBytes += message.data.count
    }

    /// Writes what is written once and never changed, where much of it waits; within the caller's
    /// transaction.
    func spill() throws(SQLiteError) {
        guard timeline.count >= Self.spillAt.count || timelineBytes >= Self.spillAt.bytes else {
            return
        }
        try writeTimeline()
    }

    private func writeTimeline() throws(SQLiteError) {
        for (order, rows) in lines { try write(rows, of: order) }
        // In the order of the table: neighbours are on one page.
        timeline.sort { $0.order < $1.order }
        for (order, message) in timeline { try write(message, of: order) }
        lines.removeAll(keepingCapacity: true)
        timeline.removeAll(keepingCapacity: true)
        timelineBytes = 0
    }

    /// Writes what changed, within the caller's transaction.
    func flush() throws(SQLiteError) {
        for id in orders.changed.sorted() { try orders.rows[id]?.save(id, to: connection) }
        try writeTimeline()
        for sku in stock.changed { if let row = stock.rows[sku] { try write(row, sku) } }
        for order in reservations.changed {
            if let held = reservations.rows[order] { try write(held, of: order) }
        }
    }

    /// The caller's transaction is committed.
    func settle() {
        orders.settle()
        stock.settle()
        reservations.settle()
    }

    /// Deletes all rows, in the file and in memory, within the caller's transaction.
    func reset() throws(SQLiteError) {
        for table in ReadSchema.tables { try connection.execute("DELETE FROM \(table.name)") }
        (orders, stock, reservations) = (Overlay(), Overlay(), Overlay())
        lines = []
        timeline = []
        timelineBytes = 0
    }

    private func write(_ rows: [LineRow], of order: String) throws(SQLiteError) {
        for (index, line) in rows.enumerated() {
            let statement = try connection.statement(
                "INSERT OR REPLACE INTO order_lines VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            try statement.bind(1, order)
            try statement.bind(2, Int64(index + 1))
            try statement.bind(3, line.sku)
            try statement.bind(4, line.quantity)
            try statement.bind(5, line.unitPrice)
            try statement.bind(6, line.description)
            try statement.run()
        }
    }

    private func write(_ message: Message, of order: String) throws(SQLiteError) {
        let statement = try connection.statement(
            """
            INSERT OR REPLACE INTO timeline
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
            """)
        try statement.bind(1, order)
        try statement.bind(2, message.identity.log.value)
        try statement.bind(3, message.identity.epoch.value)
        try statement.bind(4, message.identity.position.value)
        try statement.bind(5, message.type.name)
        try statement.bind(6, Int64(message.type.schema))
        try statement.bind(7, message.recordedAt.microseconds)
        try statement.bind(8, message.metadata.occurredAt?.microseconds)
        try statement.bind(9, message.metadata.actor)
        try statement.bind(10, message.metadata.correlation)
        try statement.bind(11, message.metadata.cause?.description)
        try statement.bind(12, text: message.data)
        try statement.run()
    }

    private func write(_ row: StockRow, _ sku: String) throws(SQLiteError) {
        let statement = try connection.statement(
            "INSERT OR REPLACE INTO stock VALUES (?1, ?2, ?3, ?4)")
        try statement.bind(1, sku)
        try statement.bind(2, row.onHand)
        try statement.bind(3, row.reserved)
        try statement.bind(4, row.mark.description)
        try statement.run()
    }

    private func write(_ held: [HeldLine], of order: String) throws(SQLiteError) {
        let deletion = try connection.statement("DELETE FROM reservations WHERE order_id = ?1")
        try deletion.bind(1, order)
        try deletion.run()
        for line in held {
            let statement = try connection.statement(
                "INSERT INTO reservations VALUES (?1, ?2, ?3)")
            try statement.bind(1, order)
            try statement.bind(2, line.sku)
            try statement.bind(3, line.quantity)
            try statement.run()
        }
    }
}

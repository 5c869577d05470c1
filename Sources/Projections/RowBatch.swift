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
    private var orders = RowOverlay<OrderRow>(capacity: RowBatch.capacity)
    private var stock = RowOverlay<StockRow>(capacity: RowBatch.capacity)
    private var reservations = RowOverlay<[HeldLine]>(capacity: RowBatch.capacity)
    private var books = Books()
    private var lines: [(order: String, lines: [LineRow])] = []
    /// By the places of their orders.
    private var timeline: [(order: Int, message: Message)] = []
    private var timelineBytes = 0
    private var page = TimelinePage()
    private var orderWriter: OrderWriter

    init(_ connection: Connection) {
        self.connection = connection
        orderWriter = OrderWriter(connection)
    }

    /// The orders that differ from the file; each with its lines.
    var changedOrders: [String] { orders.changedKeys }

    var isEmpty: Bool {
        orders.changed.isEmpty && stock.changed.isEmpty && reservations.changed.isEmpty
            && lines.isEmpty && timeline.isEmpty && !books.isChanged
    }

    /// Whether as many rows have changed as memory is to hold.
    var isFull: Bool {
        max(orders.changed.count, stock.changed.count, reservations.changed.count)
            >= Self.capacity
    }

    /// Changes an order by a message, which its timeline gets.
    func changeOrder(_ id: String, by message: Message, _ body: (inout OrderRow) -> Void)
        throws(SQLiteError)
    {
        let place = try orders.place(of: id) { () throws(SQLiteError) in
            try OrderRow.load(id, from: connection) ?? OrderRow()
        }
        orders.change(at: place, body)
        timeline.append((place, message))
        timelineBytes += message.data.count
    }

    func changeStock(_ sku: String, _ body: (inout StockRow) -> Void) throws(SQLiteError) {
        let place = try stock.place(of: sku) { () throws(SQLiteError) in
            try StockRow.load(sku, from: connection) ?? StockRow()
        }
        stock.change(at: place, body)
    }

    /// The lines that an order holds; none where it holds nothing.
    func reservation(of order: String) throws(SQLiteError) -> [HeldLine] {
        let place = try reservations.place(of: order) { () throws(SQLiteError) in
            try loadReservation(of: order)
        }
        return reservations[place]
    }

    private func loadReservation(of order: String) throws(SQLiteError) -> [HeldLine] {
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

    func setReservation(_ held: [HeldLine], of order: String) {
        let place = reservations.place(of: order) { [] }
        reservations.change(at: place) { $0 = held }
    }

    func setLines(_ rows: [LineRow], of order: String) { lines.append((order, rows)) }

    /// Books an amount, from one account's credit to another's debit.
    func post(_ amount: Int64, debit: Account, credit: Account, in unit: String)
        throws(SQLiteError)
    {
        try books.post(amount, debit: debit, credit: credit, in: unit, from: connection)
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
        var order: Int?
        for at in timeline.indices.sorted(by: { timeline[$0].order < timeline[$1].order }) {
            if let order, order != timeline[at].order { try writePage(of: order) }
            order = timeline[at].order
            page.append(timeline[at].message)
        }
        if let order { try writePage(of: order) }
        lines.removeAll(keepingCapacity: true)
        timeline.removeAll(keepingCapacity: true)
        timelineBytes = 0
    }

    /// Writes what changed, within the caller's transaction.
    func flush() throws(SQLiteError) {
        try orders.forEachChanged { (id, row) throws(SQLiteError) in
            try orderWriter.write(&row, id)
        }
        try writeTimeline()
        try stock.forEachChanged { (sku, row) throws(SQLiteError) in try write(row, sku) }
        try reservations.forEachChanged { (order, held) throws(SQLiteError) in
            try write(held, of: order)
        }
        try books.write(to: connection)
    }

    /// The caller's transaction is committed.
    func settle() {
        orders.settle()
        stock.settle()
        reservations.settle()
        books.settle()
    }

    /// Deletes all rows, in the file and in memory, within the caller's transaction.
    func reset() throws(SQLiteError) {
        for table in ReadSchema.tables { try connection.execute("DELETE FROM \(table.name)") }
        orders = RowOverlay(capacity: Self.capacity)
        stock = RowOverlay(capacity: Self.capacity)
        reservations = RowOverlay(capacity: Self.capacity)
        books = Books()
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

    private func writePage(of order: Int) throws(SQLiteError) {
        let statement = try connection.statement("INSERT INTO timeline VALUES (?1, ?2)")
        try statement.bind(1, orders.key(at: order))
        try statement.bind(2, text: page.bytes)
        page.removeAll()
        try statement.run()
    }

    private func write(_ row: StockRow, _ sku: String) throws(SQLiteError) {
        let statement = try connection.statement(
            "INSERT OR REPLACE INTO stock VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        try statement.bind(1, sku)
        try statement.bind(2, row.onHand)
        try statement.bind(3, row.reserved)
        try statement.bind(4, row.mark.description)
        try statement.bind(5, row.received)
        try statement.bind(6, row.shipped)
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

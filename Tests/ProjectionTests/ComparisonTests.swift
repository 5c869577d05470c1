import EventSourcing
import Messaging
import Projections
import SQLite
import Testing

/// Has somebody else done what is in timelines.
private let anonymousAsEve = "UPDATE timeline SET entries = replace(entries, 'anonymous', 'eve')"

@Suite struct ComparisonTests {
    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `rows built anew are the live ones, in whatever mixture`(seed: UInt64) throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 20)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 11)
        let report = try Comparison(
            path: engine.store.path, freshPath: "\(scratch.path)/fresh.db", feeds: shop.feeds,
            seed: seed)
        #expect(report.isEqual, "\(report.differences)")
        #expect(report.rows.map(\.table).count == 6)
        #expect(report.rows.allSatisfy { $0.count > 0 })
    }

    @Test func `a live store in the middle of a log is compared as far as it has read`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 20)
        let engine = try engine(scratch, "live", shop)
        for log in shop.logs {
            _ = engine.take(log.received(0..<log.messages.count / 2), of: log.source, at: now)
        }
        let report = try Comparison(
            path: engine.store.path, freshPath: "\(scratch.path)/fresh.db", feeds: shop.feeds,
            seed: 1)
        #expect(report.isEqual, "\(report.differences)")
    }

    @Test(
        arguments: [
            ("orders", "UPDATE orders SET total = total + 1 WHERE id = 'order-3'", "total"),
            ("order_lines", "DELETE FROM order_lines WHERE order_id = 'order-2' AND line = 2", nil),
            ("timeline", "\(anonymousAsEve) WHERE order_id = 'order-1'", "actor"),
            ("timeline", "DELETE FROM timeline WHERE order_id = 'order-1'", nil),
            (
                "timeline",
                """
                INSERT INTO timeline
                SELECT order_id, json_array(json(json_extract(entries, '$[0]')))
                FROM timeline LIMIT 1
                """, nil
            ),
            ("stock", "UPDATE stock SET reserved = reserved + 1 WHERE sku = 'B-2'", "reserved"),
            ("stock", "INSERT INTO stock VALUES ('Z', 1, 0, '1/1', 1, 0)", nil),
            ("books", "UPDATE books SET debit = debit + 1 WHERE account = 'revenue'", "debit"),
            ("reservations", "INSERT INTO reservations VALUES ('order-0', 'Z', 5)", nil),
        ] as [(String, String, String?)])
    func `a planted difference is found`(table: String, sql: String, column: String?) throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 10)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 11)
        try Connection(path: engine.store.path, mode: .writer).execute(sql)
        let report = try Comparison(
            path: engine.store.path, freshPath: "\(scratch.path)/fresh.db", feeds: shop.feeds,
            seed: 1)
        #expect(report.differenceCount >= 1)
        #expect(report.differences.allSatisfy { $0.table == table && $0.column == column })
    }

    @Test func `at most a hundred differences are named, and all are counted`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 60)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 11)
        try Connection(path: engine.store.path, mode: .writer)
            .execute(anonymousAsEve)
        let report = try Comparison(
            path: engine.store.path, freshPath: "\(scratch.path)/fresh.db", feeds: shop.feeds,
            seed: 1)
        #expect(report.differences.count == Comparison.limit)
        #expect(report.differenceCount > Comparison.limit)
    }

    @Test func `a log that ends before what was read of it is no base for a comparison`() throws {
        let scratch = try Scratch()
        var shop = try Shop(orders: 5)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 11)
        shop.orders.restore(to: Position(3))
        #expect(throws: ComparisonError.self) {
            try Comparison(
                path: engine.store.path, freshPath: "\(scratch.path)/fresh.db", feeds: shop.feeds,
                seed: 1)
        }
    }
}

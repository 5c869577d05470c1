import Domain
import EventSourcing
import EventStore
import Messaging
import Projections
import SQLite
import Testing

@Suite struct TimelineTests {
    private static let order = StreamID("order", "order-0")
    /// What a foreign service may have in an event, as no service of this shop writes it.
    private static let strange = #"""
        {"note" : "a \"quote\", a \n and ],\n[",
         "emoji":"ü€😀",

         "none":{ }, "number": 1.50e3}
        """#

    /// As deep as an event's data may be.
    private static let deepest =
        String(repeating: #"{"a":["#, count: JSON.maximumDepth / 2)
        + String(repeating: "]}", count: JSON.maximumDepth / 2)

    @Test func `an entry comes back as it was told, whatever its data look like`() throws {
        let scratch = try Scratch()
        var shop = try Shop(orders: 1)
        let time = Timestamp(microseconds: 77)
        for text in [Self.strange, Self.deepest] {
            shop.orders.append(
                Self.order, EventType("order.noted", schema: 3), Array(text.utf8),
                occurredAt: time)
        }
        let engine = try engine(scratch, "live", shop)
        _ = engine.take(shop.orders.received(), of: shop.orders.source, at: now)
        let id = try #require(OrderID("order-0"))
        let entries = try engine.store.timeline(id, limit: 100)
        #expect(entries.count == shop.orders.messages.count)
        for (entry, message) in zip(entries, shop.orders.messages) {
            #expect(entry.identity == message.identity)
            #expect(entry.type == message.type)
            #expect(entry.recordedAt == message.recordedAt)
            #expect(entry.occurredAt == message.metadata.occurredAt)
            #expect(entry.actor == message.metadata.actor)
            #expect(entry.correlation == message.metadata.correlation)
            #expect(try JSON(parsing: entry.data) == JSON(parsing: message.data))
        }
        #expect(entries.first?.data == shop.orders.messages.first?.data)
        #expect(entries.suffix(2).allSatisfy { $0.occurredAt == time })
    }

    @Test func `what a commit brings of an order is one row, which SQLite reads as JSON`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 3)
        let engine = try engine(scratch, "live", shop)
        _ = engine.process(shop.logs.map { .bulletins($0.source, $0.received()) }, at: now)
        let connection = try Connection(path: engine.store.path, mode: .reader)
        #expect(try connection.integer("SELECT count(*) FROM timeline") == 3)
        let ids = try connection.texts(
            """
            SELECT (e.value ->> 0) || '/' || (e.value ->> 1) || '/' || (e.value ->> 2)
            FROM timeline, json_each(entries) e WHERE order_id = 'order-1'
            """)
        let id = try #require(OrderID("order-1"))
        let told = try engine.store.timeline(id, limit: 100).map(\.identity.description)
        #expect(ids.sorted() == told.sorted() && ids.count > 3)
    }

    @Test(arguments: ["", "[", "[]", "{}", "[[1,2],\n[3]]", #"[["orders",1,2,"x",1,5]]"#])
    func `a row that nobody wrote so is damage, and no empty timeline`(text: String) throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 2)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 1)
        let connection = try Connection(path: engine.store.path, mode: .writer)
        try connection.execute("UPDATE timeline SET entries = '\(text)' WHERE order_id = 'order-1'")
        let id = try #require(OrderID("order-1"))
        #expect(throws: ReadError.self) { try engine.store.timeline(id, limit: 100) }
        #expect(throws: ComparisonError.self) {
            try Comparison(
                path: engine.store.path, freshPath: "\(scratch.path)/fresh.db", feeds: shop.feeds,
                seed: 1)
        }
    }
}

import Domain
import EventSourcing
import EventStore
import Messaging
import Projections
import SQLite

/// A shop's logs, written fact by fact.
final class Journal {
    var shop: Shop
    let engine: ProjectionEngine
    private let scratch: Scratch

    init() throws {
        (shop, scratch) = (try Shop(orders: 0), try Scratch())
        shop.deliveries = FakeLog("deliveries")
        engine = try ProjectionEngine(
            store: ReadStore(path: "\(scratch.path)/live.db"), sources: shop.logs.map(\.source),
            notice: { _ in })
    }

    func record(_ type: String, of id: String, _ data: String = "{}") {
        let category = type == "stock.received" ? "stock" : String(type.prefix { $0 != "." })
        let stream = StreamID(category, id)
        let bytes = Array(data.utf8)
        switch category {
        case "order", "checkout": shop.orders.append(stream, EventType(type), bytes)
        case "payment": shop.payments.append(stream, EventType(type), bytes)
        default: shop.deliveries.append(stream, EventType(type), bytes)
        }
    }

    func place(_ id: String, _ currency: String = "GBP", price: Int64 = 750, count: Int = 3) {
        record(
            "order.placed", of: id,
            """
            {"currency":"\(currency)","lines":[{"sku":"mug","quantity":\(count),\
            "unitPrice":\(price)}]}
            """)
    }

    func ask(_ id: String, _ minor: Int64 = 2250, _ currency: String = "GBP") {
        record("payment.authorization-requested", of: id, amount(minor, currency))
    }

    func capture(_ id: String, _ minor: Int64 = 2250, _ currency: String = "GBP") {
        record("payment.captured", of: id, amount(minor, currency))
    }

    private func amount(_ minor: Int64, _ currency: String) -> String {
        #"{"amount":{"minor":\#(minor),"currency":"\#(currency)"},"id":"c"}"#
    }

    func skipCapture(_ id: String, step: String = "capture payment") {
        record(
            "checkout.step-skipped", of: id,
            """
            {"ref":{"saga":"\(id)","step":"\(step)","direction":"forward","attempt":1},\
            "by":"alice","why":"paid in cash"}
            """)
    }

    /// Has the rows catch up, and all logs say that there is nothing more up to a moment.
    func accounts(
        readThrough: Timestamp? = Timestamp(microseconds: 1_000_000_000), verify: Bool = true
    ) throws -> Accounts {
        try shop.catchUp(engine)
        if let readThrough {
            for log in shop.logs {
                let output = engine.take(
                    [log.watermark(asOf: readThrough)], of: log.source, at: now)
                guard case .taken = output else { throw Unexpected() }
            }
            _ = engine.process([], at: now + .seconds(5))
        }
        return try engine.store.accounts(.init(isVerifying: verify))
    }

    func execute(_ sql: String) throws {
        try Connection(path: engine.store.path, mode: .writer).execute(sql)
    }
}

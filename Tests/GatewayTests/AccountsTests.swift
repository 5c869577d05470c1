import EventSourcing
import EventStore
import Gateway
import HTTP
import Messaging
import Projections
import SQLite
import Synchronization
import Testing

/// `GET /v1/accounts`: what balances, and what does not.
@Suite struct AccountsTests {
    /// A watch over one log of which a test says how far it is.
    private final class Hops: Sendable {
        struct State: Sendable {
            var watch = HopWatch()
            var (recorded, published, applied): (Int64, Int64, Int64) = (10, 10, 10)
            var parked: Int64 = 0
            var isUp = true
            var haltReason: String?
        }

        let state = Mutex(State())

        func look(at now: Timestamp) -> ShopReadings.Hops {
            state.withLock { state in
                let log = HopWatch.Log(
                    log: LogName("orders"), channels: ["facts"], recorded: state.recorded,
                    published: state.published, isUp: state.isUp, haltReason: state.haltReason)
                let reader = HopWatch.Reader(
                    name: "notifications", source: Source(LogName("orders"), "facts"),
                    applied: state.applied, parked: state.parked, isUp: true)
                return state.watch.look([log], [reader], at: now)
            }
        }
    }

    private let hops = Hops()
    private let rig: Rig

    init() throws {
        let (hops, box) = (hops, ClockBox())
        rig = try Rig(readings: {
            var readings = ShopReadings()
            readings.hops = hops.look(at: box.now)
            return readings
        })
        box.set(rig.runtime)
    }

    private final class ClockBox: Sendable {
        private let runtime = Mutex<ManualRuntime?>(nil)
        var now: Timestamp { runtime.withLock { $0?.now() ?? .epoch } }
        func set(_ runtime: ManualRuntime) { self.runtime.withLock { $0 = runtime } }
    }

    /// Looks each second for so long, as a host does, and then asks.
    private func accounts(after seconds: Int = 0, _ query: String = "") throws -> JSON {
        for _ in 0..<seconds {
            rig.runtime.advance(by: .seconds(1))
            _ = hops.look(at: rig.runtime.now())
        }
        let answer = try rig.get("/v1/accounts\(query)")
        #expect(answer.status == 200 && answer.headers["Content-Type"] == "application/json")
        return try answer.json
    }

    private func codes(_ accounts: JSON) -> [String] {
        (accounts["alarms"]?.array ?? []).compactMap { $0["code"]?.string }
    }

    /// The samples of a scrape that speak of books.
    private func metrics() throws -> [String] {
        let text = String(decoding: try rig.get("/metrics").body, as: UTF8.self)
        return text.split(separator: "\n").map(String.init).filter {
            $0.hasPrefix("kassa_books") || $0.hasPrefix("kassa_orders_out")
        }
    }

    private static let right = [
        "kassa_books_balanced{book=\"hops\"} 1", "kassa_books_balanced{book=\"money\"} 1",
        "kassa_books_balanced{book=\"stock\"} 1", "kassa_orders_out_of_balance 0",
    ]

    private func recordSale(captured: Int64 = 2500) throws {
        try rig.record(
            "deliveries", "stock-A-1", "stock.received", #"{"sku":"A-1","quantity":10}"#)
        try rig.recordOrder("o1")
        let amount = #"{"minor":\#(captured),"currency":"GBP"}"#
        try rig.record(
            "payments", "payment-o1", "payment.authorization-requested",
            #"{"amount":{"minor":2500,"currency":"GBP"}}"#)
        try rig.record(
            "payments", "payment-o1", "payment.captured", #"{"id":"c","amount":\#(amount)}"#)
        try rig.record("orders", "order-o1", "order.completed", "{}")
        try rig.readThrough()
    }

    @Test func `an empty shop balances`() throws {
        let accounts = try accounts()
        #expect(accounts["balanced"] == .bool(true) && accounts["money"]?.array?.isEmpty == true)
        #expect(
            accounts["hops"]?.text == """
                [{"log":"orders","channel":"facts","recorded":10,"published":10,"readers":\
                [{"reader":"notifications","applied":10,"waiting":0,"parked":0}],"balanced":true}]
                """)
        #expect(accounts["at"]?.string == rig.runtime.now().description)
        #expect(try metrics() == Self.right)
    }

    @Test func `accounts have money as orders have it, and pieces of goods`() throws {
        try recordSale()
        let accounts = try accounts()
        #expect(accounts["balanced"] == .bool(true), "\(accounts.text)")
        #expect(accounts["ordersOutOfBalance"]?.integer == 0 && codes(accounts).isEmpty)
        let ledger = accounts["money"]?.array?.first
        #expect(ledger?["currency"]?.string == "GBP" && ledger?["balanced"] == .bool(true))
        let revenue = ledger?["accounts"]?.array?.first { $0["account"]?.string == "revenue" }
        #expect(
            revenue?.text == """
                {"account":"revenue","debit":{"minor":0,"currency":"GBP","text":"0.00 GBP"},\
                "credit":{"minor":2500,"currency":"GBP","text":"25.00 GBP"},\
                "balance":{"minor":-2500,"currency":"GBP","text":"-25.00 GBP"}}
                """)
        #expect(
            accounts["stock"]?.text == """
                {"balanced":true,"accounts":[\
                {"account":"on-hand","debit":10,"credit":0,"balance":10},\
                {"account":"suppliers","debit":0,"credit":10,"balance":-10}]}
                """)
    }

    @Test func `a captured amount that differs is named, and the metric says so`() throws {
        try recordSale(captured: 2499)
        let accounts = try accounts()
        #expect(accounts["balanced"] == .bool(false))
        #expect(accounts["ordersOutOfBalance"]?.integer == 1)
        #expect(
            accounts["alarms"]?.text == """
                [{"book":"money","code":"captured-differs","detail":"order o1: it is completed, \
                its total is 25.00 GBP, captured 24.99 GBP","order":"o1"}]
                """)
        #expect(accounts["money"]?.array?.first?["balanced"] == .bool(false))
        #expect(accounts["stock"]?["balanced"] == .bool(true))
        let samples = try metrics()
        #expect(samples.contains("kassa_books_balanced{book=\"money\"} 0"))
        #expect(samples.contains("kassa_books_balanced{book=\"stock\"} 1"))
        #expect(samples.contains("kassa_orders_out_of_balance 1"))
    }

    @Test func `what summing up all rows shows counts until that is done again`() throws {
        try recordSale()
        let change = "UPDATE stock SET on_hand = on_hand + 1, received = received + 1"
        try Connection(path: rig.engine.store.path, mode: .writer).execute(change)
        #expect(try codes(accounts()).isEmpty && metrics() == Self.right)
        let verified = try accounts(after: 0, "?verify=true")
        #expect(codes(verified) == ["ledger-differs", "ledger-differs"])
        #expect(verified["stock"]?["balanced"] == .bool(false))
        #expect(verified["verifiedAt"]?.string == rig.runtime.now().description)
        rig.runtime.advance(by: .seconds(1))
        let known = try accounts()
        #expect(codes(known) == codes(verified) && known["verifiedAt"] == verified["verifiedAt"])
        #expect(try metrics().contains("kassa_books_balanced{book=\"stock\"} 0"))
        let undone = "UPDATE stock SET on_hand = on_hand - 1, received = received - 1"
        try Connection(path: rig.engine.store.path, mode: .writer).execute(undone)
        #expect(try codes(accounts(after: 0, "?verify=true")).isEmpty && metrics() == Self.right)
    }

    @Test func `a relay that stands still for half a minute is an alarm`() throws {
        _ = try accounts()
        hops.state.withLock { $0.recorded = 12 }
        let waiting = try accounts(after: 29)
        #expect(waiting["balanced"] == .bool(true))
        #expect(waiting["hops"]?.array?.first?["published"]?.integer == 10)
        let stalled = try accounts(after: 2)
        #expect(codes(stalled) == ["not-published"] && stalled["balanced"] == .bool(false))
        #expect(stalled["hops"]?.array?.first?["balanced"] == .bool(false))
        #expect(stalled["alarms"]?.array?.first?["log"]?.string == "orders")
        #expect(try metrics().first == "kassa_books_balanced{book=\"hops\"} 0")
        hops.state.withLock { $0.published = 11 }
        #expect(try codes(accounts()).isEmpty)
        hops.state.withLock { ($0.published, $0.applied) = (12, 12) }
        #expect(try codes(accounts(after: 60)).isEmpty && metrics() == Self.right)
    }

    @Test func `a reader that stands still is an alarm, and one whose part is away is none`() throws
    {
        hops.state.withLock { ($0.recorded, $0.published) = (12, 12) }
        let stalled = try accounts(after: 32)
        #expect(codes(stalled) == ["not-applied"])
        let reader = stalled["hops"]?.array?.first?["readers"]?.array?.first
        #expect(reader?["waiting"]?.integer == 2)
        // Nobody has looked for a while: what was meanwhile is not known.
        rig.runtime.advance(by: .seconds(40))
        #expect(try codes(accounts()).isEmpty)
    }

    @Test func `a position beyond the log's end is an alarm once the log was heard of again`()
        throws
    {
        hops.state.withLock { $0.applied = 12 }
        #expect(try codes(accounts()).isEmpty)
        #expect(try codes(accounts(after: 4)) == ["applied-ahead"])
        hops.state.withLock { $0.published = 12 }
        #expect(try codes(accounts(after: 4)) == ["published-ahead", "applied-ahead"])
        // The log goes on: it was seen a little later than its readers.
        for _ in 0..<10 {
            hops.state.withLock {
                ($0.recorded, $0.published, $0.applied) = (
                    $0.applied, $0.applied + 5, $0.applied + 5
                )
            }
            #expect(try codes(accounts(after: 1)).isEmpty)
        }
        hops.state.withLock { $0.isUp = false }
        #expect(try codes(accounts(after: 60)).isEmpty)
    }

    @Test func `a halted log and parked messages are alarms at once`() throws {
        hops.state.withLock { ($0.haltReason, $0.parked) = ("it was restored", 2) }
        let accounts = try accounts()
        #expect(codes(accounts) == ["halted", "parked"])
        let details = (accounts["alarms"]?.array ?? []).compactMap { $0["detail"]?.string }
        #expect(details.first == "orders writes no more: it was restored")
        #expect(details.last?.hasPrefix("2 messages of orders/facts are parked") == true)
    }

    @Test func `what is asked for in another way is refused`() throws {
        for query in ["?verify=yes", "?verify=true&verify=true", "?from=2026-01-01"] {
            let answer = try rig.get("/v1/accounts\(query)")
            #expect(answer.status == 400 && answer.code == "invalid-query", "\(query)")
        }
        #expect(try rig.post("/v1/accounts", "{}").status == 405)
    }
}

import Domain
import EventSourcing
import Projections
import SQLite
import Testing

/// What does not balance is named, whoever has seen to it.
@Suite struct BalanceTests {
    struct Wrong: Sendable, CustomTestStringConvertible {
        let name: String
        let code: String
        let facts: @Sendable (Journal) -> Void
        var testDescription: String { name }

        init(_ name: String, _ code: String, _ facts: @escaping @Sendable (Journal) -> Void) {
            (self.name, self.code, self.facts) = (name, code, facts)
        }
    }

    private static let wrongs = [
        Wrong("a penny too much", "captured-differs") {
            $0.ask("a", 2251)
            $0.capture("a", 2251)
            $0.record("order.completed", of: "a")
        },
        Wrong("a penny too little", "captured-differs") {
            $0.ask("a")
            $0.capture("a", 2249)
            $0.record("order.completed", of: "a")
        },
        Wrong("no capture", "captured-differs") { $0.record("order.completed", of: "a") },
        Wrong("another currency", "currency-differs") {
            $0.ask("a", 2250, "EUR")
            $0.capture("a", 2250, "EUR")
            $0.record("order.completed", of: "a")
        },
        Wrong("money for nothing", "captured-though-ended") {
            $0.ask("a")
            $0.capture("a")
            $0.record("order.cancelled", of: "a", #"{"reason":"so"}"#)
        },
        Wrong("an authorization that stays", "authorization-left") {
            $0.ask("a")
            $0.record("payment.authorized", of: "a", #"{"code":"ok"}"#)
            $0.record("order.expired", of: "a", #"{"reason":"so"}"#)
        },
        Wrong("more than was authorized", "captured-beyond-authorized") {
            $0.ask("a", 2000)
            $0.capture("a", 2250)
        },
        Wrong("more than the total", "authorized-beyond-total") { $0.ask("a", 2251) },
        Wrong("a written off order, paid in part", "captured-differs") {
            $0.skipCapture("a")
            $0.ask("a")
            $0.capture("a", 1)
            $0.record("order.completed", of: "a")
        },
    ]

    @Test(arguments: wrongs) func `an order that does not balance is named with what is wrong`(
        wrong: Wrong
    ) throws {
        let journal = try Journal()
        journal.place("a")
        journal.place("b")
        wrong.facts(journal)
        let accounts = try journal.accounts()
        #expect(accounts.ordersOutOfBalance == 1)
        #expect(accounts.alarms.map(\.code) == [wrong.code])
        #expect(accounts.alarms.first?.order == "a" && accounts.alarms.first?.book == .money)
        #expect(accounts.alarms.first?.unit == "GBP")
    }

    @Test func `an order counts once all logs are read through its newest fact`() throws {
        let journal = try Journal()
        journal.place("a")
        journal.record("order.completed", of: "a")
        let recorded = Timestamp(microseconds: 2_000_000)
        #expect(try journal.accounts(readThrough: nil).alarms.isEmpty)
        #expect(try journal.accounts(readThrough: recorded).alarms.isEmpty)
        let later = try journal.accounts(readThrough: recorded + .microseconds(1))
        #expect(later.ordersOutOfBalance == 1 && later.readThrough == recorded + .microseconds(1))
        #expect(try journal.engine.store.accounts(.init(isQuiet: true)).ordersOutOfBalance == 1)
        // What makes it right comes in.
        journal.ask("a")
        journal.capture("a")
        #expect(try journal.accounts().alarms.isEmpty)
    }

    @Test func `a void that is under way has a minute`() throws {
        let journal = try Journal()
        journal.place("a")
        journal.ask("a")
        journal.record("payment.authorized", of: "a", #"{"code":"ok"}"#)
        journal.record("payment.void-requested", of: "a")
        journal.record("order.cancelled", of: "a", #"{"reason":"so"}"#)
        let recorded = Timestamp(microseconds: 3_000_000)
        #expect(try journal.accounts(readThrough: recorded + .seconds(60)).alarms.isEmpty)
        let late = try journal.accounts(readThrough: recorded + .seconds(61))
        #expect(late.alarms.map(\.code) == ["authorization-left"])
        journal.record("payment.voided", of: "a")
        #expect(try journal.accounts().alarms.isEmpty)
    }

    @Test func `however many orders are wrong, a few are named, of each currency one`() throws {
        let journal = try Journal()
        for number in 0..<50 {
            journal.place("gbp-\(number)")
            journal.record("order.completed", of: "gbp-\(number)")
        }
        journal.place("jpy", "JPY")
        journal.record("order.completed", of: "jpy")
        let accounts = try journal.accounts()
        #expect(accounts.ordersOutOfBalance == 51)
        #expect(accounts.alarms.count == 21 && accounts.alarms.last?.order == "jpy")
        #expect(accounts.alarms.first?.order == "gbp-0")
    }

    struct Tampering: Sendable, CustomTestStringConvertible {
        let sql: String
        let codes: Set<String>
        /// Whether it shows without summing up all rows.
        var showsAtOnce = false
        var testDescription: String { sql }
    }

    private static let tamperings = [
        Tampering(
            sql: "UPDATE orders SET captured = captured + 1 WHERE id = 'a'",
            codes: ["captured-differs", "ledger-differs"], showsAtOnce: true),
        Tampering(
            sql:
                "UPDATE orders SET captured = captured + 1, total = total + 1, amount = amount + 1",
            codes: ["ledger-differs"]),
        Tampering(sql: "DELETE FROM orders WHERE id = 'a'", codes: ["ledger-differs"]),
        Tampering(
            sql: "UPDATE orders SET written_off = 1, captured = NULL",
            codes: ["ledger-differs"]),
        Tampering(
            sql: "UPDATE stock SET on_hand = on_hand - 1",
            codes: ["received-differs", "ledger-differs"], showsAtOnce: true),
        Tampering(
            sql: "UPDATE stock SET on_hand = on_hand - 1, received = received - 1",
            codes: ["ledger-differs"]),
        Tampering(
            sql: "UPDATE stock SET reserved = 100",
            codes: [
                "below-zero", "ledger-differs", "reserved-differs",
            ], showsAtOnce: true),
        Tampering(sql: "DELETE FROM reservations", codes: ["reserved-differs"]),
        Tampering(
            sql: "INSERT INTO reservations VALUES ('x', 'hat', 1)", codes: ["reserved-differs"]),
        Tampering(
            sql: "UPDATE books SET debit = debit + 1 WHERE account = 'captured'",
            codes: ["debit-differs", "ledger-differs"], showsAtOnce: true),
        Tampering(
            sql: "DELETE FROM books WHERE unit = 'units'", codes: ["ledger-differs"]),
    ]

    @Test(arguments: tamperings) func `what is changed behind the shop's back shows`(
        tampering: Tampering
    ) throws {
        let journal = try Journal()
        journal.record("stock.received", of: "mug", #"{"sku":"mug","quantity":10}"#)
        journal.record("reservation.made", of: "b", #"{"lines":[{"sku":"mug","quantity":2}]}"#)
        journal.place("a")
        journal.ask("a")
        journal.capture("a")
        journal.record("order.completed", of: "a")
        #expect(try journal.accounts().alarms.isEmpty)
        try journal.execute(tampering.sql)
        let verified = try journal.engine.store.accounts(.init(isVerifying: true))
        #expect(Set(verified.alarms.map(\.code)) == tampering.codes)
        let glance = try journal.engine.store.accounts()
        #expect(glance.verification == nil)
        let atOnce = tampering.codes.subtracting(["ledger-differs", "reserved-differs"])
        #expect(tampering.showsAtOnce == !atOnce.isEmpty)
        #expect(Set(glance.alarms.map(\.code)) == atOnce)
    }

    @Test func `whatever becomes of orders, the books equal the sums of their rows`() throws {
        let scratch = try Scratch()
        let shop = try Shop(orders: 60)
        let engine = try engine(scratch, "live", shop)
        try shuffle(shop, into: engine, seed: 5)
        let accounts = try engine.store.accounts(.init(isVerifying: true, isQuiet: true))
        #expect(accounts.verification == [])
        // Those in a parcel of the samples have no end, and none is out of balance.
        #expect(accounts.alarms.isEmpty)
        let report = try engine.store.revenue(by: .day, in: Period(), limit: 10)
        #expect(
            accounts.money.first?.balance("revenue")
                == report.totals.first.map { -$0.revenue.minor })
    }
}

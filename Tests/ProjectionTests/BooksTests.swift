import Domain
import EventSourcing
import Projections
import Testing

/// Facts that lead to entries in the books.
@Suite struct BooksTests {
    /// `account debit credit` of a currency, those that were ever posted to.
    private func lines(_ accounts: Accounts, _ unit: String = "GBP") -> [String] {
        let ledger = unit == "units" ? accounts.stock : accounts.money.first { $0.unit == unit }
        return (ledger?.lines ?? []).map { "\($0.account) \($0.debit) \($0.credit)" }
    }

    @Test func `an order leads from open to paid, each step in two accounts`() throws {
        let journal = try Journal()
        journal.place("a")
        #expect(try lines(journal.accounts()) == ["open-orders 2250 0", "ordered 0 2250"])
        journal.ask("a")
        journal.record("payment.authorized", of: "a", #"{"code":"ok"}"#)
        #expect(
            try lines(journal.accounts()).suffix(2) == ["authorized 2250 0", "provider 0 2250"])
        journal.record("order.confirmed", of: "a")
        journal.record("payment.capture-requested", of: "a")
        journal.capture("a")
        let paid = try journal.accounts()
        #expect(paid.money.first?.balance("customers") == -2250)
        journal.record("order.completed", of: "a")
        let ended = try journal.accounts()
        #expect(
            lines(ended) == [
                "open-orders 2250 2250", "ordered 2250 2250", "customers 2250 2250",
                "revenue 0 2250", "captured 2250 0", "authorized 2250 2250", "provider 2250 2250",
            ])
        #expect(ended.alarms.isEmpty && ended.ordersOutOfBalance == 0)
    }

    @Test func `an order that comes to nothing leaves nothing behind`() throws {
        let journal = try Journal()
        journal.place("a", "JPY")
        journal.ask("a", 2250, "JPY")
        journal.record("payment.authorized", of: "a", #"{"code":"ok"}"#)
        journal.record("payment.void-requested", of: "a")
        #expect(try journal.accounts().money.first?.balance("authorized") == 2250)
        journal.record("payment.voided", of: "a")
        journal.record("order.cancelled", of: "a", #"{"reason":"changed"}"#)
        journal.place("b", "JPY")
        journal.ask("b", 2250, "JPY")
        journal.record("payment.declined", of: "b", #"{"reason":"no"}"#)
        journal.record("order.rejected", of: "b", #"{"reason":"no"}"#)
        let accounts = try journal.accounts()
        #expect(accounts.money.map(\.unit) == ["JPY"] && accounts.alarms.isEmpty)
        #expect(accounts.money.first?.lines.allSatisfy { $0.balance == 0 } == true)
    }

    @Test func `an authorization that comes after its void was asked for is held until voided`()
        throws
    {
        let journal = try Journal()
        journal.place("a")
        journal.ask("a")
        journal.record("payment.authorization-overdue", of: "a", #"{"reason":"late"}"#)
        #expect(try lines(journal.accounts()) == ["open-orders 2250 0", "ordered 0 2250"])
        journal.record("payment.authorized", of: "a", #"{"code":"ok"}"#)
        #expect(try journal.accounts().money.first?.balance("authorized") == 2250)
        journal.record("payment.voided", of: "a")
        #expect(try journal.accounts().money.first?.balance("authorized") == 0)
    }

    @Test func `a capture that was skipped is written off, and the order balances`() throws {
        let journal = try Journal()
        for id in ["a", "b"] {
            journal.place(id)
            journal.record("order.confirmed", of: id)
        }
        journal.skipCapture("a")
        journal.skipCapture("b", step: "hand over")
        for id in ["a", "b"] { journal.record("order.completed", of: id) }
        let accounts = try journal.accounts()
        let ledger = try #require(accounts.money.first)
        #expect(ledger.balance("written-off") == 2250 && ledger.balance("revenue") == -4500)
        #expect(accounts.ordersOutOfBalance == 1)
        #expect(accounts.alarms.map(\.order) == ["b"])
        let (a, b) = (try #require(OrderID("a")), try #require(OrderID("b")))
        #expect(try journal.engine.store.order(a)?.isWrittenOff == true)
        #expect(try journal.engine.store.order(b)?.isWrittenOff == false)
        // Paid after all: what stands for the customer is seen.
        journal.ask("a")
        journal.capture("a")
        let paid = try journal.accounts()
        #expect(paid.alarms.map(\.order) == ["b"])
        #expect(paid.money.first?.balance("customers") == 0)
    }

    @Test func `goods come in, are held, and go out`() throws {
        let journal = try Journal()
        let held = #"{"lines":[{"sku":"mug","quantity":3}]}"#
        journal.record("stock.received", of: "mug", #"{"sku":"mug","quantity":10}"#)
        journal.record("reservation.made", of: "a", held)
        journal.record("reservation.made", of: "b", held)
        journal.record("reservation.released", of: "b")
        #expect(try journal.accounts().stock.balance("reserved") == 3)
        journal.record("delivery.handed-over", of: "a", #"{"tracking":"T"}"#)
        journal.record("delivery.handed-over", of: "b", #"{"tracking":"T"}"#)
        let accounts = try journal.accounts()
        #expect(
            lines(accounts, "units") == [
                "on-hand 10 3", "suppliers 0 10", "shipped 3 0", "reserved 6 6", "promised 6 6",
            ])
        #expect(accounts.alarms.isEmpty)
    }

    @Test func `goods that leave and never came in show as a SKU that does not balance`() throws {
        let journal = try Journal()
        journal.record(
            "reservation.made", of: "a", #"{"lines":[{"sku":"mug","quantity":3}]}"#)
        #expect(try journal.accounts().alarms.map(\.code) == ["below-zero"])
        journal.record("delivery.handed-over", of: "a", #"{"tracking":"T"}"#)
        let accounts = try journal.accounts()
        #expect(Set(accounts.alarms.map(\.code)) == ["received-differs", "ledger-differs"])
        #expect(accounts.alarms.first?.sku == "mug" && accounts.stock.balance("on-hand") == -3)
    }

    @Test func `facts of orders that nobody placed are booked once they are known`() throws {
        let journal = try Journal()
        journal.skipCapture("a")
        journal.record("order.completed", of: "b")
        #expect(try journal.accounts().money.isEmpty)
        journal.place("a")
        #expect(try lines(journal.accounts()).contains("written-off 2250 0"))
        journal.ask("c")
        journal.record("payment.authorized", of: "c", #"{"code":"ok"}"#)
        let accounts = try journal.accounts()
        #expect(accounts.alarms.map(\.code) == ["order-missing"])
        #expect(accounts.alarms.map(\.order) == ["c"])
    }

    @Test func `sums beyond 64 bits end nothing, and still agree`() throws {
        let journal = try Journal()
        for id in ["a", "b", "c"] {
            journal.place(id, price: .max, count: 1)
            journal.record("order.completed", of: id)
        }
        let accounts = try journal.accounts()
        #expect(accounts.ordersOutOfBalance == 3)
        #expect(accounts.alarms.allSatisfy { $0.code == "captured-differs" })
    }
}

import EventSourcing
import Foundation
import Testing

/// Whether a running shop's books balance, and what is said where they do not.
@Suite(.scenarios) struct AccountsTests {
    private func accounts(_ shop: RunningShop, _ query: String = "") throws -> JSON {
        let answer = try shop.get("/v1/accounts\(query)")
        guard answer.status == 200 else { throw Failure("\(answer)") }
        return answer.json
    }

    /// The balance of an account in minor units or pieces.
    private func balance(_ account: String, _ ledger: JSON?) -> Int64? {
        let line = ledger?["accounts"]?.array?.first { $0["account"]?.string == account }
        return line?["balance"]?.integer ?? line?["balance"]?["minor"]?.integer
    }

    private func codes(_ accounts: JSON) -> Set<String> {
        Set((accounts["alarms"]?.array ?? []).compactMap { $0["code"]?.string })
    }

    /// Once everything that was recorded is published and read.
    private func settled(_ shop: RunningShop) throws -> JSON {
        try eventually("what is recorded is published and applied") {
            let accounts = try accounts(shop)
            let hops = accounts["hops"]?.array ?? []
            let readers = hops.flatMap { $0["readers"]?.array ?? [] }
            let isSettled = hops.allSatisfy { hop in
                hop["published"] == hop["recorded"]
                    && (hop["readers"]?.array ?? []).allSatisfy { $0["applied"] == hop["recorded"] }
            }
            return hops.count == 6 && readers.count == 10 && isSettled ? accounts : nil
        }
    }

    @Test(arguments: RunningShop.Form.allCases)
    func `after orders that end in all ways the books balance, to the penny`(
        form: RunningShop.Form
    ) throws {
        let shop = try RunningShop.fresh(as: form, mugs: 50)
        let ends = try [
            OrderBody(quantity: 3), OrderBody(), OrderBody(token: "tok_declined"),
            OrderBody(quantity: 100), OrderBody(more: "\"shipping\":\"ship_refused\""),
        ].map { try shop.ended($0)["status"] }
        #expect(ends == ["completed", "completed", "rejected", "rejected", "rejected"])
        let settled = try settled(shop)
        #expect(settled["balanced"] == .bool(true), "\(settled.text)")
        #expect(settled["money"]?.array?.count == 1)
        let money = settled["money"]?.array?.first
        #expect(balance("revenue", money) == -3000 && balance("captured", money) == 3000)
        for account in ["open-orders", "ordered", "customers", "authorized", "provider"] {
            #expect(balance(account, money) == 0, "\(account)")
        }
        #expect(balance("on-hand", settled["stock"]) == 46)
        #expect(balance("shipped", settled["stock"]) == 4)
        #expect(balance("reserved", settled["stock"]) == 0)
        let verified = try accounts(shop, "?verify=true")
        #expect(verified["balanced"] == .bool(true) && verified["verifiedAt"] != nil)

        let shown = try Shopctl.run("accounts", "--url", shop.url)
        #expect(shown.code == 0 && shown.output.contains("balanced at"), "\(shown)")
        #expect(shown.output.contains("30.00 GBP"), "\(shown)")
        let json = try Shopctl.run("accounts", "--verify", "--json", "--url", shop.url)
        #expect(json.code == 0 && json.output.contains("\"balanced\":true"), "\(json)")
        let scrape = try Scrape(shop)
        for book in ["hops", "money", "stock"] {
            #expect(scrape["kassa_books_balanced", "book=\"\(book)\""] == 1)
        }
        let head = scrape["kassa_log_head_position", "log=\"orders\""]
        #expect(head != nil && scrape["kassa_log_published_position", "log=\"orders\""] == head)
    }

    struct Change: Sendable, CustomTestStringConvertible {
        let name: String
        let sql: String
        let book: String
        let code: String
        /// Whether only the sums of all rows show it.
        var isHidden = false
        var testDescription: String { name }
    }

    private static let changes = [
        Change(
            name: "a captured amount", sql: "UPDATE orders SET captured = captured + 1",
            book: "money", code: "captured-differs"),
        Change(
            name: "a stock row off by one", sql: "UPDATE stock SET on_hand = on_hand + 1",
            book: "stock", code: "received-differs"),
        Change(
            name: "an order that was made dearer in all columns",
            sql: """
                UPDATE orders SET captured = captured + 1, amount = amount + 1, total = total + 1
                """,
            book: "money", code: "ledger-differs", isHidden: true),
        Change(
            name: "an account",
            sql: "UPDATE books SET credit = credit + 1 WHERE account = 'revenue'",
            book: "money", code: "debit-differs"),
    ]

    @Test(arguments: changes)
    func `a change behind the shop's back is an alarm, a metric and a finding`(change: Change)
        throws
    {
        let shop = try RunningShop.fresh()
        _ = try shop.ended()
        let before = try settled(shop)
        #expect(before["balanced"] == .bool(true), "\(before.text)")
        let sound = try doctor(shop)
        #expect(sound.allSatisfy { $0.state == "ok" }, "\(sound)")
        _ = try sqlite(shop.folder.readStore, change.sql)
        let query = change.isHidden ? "?verify=true" : ""
        // All logs must have been read through the newest fact, and say so once a second.
        let after = try eventually("it is named") {
            let after = try accounts(shop, query)
            return codes(after).contains(change.code) ? after : nil
        }
        #expect(after["balanced"] == .bool(false))
        let books = Set((after["alarms"]?.array ?? []).compactMap { $0["book"]?.string })
        #expect(books == [change.book])
        let scrape = try Scrape(shop)
        for book in ["hops", "money", "stock"] {
            let value = scrape["kassa_books_balanced", "book=\"\(book)\""]
            #expect(value == (book == change.book ? 0 : 1), "\(book)")
        }
        let found = try doctor(shop)
        #expect(
            found.contains {
                $0.name == "books of \(change.book)" && $0.state == "problem"
                    && $0.finding.hasPrefix(change.code)
            }, "\(found)")
        let shown = try Shopctl.run("accounts", "--url", shop.url)
        #expect(shown.code == 1 && shown.output.contains("not balanced"), "\(shown)")
    }

    @Test func `what the files say of a log's way that cannot be is named`() throws {
        let shop = try RunningShop.fresh()
        _ = try shop.ended()
        _ = try settled(shop)
        // How far a log is published is on disk soon, also where nothing more is recorded.
        for log in ["orders", "payments", "deliveries", "notifications"] {
            try eventually("\(log)'s cursor is saved") {
                try sqlite(
                    shop.folder.log(log),
                    "SELECT (SELECT position FROM outbox) = (SELECT max(position) FROM events)")
                    == "1\n"
            }
        }
        try shop.stop()
        let sound = try doctor(shop)
        #expect(sound.count == 6 && sound.allSatisfy { $0.state == "ok" }, "\(sound)")
        let changes = [
            (
                shop.folder.readStore, "payments",
                "UPDATE checkpoints SET position = position + 9 WHERE source = 'payments/facts'",
                "payments/facts by gateway is read up to"
            ),
            (
                shop.folder.log("orders"), "orders",
                "INSERT OR REPLACE INTO outbox VALUES (1, 1, 1000)",
                "was published up to"
            ),
        ]
        for (path, log, sql, finding) in changes {
            _ = try sqlite(path, sql)
            let found = try doctor(shop)
            #expect(
                found.contains {
                    $0.name == "\(log) hops" && $0.state == "problem"
                        && $0.finding.contains(finding)
                }, "\(found)")
        }
    }

    private struct Check {
        let name: String
        let state: String
        let finding: String
    }

    /// What the doctor says of books and hops.
    private func doctor(_ shop: RunningShop) throws -> [Check] {
        let done = try Shopctl.run(
            "doctor", "--data", shop.folder.data, "--port", "\(shop.port)", "--json")
        let checks = try JSON(parsing: Array(done.output.utf8))["checks"]?.array ?? []
        return checks.map {
            Check(
                name: $0["name"]?.string ?? "", state: $0["state"]?.string ?? "",
                finding: $0["finding"]?.string ?? "")
        }.filter { $0.name.hasPrefix("books") || $0.name.hasSuffix("hops") }
    }
}

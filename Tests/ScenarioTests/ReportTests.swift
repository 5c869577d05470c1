import EventSourcing
import Foundation
import HTTP
import Testing

/// `shopctl order list`, `report` and `export orders`.
@Suite(.scenarios) struct ReportTests {
    private func shopctl(_ arguments: [String], at shop: RunningShop) throws -> Finished {
        try Shopctl.run([Shopctl.path] + arguments + ["--url", shop.url])
    }

    private func json(_ arguments: [String], at shop: RunningShop) throws -> JSON {
        let done = try shopctl(arguments + ["--json"], at: shop)
        guard done.code == 0 else { throw Failure(done.all) }
        return try JSON(parsing: Array(done.output.utf8))
    }

    private func ids(_ list: JSON) -> [String] {
        (list["orders"]?.array ?? []).compactMap { $0["id"]?.string }
    }

    /// A shop with two completed orders in January 2020, and one that was rejected in February;
    /// newest first.
    private func sold() throws -> (RunningShop, [String]) {
        let shop = try RunningShop.fresh()
        var ids: [String] = []
        let days = [
            ("2020-01-30", "tok_ok"), ("2020-01-31", "tok_ok"), ("2020-02-01", "tok_declined"),
        ]
        for (index, (day, token)) in days.enumerated() {
            let more = "\"customer\":\"c\(index / 2)\",\"occurredAt\":\"\(day)T12:00:00Z\""
            let order = OrderBody(quantity: index + 1, token: token, more: more)
            ids.append(try shop.ended(order)["id"])
        }
        return (shop, ids.reversed())
    }

    @Test func `orders are listed newest first, and filtered`() throws {
        let (shop, ids) = try sold()
        #expect(self.ids(try json(["order", "list"], at: shop)) == ids)
        let filters: [([String], [String])] = [
            (["--limit", "2"], Array(ids.prefix(2))), (["--customer", "c0"], Array(ids.suffix(2))),
            (["--status", "rejected"], [ids[0]]), (["--from", "2020-01-31"], Array(ids.prefix(2))),
            (["--to", "2020-01-31"], [ids[2]]),
            (["--from", "2020-01-31T12:00:00Z", "--to", "2020-02-01T12:00:00Z"], [ids[1]]),
            (["--customer", "nobody"], []),
        ]
        for (filter, expected) in filters {
            let list = try json(["order", "list"] + filter, at: shop)
            #expect(self.ids(list) == expected, "\(filter): \(list.text)")
        }
        let table = try shopctl(["order", "list"], at: shop)
        let rows = table.output.split(separator: "\n")
        #expect(rows.count == 4 && rows[0].hasPrefix("ID "), "\(table)")
        #expect(rows[1].contains("rejected") && rows[1].contains("22.50 GBP"), "\(table)")
        #expect(rows[3].hasSuffix("2020-01-30T12:00:00.000000Z"), "\(table)")
    }

    @Test func `a list goes on over pages until its limit`() throws {
        let shop = try RunningShop.fresh(mugs: 1)
        let placed = inParallel(8) { _ in
            (0..<65).compactMap { _ in try? shop.place().status }
        }
        #expect(placed.joined().allSatisfy { $0 == 201 })
        let all = try eventually("all 520 orders are listed") {
            let list = ids(try json(["order", "list", "--limit", "1000"], at: shop))
            return list.count == 520 ? list : nil
        }
        #expect(Set(all).count == 520)
        #expect(ids(try json(["order", "list", "--limit", "510"], at: shop)).count == 510)
        let exported = try shopctl(["export", "orders"], at: shop)
        let rows = exported.output.split(separator: "\r\n")
        #expect(exported.code == 0 && rows.count == 521)
        #expect(Set(rows.dropFirst().map { String($0.prefix { $0 != "," }) }) == Set(all))
    }

    @Test func `orders are exported, a row each`() throws {
        let (shop, ids) = try sold()
        let file = "\(shop.folder.path)/orders.csv"
        let done = try shopctl(["export", "orders", "--output", file], at: shop)
        #expect(done.code == 0 && done.output.contains("wrote 3 rows"), "\(done)")
        let rows = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\r\n")
        #expect(rows.count == 4)
        #expect(rows[0].hasPrefix("id,status,reason,customer,reference,total,currency,totalMinor"))
        #expect(rows[3].hasPrefix("\(ids[2]),completed,,c0,,7.50 GBP,GBP,750,1,1,2020-01-30T"))
        let lines = try shopctl(
            ["export", "orders", "--format", "jsonl", "--status", "completed"], at: shop
        ).output.split(separator: "\n").map { try JSON(parsing: Array($0.utf8))["id"]?.string }
        #expect(lines == [ids[1], ids[2]])
    }

    @Test func `revenue is reported by day, month and SKU`() throws {
        let (shop, _) = try sold()
        let report = ["report", "revenue", "--by"]
        let days = try json(report + ["day"], at: shop)["rows"]?.array ?? []
        #expect(days.map { $0["day"]?.string } == ["2020-01-30", "2020-01-31"])
        #expect(days.map { $0["revenue"]?["text"]?.string } == ["7.50 GBP", "15.00 GBP"])
        let month = try shopctl(report + ["month"], at: shop)
        let rows = month.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(rows.map(\.first) == ["MONTH", "2020-01", "total"], "\(month)")
        #expect(rows.last == ["total", "2", "2", "3", "22.50", "GBP"], "\(month)")
        let later = try shopctl(report + ["sku", "--from", "2020-01-31"], at: shop)
        #expect(later.output.contains("mug"), "\(later)")
        #expect(later.output.contains("15.00 GBP") && !later.output.contains("22.50"), "\(later)")
        let path = "/v1/reports/revenue?by=sku&limit=10000"
        #expect(try json(report + ["sku"], at: shop) == shop.get(path).json)
    }

    @Test func `a total that does not fit is said to be so`() throws {
        let row = "\"currency\":\"GBP\",\"orders\":1,\"total\":{\"minor\":\(Int64.max)}"
        let rows = ["placed", "completed"].map { "{\"status\":\"\($0)\",\(row)}" }
        let shop = try HTTPServer.start { _, responder in
            responder.respond(.text(200, "{\"rows\":[\(rows.joined(separator: ","))]}"))
        }
        defer { shop.stop() }
        let report = try Shopctl.run("report", "orders", "--url", "http://127.0.0.1:\(shop.port)")
        #expect(report.code == 0, "\(report)")
        let total = report.output.split(separator: "\n").last ?? ""
        #expect(total.hasSuffix("does not fit into 64 bits GBP"), "\(report)")
        #expect(total.split(separator: " ").prefix(2) == ["total", "2"], "\(report)")
    }

    @Test func `orders are reported by status, with totals`() throws {
        let (shop, _) = try sold()
        let report = try shopctl(["report", "orders", "--by", "status"], at: shop)
        let rows = report.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(rows.contains(["completed", "2", "22.50", "GBP"]), "\(report)")
        #expect(rows.contains(["rejected", "1", "22.50", "GBP"]), "\(report)")
        #expect(rows.last == ["total", "3", "45.00", "GBP"], "\(report)")
        let json = try json(["report", "orders"], at: shop)
        #expect(json == (try shop.get("/v1/reports/orders?by=status").json))
    }
}

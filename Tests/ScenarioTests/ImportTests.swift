import EventSourcing
import Foundation
import Testing

/// A file's orders, brought into a running shop by a process of their own.
@Suite(.scenarios) struct ImportTests {
    /// What the sample's README states.
    private enum Sample {
        static let path = Shopctl.root.appendingPathComponent("Examples/online-retail-500.csv.gz")
            .path
        static let invoices: Int64 = 500
        static let orders: Int64 = 372
        static let lines: Int64 = 9196
        static let units: Int64 = 88_659
        static let pence: Int64 = 16_805_900
        static let stockCodes: Int64 = 1851
        static let months = ["2011-01": Int64(4_689_192), "2011-02": 12_116_708]
    }

    private func command(_ shop: RunningShop, _ path: String, _ more: [String] = []) -> [String] {
        [Shopctl.path, "import", "online-retail", path, "--json", "--url", shop.url] + more
    }

    /// Imports, which must succeed, and returns what it says.
    private func imported(
        _ shop: RunningShop, _ path: String = Sample.path, _ more: [String] = []
    ) throws -> JSON {
        let done = try Shopctl.run(command(shop, path, more))
        guard done.code == 0, done.error.isEmpty else { throw Failure("\(done)") }
        return try JSON(parsing: Array(done.output.utf8))
    }

    private func checkSampleIsThereOnce(_ shop: RunningShop) throws {
        let placed = try sqlite(
            shop.folder.log("orders"),
            """
            SELECT count(*), count(DISTINCT json_extract(data, '$.reference'))
            FROM events WHERE type = 'order.placed'
            """)
        #expect(placed == "\(Sample.orders)|\(Sample.orders)\n")
        // An order's end may show before its payment's does.
        try eventually("each order is paid for, once") {
            try sqlite(
                shop.folder.log("payments"),
                """
                SELECT count(*), sum(json_extract(data, '$.amount.minor'))
                FROM events WHERE type = 'payment.captured'
                """) == "\(Sample.orders)|\(Sample.pence)\n"
        }
        // One receipt for each stock code, and all of it is sold.
        let receipts = try sqlite(
            shop.folder.log("deliveries"),
            """
            SELECT count(*), sum(json_extract(data, '$.quantity'))
            FROM events WHERE type = 'stock.received'
            """)
        #expect(receipts == "\(Sample.stockCodes)|\(Sample.units)\n")
        try eventually("nothing is left in stock") {
            try sqlite(shop.folder.readStore, "SELECT sum(on_hand), sum(reserved) FROM stock")
                == "0|0\n"
        }
        let verified = try Shopctl.verify(shop.folder)
        #expect(verified.code == 0, "\(verified.all)")
    }

    @Test func `the sample comes in as its README says, and a second time adds nothing`() throws {
        let shop = try RunningShop(try Folder())
        let first = try imported(shop)
        func number(_ name: String, in json: JSON) -> Int64? { json[name]?.integer }
        for (name, value) in [
            ("invoices", Sample.invoices), ("orders", Sample.orders), ("placed", Sample.orders),
            ("thereAlready", 0), ("refused", 0), ("lines", Sample.lines), ("units", Sample.units),
            ("stockCodes", Sample.stockCodes),
        ] {
            #expect(number(name, in: first) == value, "\(name)")
        }
        #expect(first["amount"]?["minor"]?.integer == Sample.pence)
        #expect(
            first["linesSkipped"]?.text == """
                [{"reason":"credit note","lines":183},\
                {"reason":"quantity not positive","lines":45},{"reason":"no price","lines":20}]
                """)
        #expect(
            first["statuses"]?.text == "[{\"status\":\"completed\",\"orders\":\(Sample.orders)}]")
        try checkSampleIsThereOnce(shop)
        let sold = try Sold(shop)
        #expect(sold.months.mapValues(\.pence) == Sample.months)
        #expect(sold.total.orders == Sample.orders && sold.total.lines == Sample.lines)
        #expect(sold.total.units == Sample.units && sold.total.pence == Sample.pence)
        #expect(sold.skus.count == Sample.stockCodes)

        let second = try imported(shop)
        #expect(number("placed", in: second) == 0)
        #expect(number("thereAlready", in: second) == Sample.orders)
        #expect(second["amount"] == first["amount"] && second["statuses"] == first["statuses"])
        // The content counts, not how it is packed.
        let unpacked = "\(shop.folder.path)/unpacked.csv"
        #expect(
            try Shopctl.run(["sh", "-c", "gzip -dc '\(Sample.path)' > '\(unpacked)'"]).code == 0)
        #expect(try imported(shop, unpacked)["reference"] == first["reference"])
        try checkSampleIsThereOnce(shop)
    }

    @Test func `the README beside the sample states its totals`() throws {
        let readme = Shopctl.root.appendingPathComponent("Examples/README.md")
        let text = try String(contentsOf: readme, encoding: .utf8)
        for number in [
            "500 consecutive", "372", "9,196", "88,659", "168,059.00", "46,891.92", "121,167.08",
            "1,851", "10.1057/dbm.2012.17", "CC BY 4.0",
        ] {
            #expect(text.contains(number), "\(number)")
        }
    }

    private func waitForOrders(_ count: Int, _ shop: RunningShop, _ importer: Child) throws {
        try eventually("\(count) orders are placed", within: 300) {
            guard importer.exitCode == nil else { throw Failure(importer.standardError) }
            let placed = try sqlite(
                shop.folder.log("orders"),
                "SELECT count(*) >= \(count) FROM events WHERE type = 'order.placed'")
            return placed == "1\n"
        }
    }

    @Test func `a shop that is killed and started again in between gets every order once`() throws {
        let port = try HeldPort()
        let shop = try RunningShop(try Folder(), port: port.number)
        let importer = try Child(
            command(shop, Sample.path), output: "\(shop.folder.path)/importer")
        try waitForOrders(60, shop, importer)
        shop.kill()
        let again = try RunningShop(shop.folder, port: port.number)
        // It has waited, and goes on by itself.
        #expect(try importer.end(within: 300) == 0, "\(importer.standardError)")
        let said = try JSON(parsing: Array(importer.standardOutput.utf8))
        let taken = (said["placed"]?.integer ?? 0) + (said["thereAlready"]?.integer ?? 0)
        #expect(taken == Sample.orders && said["refused"]?.integer == 0)
        #expect(try imported(again)["thereAlready"]?.integer == Sample.orders)
        try checkSampleIsThereOnce(again)
    }

    @Test func `an import that is killed goes on when it is run again`() throws {
        let shop = try RunningShop(try Folder())
        let importer = try Child(
            command(shop, Sample.path, ["--clients", "3"]), output: "\(shop.folder.path)/importer")
        try waitForOrders(60, shop, importer)
        importer.kill()
        let said = try imported(shop)
        let (placed, before) = (said["placed"]?.integer ?? 0, said["thereAlready"]?.integer ?? 0)
        #expect(placed + before == Sample.orders && before >= 60)
        try checkSampleIsThereOnce(shop)
    }

    @Test func `a limit takes the first orders, and goods come in once whatever it is`() throws {
        let shop = try RunningShop(try Folder())
        let some = try imported(shop, Sample.path, ["--limit", "7"])
        #expect(some["placed"]?.integer == 7 && some["orders"]?.integer == 7)
        #expect(some["beyondLimit"]?.integer == Sample.orders - 7)
        let more = try imported(shop, Sample.path, ["--limit", "9", "--clients", "1"])
        #expect(more["placed"]?.integer == 2 && more["thereAlready"]?.integer == 7)
        let all = try imported(shop)
        #expect(all["placed"]?.integer == Sample.orders - 9)
        #expect(all["thereAlready"]?.integer == 9)
        #expect(some["reference"] == all["reference"] && more["reference"] == all["reference"])
        try checkSampleIsThereOnce(shop)
    }

    @Test func `a person reads what came of it, and refused orders are listed`() throws {
        let shop = try RunningShop(try Folder())
        let path = "\(shop.folder.path)/invoices.csv"
        let rows = """
            InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
            1,A 1,MUG,2,12/1/2010 8:26,2.55,17850.0,France
            2,b,MUG,1,12/1/2999 8:26,2.55,,France
            C3,b,MUG,-1,12/1/2010 8:26,2.55,,France
            """
        try rows.write(toFile: path, atomically: true, encoding: .utf8)
        let done = try Shopctl.run("import", "online-retail", path, "--url", shop.url)
        #expect(done.code == 1 && done.error.isEmpty, "\(done)")
        for said in [
            "3, of which 2 are orders", "1 placed, 0 there already, 1 refused", "5.10 GBP",
            "1 lines: credit note", "1 completed", "refused invoice 2", "/occurredAt",
        ] {
            #expect(done.output.contains(said), "\(said) in \(done.output)")
        }
    }
}

import Domain
import EventSourcing
import Import
import Testing

/// From lines to orders, and what is known before the first is sent.
@Suite struct PlanTests {
    /// A row each: invoice, stock code, quantity, price, customer.
    private static func file(_ rows: String...) -> String {
        let lines = rows.map { row -> String in
            let parts = row.split(separator: " ", omittingEmptySubsequences: false)
            return "\(parts[0]),1,\(parts[1]),THING,\(parts[2]),2011-01-31 10:00:00,\(parts[3]),"
                + "\(parts.count > 4 ? parts[4] : ""),France"
        }
        return ([Retail.header] + lines).joined(separator: "\n")
    }

    private static let mixed = file(
        "1 a 2 1.50 7", "1 b 1 0.10 7", "C2 a -2 1.50 7", "3 a 5 0 7", "4 a 3 1.00", "5 c 0 1.00",
        "5 c 4 2.00 8", "A6 B 1 -9.99", "7 b 1 0.001")

    @Test func `invoices with something to sell become orders, and the rest is counted`() throws {
        let plan = try Retail.plan(Self.mixed)
        #expect(plan.invoiceCount == 7 && plan.orders == 3 && plan.lines == 4)
        #expect(plan.leftOut == 0)
        let units = Dictionary(uniqueKeysWithValues: plan.units.map { ($0.key.value, $0.value) })
        #expect(units == ["a": 5, "b": 1, "c": 4])
        #expect(
            plan.skipped == [
                .creditNote: 1, .noPrice: 1, .quantity: 1, .adjustment: 1, .finePrice: 1,
            ])
        let orders = try Retail.orders(Self.mixed)
        #expect(orders.map(\.reference) == ["1", "4", "5"])
        #expect(orders.map(\.customer?.value) == ["7", nil, "8"])
        #expect(orders.map(\.pence) == [310, 300, 800] && orders.map(\.units) == [3, 3, 4])
    }

    @Test func `an order's body is what the shop takes`() throws {
        let order = try #require(try Retail.orders(Self.file("1 a 2 1.50 7", "1 a 1 1.5 7")).first)
        #expect(
            order.body.text == """
                {"reference":"1","customer":"7","occurredAt":"2011-01-31T10:00:00.000000Z",\
                "currency":"GBP","token":"tok_ok","lines":[\
                {"sku":"a","quantity":2,"unitPrice":150,"description":"THING"},\
                {"sku":"a","quantity":1,"unitPrice":150,"description":"THING"}]}
                """)
        let guest = try #require(try Retail.orders(Self.file("1 a 2 1.50")).first)
        #expect(!guest.body.text.contains("customer"))
    }

    @Test func `an order has the time of its first line that is sold`() throws {
        let text = """
            \(Retail.header)
            1,1,a,X,0,2011-01-31 10:00:00,1,,France
            1,2,a,X,1,2011-01-31 10:01:00,1,,France
            1,3,a,X,1,2011-01-31 10:02:00,1,,France
            """
        #expect(
            try Retail.orders(text).map(\.time.description) == ["2011-01-31T10:01:00.000000Z"])
    }

    @Test func `an invoice whose lines lie apart becomes one order`() throws {
        let text = Self.file(
            "1 a 1 1.00", "2 b 1 1.00", "1 c 1 1.00", "3 d 1 0", "2 e 1 0", "3 f 1 1.00",
            "1 g 1 1.00", "4 h 1 1.00")
        let orders = try Retail.orders(text)
        // Each comes with its last part.
        #expect(orders.map(\.reference) == ["2", "3", "1", "4"])
        #expect(
            orders.map { $0.lines.map(\.sku.value) } == [["b"], ["f"], ["a", "c", "g"], ["h"]])
    }

    @Test func `a limit takes the first orders, whole, and the goods of the whole file`() throws {
        let text = Self.file("1 a 1 1.00", "C9 a -1 1.00", "2 b 1 1.00", "3 c 1 1.00", "1 d 1 1.00")
        let plan = try Retail.plan(text, limit: 2)
        #expect(plan.orders == 2 && plan.leftOut == 1 && plan.lines == 3)
        #expect(plan.units.keys.map(\.value).sorted() == ["a", "b", "c", "d"])
        #expect(plan.units == (try Retail.plan(text)).units)
        let orders = try Retail.orders(text, limit: 2)
        #expect(orders.map(\.reference) == ["2", "1"])
        #expect(try Retail.orders(text, limit: 9).count == 3)
    }

    @Test func `what the shop could not take is told before anything is sent`() throws {
        func error(_ text: String) throws -> ImportError {
            try #require(throws: ImportError.self) { try Retail.plan(text) }
        }
        let nothing = try error(Self.file("C1 a -1 1.00"))
        #expect(nothing.reason.contains("nothing to import"), "\(nothing)")
        let customers = try error(Self.file("1 a 1 1.00 7", "1 b 1 1.00 8"))
        #expect(customers.line == 3 && customers.reason.contains("customer 8"), "\(customers)")
        let row = "1,1,a,X,1,2011-01-31 10:00:00,1,,France\n"
        let lines = try error("\(Retail.header)\n" + String(repeating: row, count: 2001))
        #expect(lines.line == 2002 && lines.reason.contains("more than 2000"), "\(lines)")
        let dear = "1 a 1000000 92233720368547758.07"
        let total = try error(Self.file(dear))
        #expect(total.line == 2 && total.reason.contains("64 bits"), "\(total)")
        let rows = (0...1000).map { "\($0),1,a,X,1000000,2011-01-31 10:00:00,1,,France\n" }
        let units = try error("\(Retail.header)\n\(rows.joined())")
        #expect(units.reason.contains("1001000000 pieces of a"), "\(units)")
    }

    @Test func `a file of too many invoices is refused at the first that is too many`() throws {
        #expect(ImportPlan.maximumInvoices == 5_000_000)
        let text = Self.file("1 a 1 1.00", "2 a 1 1.00", "1 b 1 1.00", "3 a 1 1.00")
        var plan = ImportPlan(maximumInvoices: 2)
        let error = try #require(throws: ImportError.self) {
            for line in try Retail.lines(text) { try plan.add(line) }
        }
        #expect(error.line == 5 && error.reason.contains("more than 2 invoices"), "\(error)")
    }

    @Test func `a file that changed between its two readings is found out`() throws {
        let text = Self.file("1 a 1 1.00", "2 b 1 1.00")
        let plan = try Retail.plan(text)
        for changed in [
            Self.file("1 a 1 1.00", "1 a 1 1.00", "2 b 1 1.00"), Self.file("1 a 1 0", "2 b 1 1.00"),
            Self.file("1 a 1 1.00", "3 b 1 1.00"),
        ] {
            var assembler = OrderAssembler(plan)
            let error = try #require(throws: ImportError.self) {
                for line in try Retail.lines(changed) { _ = try assembler.add(line) }
                _ = try assembler.close()
            }
            #expect(error.reason.contains("changed"), "\(error)")
        }
    }
}

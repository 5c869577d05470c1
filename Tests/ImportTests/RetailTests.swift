import Domain
import EventSourcing
import Import
import Testing

/// A file's text, read as Online Retail.
enum Retail {
    static let header =
        "invoice_no,line_no,stock_code,description,quantity,invoiced_at,unit_price,customer_id,"
        + "country"

    static func lines(_ text: String) throws -> [RetailLine] {
        var reader = RetailReader()
        reader.append(text.utf8)
        var lines: [RetailLine] = []
        while let line = try reader.next() { lines.append(line) }
        if let last = try reader.close() { lines.append(last) }
        return lines
    }

    /// One line under the header; what is not said is sound.
    static func line(
        invoice: String = "536365", code: String = "85123A", description: String = "LAMP",
        quantity: String = "6", time: String = "2010-12-01 08:26:00", price: String = "2.55",
        customer: String = "17850"
    ) throws -> RetailLine {
        let fields = [
            invoice, "1", code, description, quantity, time, price, customer, "United Kingdom",
        ]
        let lines = try lines("\(header)\n\(fields.joined(separator: ","))\n")
        return try #require(lines.first)
    }

    static func plan(_ text: String, limit: Int? = nil) throws -> ImportPlan {
        var plan = ImportPlan(limit: limit)
        for line in try lines(text) { try plan.add(line) }
        try plan.check()
        return plan
    }

    static func orders(_ text: String, limit: Int? = nil) throws -> [ImportedOrder] {
        var assembler = OrderAssembler(try plan(text, limit: limit))
        var orders: [ImportedOrder] = []
        for line in try lines(text) {
            if let order = try assembler.add(line) { orders.append(order) }
        }
        if let last = try assembler.close() { orders.append(last) }
        return orders
    }
}

extension RetailLine {
    var sold: OrderLine? { if case .sellable(let line) = content { line } else { nil } }
    var skipped: SkipReason? { if case .skipped(let reason) = content { reason } else { nil } }
}

/// How one line of an Online Retail file is read.
@Suite struct RetailTests {
    @Test func `a line is read exactly`() throws {
        let line = try Retail.line()
        #expect(line.invoice == "536365" && line.customer?.value == "17850" && line.line == 2)
        #expect(line.time.description == "2010-12-01T08:26:00.000000Z")
        let sold = try #require(line.sold)
        #expect(sold.sku.value == "85123A" && sold.quantity == 6 && sold.description == "LAMP")
        #expect(sold.unitPrice == Money(minor: 255, currency: .gbp))
    }

    @Test func `columns stand in any order, under either name, among others`() throws {
        let text = #"""
            Country,UnitPrice,extra,InvoiceNo,StockCode,CustomerID,InvoiceDate,Quantity,Description
            France,4.95,?,536370,85123a,12583.0,12/1/2010 8:26,24,"ALARM, ""RED"""
            """#
        let line = try #require(try Retail.lines(text).first)
        #expect(line.invoice == "536370" && line.customer?.value == "12583")
        #expect(line.time.description == "2010-12-01T08:26:00.000000Z")
        let sold = try #require(line.sold)
        #expect(sold.sku.value == "85123a" && sold.description == "ALARM, \"RED\"")
        #expect(sold.unitPrice.minor == 495)
    }

    @Test func `what the header lacks is named`() throws {
        let names = Retail.header.split(separator: ",")
        for name in names where name != "line_no" {
            let header = names.filter { $0 != name }.joined(separator: ",")
            let error = try #require(throws: ImportError.self) { try Retail.lines(header + "\n") }
            #expect(error.line == 1 && error.reason.contains("lacks \(name) (or"), "\(error)")
        }
        let others = names.filter { $0 != "line_no" }.joined(separator: ",")
        #expect(try Retail.lines(others + "\n").isEmpty)
        let twice = try #require(throws: ImportError.self) {
            try Retail.lines(Retail.header + ",Country\n")
        }
        #expect(twice.reason.contains("country twice"), "\(twice)")
        let nothing = try #require(throws: ImportError.self) { try Retail.lines("") }
        #expect(nothing.reason.contains("empty"), "\(nothing)")
    }

    @Test(arguments: [
        ("2.55", 255), ("0.01", 1), ("4", 400), ("4.2", 420), ("2.550", 255),
        ("11062.06", 1_106_206),
        ("0.29", 29), ("8142.75", 814_275), ("92233720368547758.07", Int64.max),
    ])
    func `prices are exact pence`(text: String, pence: Int64) throws {
        #expect(try Retail.line(price: text).sold?.unitPrice.minor == pence)
    }

    @Test func `what cannot be sold is told by its reason`() throws {
        #expect(try Retail.line(invoice: "C536379", quantity: "-1").skipped == .creditNote)
        #expect(try Retail.line(invoice: "A563185", price: "-11062.06").skipped == .adjustment)
        #expect(try Retail.line(quantity: "-3", price: "0").skipped == .quantity)
        #expect(try Retail.line(quantity: "0").skipped == .quantity)
        #expect(try Retail.line(quantity: "1000001").skipped == .tooMany)
        #expect(try Retail.line(price: "0.000").skipped == .noPrice)
        #expect(try Retail.line(price: "-0.00").skipped == .noPrice)
        #expect(try Retail.line(price: "-2.55").skipped == .negativePrice)
        #expect(try Retail.line(price: "0.001").skipped == .finePrice)
        #expect(try Retail.line(price: "2.555").skipped == .finePrice)
        for code in ["", "caf\u{E9}", String(repeating: "x", count: 65)] {
            #expect(try Retail.line(code: code).skipped == .stockCode, "\(code)")
        }
    }

    @Test func `a guest has no customer, and blanks around fields are none of theirs`() throws {
        #expect(try Retail.line(customer: "").customer == nil)
        #expect(try Retail.line(customer: " 17850 ").customer?.value == "17850")
        #expect(try Retail.line(customer: "x.0").customer?.value == "x.0")
        #expect(try Retail.line(description: " \t").sold?.description == nil)
        #expect(try Retail.line(description: " A  B ").sold?.description == "A  B")
    }

    @Test func `a description is cut at a character's end`() throws {
        let long = String(repeating: "x", count: 499)
        #expect(try Retail.line(description: long + "yz").sold?.description == long + "y")
        #expect(try Retail.line(description: long + "£1").sold?.description == long)
        #expect(try Retail.line(description: long + "y").sold?.description == long + "y")
    }

    private static let malformed:
        [(field: String, line: @Sendable (String) throws -> RetailLine, [String])] = [
            (
                "invoice_no", { try Retail.line(invoice: $0) },
                ["", "5 36365", "53\u{E9}", String(repeating: "5", count: 65)]
            ),
            (
                "quantity", { try Retail.line(quantity: $0) },
                ["", "six", "1.5", "+1", "--1", "-", "99999999999999999999", "1e3", "\u{0661}"]
            ),
            (
                "unit_price", { try Retail.line(price: $0) },
                [
                    "", ".5", "5.", "2.5.5", "1e-3", "+1", "£2", "\"2,55\"", "-",
                    "92233720368547758.08",
                ]
            ),
            (
                "invoiced_at", { try Retail.line(time: $0) },
                [
                    "", "2010-12-01", "2010-13-01 08:26:00", "2010-02-30 08:26:00",
                    "2010-12-01T08:26:00", "13/1/2010 8:26", "12/1/10 8:26", "12/1/2010 24:00",
                    "12/1/2010/8:26", "12/1/2010 8:26 PM", "12/1/2010 8:2x", "1/2/3/4",
                ]
            ),
            (
                "customer_id", { try Retail.line(customer: $0) },
                ["178 50", "caf\u{E9}", String(repeating: "1", count: 65)]
            ),
        ]

    @Test func `a malformed field is told with its line, what it holds and what it should`() throws
    {
        for (field, line, texts) in Self.malformed {
            for text in texts {
                let error = try #require(throws: ImportError.self, "\(field): \(text)") {
                    _ = try line(text)
                }
                #expect(error.line == 2 && error.reason.hasPrefix("\(field) must be"), "\(error)")
            }
        }
        let short = try #require(throws: ImportError.self) {
            try Retail.lines("\(Retail.header)\n\n536365,1\n")
        }
        #expect(short.line == 3 && short.reason.contains("2 fields"), "\(short)")
    }
}

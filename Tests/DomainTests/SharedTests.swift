import Domain
import EventSourcing
import Testing

@Suite struct SharedTests {
    @Test(arguments: [
        ("GBP", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("UYW", 4), ("XCG", 2), ("ISK", 0),
    ])
    func `a currency knows its decimals`(code: String, exponent: Int) throws {
        let currency = try #require(Currency(code))
        #expect(currency.exponent == exponent)
        #expect(currency.code == code)
    }

    @Test(arguments: ["", "gbp", "GB", "GBPP", "ZZZ", "XAU", "G\u{300}P", "\u{212A}WD", "GBP "])
    func `what is no currency is refused`(code: String) {
        #expect(Currency(code) == nil)
    }

    @Test func `ready-made currencies equal those that are looked up`() {
        for currency in [Currency.gbp, .eur, .usd, .jpy] {
            #expect(Currency(currency.code) == currency)
        }
    }

    @Test(
        arguments: [
            (1234, "GBP", "12.34 GBP"), (500, "JPY", "500 JPY"), (5, "GBP", "0.05 GBP"),
            (-5, "KWD", "-0.005 KWD"), (0, "GBP", "0.00 GBP"), (12345, "CLF", "1.2345 CLF"),
            (.min, "GBP", "-92233720368547758.08 GBP"), (.max, "JPY", "9223372036854775807 JPY"),
        ] as [(Int64, String, String)])
    func `money is written with its currency's decimals`(
        minor: Int64, code: String, text: String
    ) throws {
        let currency = try #require(Currency(code))
        #expect(Money(minor: minor, currency: currency).description == text)
    }

    @Test func `money adds, subtracts and multiplies`() throws {
        let ten = Money(minor: 1000, currency: .gbp)
        #expect(try ten + ten == Money(minor: 2000, currency: .gbp))
        #expect(try ten - ten == Money(minor: 0, currency: .gbp))
        #expect(try ten * 3 == Money(minor: 3000, currency: .gbp))
    }

    @Test func `money that overflows is an error`() {
        let most = Money(minor: .max, currency: .gbp)
        let least = Money(minor: .min, currency: .gbp)
        let one = Money(minor: 1, currency: .gbp)
        #expect(throws: MoneyError.overflow) { try most + one }
        #expect(throws: MoneyError.overflow) { try least - one }
        #expect(throws: MoneyError.overflow) { try most * 2 }
        #expect(throws: MoneyError.overflow) { try least * -1 }
    }

    @Test func `two currencies never meet`() {
        let pound = Money(minor: 100, currency: .gbp)
        let euro = Money(minor: 100, currency: .eur)
        #expect(throws: MoneyError.currencies(.gbp, .eur)) { try pound + euro }
        #expect(throws: MoneyError.currencies(.gbp, .eur)) { try pound - euro }
        #expect(!pound.covers(euro))
    }

    @Test func `a SKU may have spaces inside`() {
        #expect(SKU("BANK CHARGES")?.value == "BANK CHARGES")
        #expect(CustomerID("BANK CHARGES") == nil)
    }

    @Test(arguments: [
        "", " a", "a ", " ", "a\n", "a\u{301}", "\u{7F}", String(repeating: "x", count: 65),
    ])
    func `what is no SKU is refused`(text: String) {
        #expect(SKU(text) == nil)
        #expect(CustomerID(text) == nil)
        #expect(OrderID(text) == nil)
    }

    @Test func `an order id has no slash`() {
        #expect(OrderID("a/b") == nil)
        #expect(OrderID("0198c7a0-0000-7000-8000-000000000001") != nil)
        #expect(SKU("a/b") != nil)
    }

    @Test func `lines of one SKU are summed and sorted`() throws {
        let sample = try Sample()
        let lines = [
            try sample.line(sample.b, 1), try sample.line(sample.a, 2),
            try sample.line(sample.b, 3),
        ]
        let sums = [try sample.line(sample.a, 2), try sample.line(sample.b, 4)]
        #expect(StockLine.summing(lines) == sums)
    }

    @Test func `a sum beyond all bounds stays at the largest number`() throws {
        let sample = try Sample()
        let most = try sample.line(sample.a, .max)
        #expect(StockLine.summing([most, most]) == [most])
        #expect(StockLine(sku: sample.a, quantity: 0) == nil)
        #expect(StockLine(sku: sample.a, quantity: .min) == nil)
    }

    @Test func `every request is written and read back`() throws {
        let sample = try Sample()
        let requests: [(StepRequest, String)] = [
            (
                .reserve([try sample.line(sample.a, 2)]),
                #"{"do":"reserve","lines":[{"sku":"A-1","quantity":2}]}"#
            ),
            (.release, #"{"do":"release"}"#),
            (
                .authorize(amount: sample.amount, token: "tok_ok"),
                #"{"do":"authorize","amount":{"minor":2500,"currency":"GBP"},"token":"tok_ok"}"#
            ),
            (.void, #"{"do":"void"}"#), (.confirm, #"{"do":"confirm"}"#),
            (.pack, #"{"do":"pack"}"#), (.unpack, #"{"do":"unpack"}"#),
            (.handOver(), #"{"do":"hand-over"}"#),
            (
                .handOver(shipping: "ship_ok"), #"{"do":"hand-over","shipping":"ship_ok"}"#
            ),
            (
                .authorize(amount: sample.amount, token: "t", within: .seconds(5)),
                #"{"do":"authorize","amount":{"minor":2500,"currency":"GBP"},"token":"t","#
                    + #""withinMicroseconds":5000000}"#
            ), (.recall, #"{"do":"recall"}"#),
            (
                .capture(sample.amount),
                #"{"do":"capture","amount":{"minor":2500,"currency":"GBP"}}"#
            ),
            (.complete, #"{"do":"complete"}"#),
        ]
        for (request, text) in requests {
            var json = JSONWriter()
            request.encode(to: &json)
            #expect(json.text == text)
            #expect(try StepRequest(JSONObject(JSON(parsing: text))) == request)
        }
    }

    @Test(arguments: [
        #"{"do":"fly"}"#, #"{}"#, #"{"do":"reserve"}"#, #"{"do":"reserve","lines":[{}]}"#,
        #"{"do":"reserve","lines":[{"sku":"A","quantity":0}]}"#,
        #"{"do":"capture","amount":{"minor":-1,"currency":"GBP"}}"#,
        #"{"do":"capture","amount":{"minor":1,"currency":"gbp"}}"#,
        #"{"do":"authorize","amount":{"minor":1,"currency":"GBP"}}"#,
    ])
    func `a malformed request is an error`(text: String) {
        #expect(throws: JSONError.self) { try StepRequest(JSONObject(JSON(parsing: text))) }
    }
}

import Domain
import EventSourcing
import TestKit
import Testing

@Suite struct StockTests {
    let sample: Sample
    let asked = ask("reserve stock")
    let freed = undo("reserve stock")

    init() throws { sample = try Sample() }

    @Test func `goods are received`() throws {
        try given(Stock.self).when(.receive(sample.a, quantity: 5, reference: "n-1"))
            .then(.received(sample.a, quantity: 5, reference: "n-1"))
    }

    @Test(arguments: [0, -1, 1_000_000_001, Int.max, Int.min])
    func `a receipt keeps its limits`(quantity: Int) throws {
        try given(Stock.self).when(.receive(sample.a, quantity: quantity, reference: nil))
            .thenRejected(.quantity(quantity))
    }

    @Test func `a receipt's reference counts once`() throws {
        let receive = Stock.Command.receive(sample.a, quantity: 5, reference: "n-1")
        try given(Stock.self, .received(sample.a, quantity: 5, reference: "n-1"))
            .when(receive).thenNothing()
            .when(.receive(sample.a, quantity: 6, reference: "n-1"))
            .thenRejected(.referenceTaken(quantity: 5))
        try given(Stock.self, .received(sample.a, quantity: 5, reference: "n-0"))
            .when(receive).then(.received(sample.a, quantity: 5, reference: "n-1"))
    }

    @Test func `a SKU's receipts with a reference have a limit`() throws {
        var full = Stock()
        for number in 0..<Stock.maximumReferences {
            full.evolve(.received(sample.a, quantity: 1, reference: "n-\(number)"))
        }
        try Given(state: full)
            .when(.receive(sample.a, quantity: 1, reference: "new"))
            .thenRejected(.tooManyReferences)
        try Given(state: full)
            .when(.receive(sample.a, quantity: 1, reference: "n-7")).thenNothing()
            .when(.receive(sample.a, quantity: 1, reference: nil))
            .then(.received(sample.a, quantity: 1, reference: nil))
    }

    @Test func `a reservation expires while it is held, and only then`() throws {
        let held = Duration.seconds(60)
        let line = try sample.line(sample.a, 2)
        var stock = sample.stock((sample.a, 2))
        stock.apply(.made(asked, [line]), order: sample.order)
        #expect(stock.available(sample.a) == 0)
        let expired = try given(Reservation.self, .made(asked, [line]))
            .when(.expire(held: held)).then(.expired(held: held))
            .when(.expire(held: held)).thenNothing()
        stock.apply(.expired(held: held), order: sample.order)
        #expect(stock.available(sample.a) == 2)
        try expired.when(.release(freed)).then(.answered(freed, .done))
        try expired.when(.reserve(asked, [line], from: stock))
            .then(.answered(asked, .refused("the reservation has expired")))
        for event in [Reservation.Event.refused(asked, []), .released(freed)] {
            try given(Reservation.self, event).when(.expire(held: held)).thenNothing()
        }
        try given(Reservation.self).when(.expire(held: held)).thenNothing()
    }

    @Test func `stock that would overflow is refused`() throws {
        for full in [Stock.maximum, Int.max] {
            try given(Stock.self, .received(sample.a, quantity: full, reference: nil))
                .when(.receive(sample.a, quantity: 1, reference: nil)).thenRejected(.tooMuch)
        }
    }

    @Test func `a stream is one SKU's`() throws {
        try given(Stock.self, .received(sample.a, quantity: 1, reference: nil))
            .when(.receive(sample.b, quantity: 1, reference: nil))
            .thenRejected(.otherSKU(sample.a))
    }

    @Test func `what is available is reserved, all lines at once`() throws {
        let stock = sample.stock((sample.a, 2), (sample.b, 1))
        let lines = sample.draft.stockLines
        try given(Reservation.self).when(.reserve(asked, lines.reversed(), from: stock))
            .then(.made(asked, lines))
    }

    @Test func `one line short refuses all, and names what is missing`() throws {
        let stock = sample.stock((sample.a, 2))
        try given(Reservation.self)
            .when(.reserve(asked, sample.draft.stockLines, from: stock))
            .then(.refused(asked, [Shortage(sku: sample.b, wanted: 1, available: 0)]))
    }

    @Test func `two lines of one SKU that only together exceed the stock are refused`() throws {
        let lines = [try sample.line(sample.a, 2), try sample.line(sample.a, 2)]
        try given(Reservation.self)
            .when(.reserve(asked, lines, from: sample.stock((sample.a, 3))))
            .then(.refused(asked, [Shortage(sku: sample.a, wanted: 4, available: 3)]))
        try given(Reservation.self)
            .when(.reserve(asked, lines, from: sample.stock((sample.a, 4))))
            .then(.made(asked, [try sample.line(sample.a, 4)]))
    }

    @Test func `lines whose sum overflows are refused, whatever the stock`() throws {
        let lines = [try sample.line(sample.a, .max), try sample.line(sample.a, .max)]
        let shortage = Shortage(sku: sample.a, wanted: .max, available: Stock.maximum)
        try given(Reservation.self)
            .when(.reserve(asked, lines, from: sample.stock((sample.a, .max))))
            .then(.refused(asked, [shortage]))
    }

    @Test func `a reservation is released once`() throws {
        try given(Reservation.self, .made(asked, sample.draft.stockLines))
            .when(.release(freed)).then(.released(freed))
            .when(.release(freed)).then(.answered(freed, .done))
    }

    @Test func `a release before the reservation holds, and refuses what comes later`() throws {
        let stock = sample.stock((sample.a, 9))
        try given(Reservation.self).when(.release(freed)).then(.released(freed))
            .when(.reserve(asked, [try sample.line(sample.a, 1)], from: stock))
            .then(.answered(asked, .refused("released")))
    }

    @Test func `a repeated reservation is answered as it was`() throws {
        let again = ask("reserve stock", 2)
        let lines = sample.draft.stockLines
        let none = Availability()
        try given(Reservation.self, .made(asked, lines))
            .when(.reserve(again, lines, from: none)).then(.answered(again, .done))
            .when(.reserve(again, [], from: none))
            .then(.answered(again, .refused("other lines are reserved")))
        let shortage = Shortage(sku: sample.a, wanted: 2, available: 1)
        try given(Reservation.self, .refused(asked, [shortage]))
            .when(.reserve(again, lines, from: none))
            .then(
                .answered(again, .refused("out of stock: A-1 (wanted 2, available 1)"))
            )
            .when(.release(freed)).then(.answered(freed, .done))
    }

    @Test func `a long list of shortages is told in short`() {
        let shortage = Shortage(sku: sample.a, wanted: 2, available: 1)
        let reason = Shortage.reason(Array(repeating: shortage, count: 2000))
        #expect(reason.hasSuffix("and 1997 more"))
    }

    @Test func `reserved stock is not available, released stock is again`() throws {
        var stock = sample.stock((sample.a, 5))
        stock.apply(.made(asked, [try sample.line(sample.a, 2)]), order: sample.order)
        #expect(stock.available(sample.a) == 3)
        #expect(stock.reserved(sample.a) == 2)
        for _ in 1...2 {
            stock.apply(.released(freed), order: sample.order)
            #expect(stock.available(sample.a) == 5)
        }
        #expect(stock.reservation(of: sample.order) == nil)
    }

    /// A log of orders that was put back may release what it does not know to be packed.
    @Test func `what is in a parcel is not for sale, though its reservation is released`() throws {
        var packed = sample.stock((sample.a, 5))
        packed.apply(.made(asked, [try sample.line(sample.a, 2)]), order: sample.order)
        packed.apply(Delivery.Event.packed(ask("pack")), order: sample.order)
        packed.apply(.released(freed), order: sample.order)
        #expect(packed.available(sample.a) == 3)
        var json = JSONWriter()
        packed.encode(to: &json)
        #expect(try Availability(try JSON(parsing: json.bytes)) == packed)
        var gone = packed
        gone.apply(.handedOver(ask("hand over"), tracking: "t"), order: sample.order)
        #expect(gone.onHand(sample.a) == 3)
        #expect(gone.reserved(sample.a) == 0)
        for event in [Delivery.Event.unpacked(freed), .recalled(freed)] {
            var back = packed
            back.apply(event, order: sample.order)
            #expect(back.onHand(sample.a) == 5)
            #expect(back.available(sample.a) == 5)
        }
    }

    @Test func `an unpacked order keeps its reservation`() throws {
        var stock = sample.stock((sample.a, 5))
        stock.apply(.made(asked, [try sample.line(sample.a, 2)]), order: sample.order)
        stock.apply(Delivery.Event.packed(ask("pack")), order: sample.order)
        stock.apply(Delivery.Event.unpacked(freed), order: sample.order)
        #expect(stock.available(sample.a) == 3)
        stock.apply(.released(freed), order: sample.order)
        #expect(stock.available(sample.a) == 5)
    }

    @Test func `what was handed over is neither on hand nor reserved`() throws {
        var stock = sample.stock((sample.a, 5))
        stock.apply(.made(asked, [try sample.line(sample.a, 2)]), order: sample.order)
        stock.apply(Delivery.Event.packed(ask("pack")), order: sample.order)
        #expect(stock.onHand(sample.a) == 5)
        for _ in 1...2 {
            stock.apply(.handedOver(ask("hand over"), tracking: "t"), order: sample.order)
            #expect(stock.onHand(sample.a) == 3)
            #expect(stock.reserved(sample.a) == 0)
        }
        stock.apply(.released(freed), order: sample.order)
        #expect(stock.available(sample.a) == 3)
    }

    @Test func `a snapshot is sorted and read back`() throws {
        var stock = sample.stock((sample.b, 4), (sample.a, 5))
        let second = try required(OrderID("o-2"))
        stock.apply(.made(asked, [try sample.line(sample.a, 1)]), order: second)
        stock.apply(.made(asked, sample.draft.stockLines), order: sample.order)
        var json = JSONWriter()
        stock.encode(to: &json)
        let expected = """
            {"stock":[{"sku":"A-1","onHand":5},{"sku":"B-2","onHand":4}],\
            "open":[{"order":"o-1","lines":[{"sku":"A-1","quantity":2},\
            {"sku":"B-2","quantity":1}]},\
            {"order":"o-2","lines":[{"sku":"A-1","quantity":1}]}]}
            """
        #expect(json.text == expected)
        #expect(try Availability(JSON(parsing: json.bytes)) == stock)
        #expect(stock.available(sample.a) == 2)
    }

    @Test(arguments: [
        "[]", "{}", #"{"stock":[{"sku":"A"}],"open":[]}"#,
        #"{"stock":[{"sku":"A","onHand":-1}],"open":[]}"#, #"{"stock":[],"open":[{}]}"#,
        #"{"stock":[],"open":[{"order":"a/b","lines":[]}]}"#,
    ])
    func `a malformed snapshot is an error`(text: String) {
        #expect(throws: JSONError.self) { try Availability(JSON(parsing: text)) }
    }
}

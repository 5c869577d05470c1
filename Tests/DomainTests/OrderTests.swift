import Domain
import EventSourcing
import TestKit
import Testing

@Suite struct OrderTests {
    let sample: Sample
    let draft: Order.Draft

    init() throws {
        sample = try Sample()
        draft = sample.draft
    }

    @Test func `an order is placed, confirmed and completed`() throws {
        let order = try given(Order.self)
            .when(.place(draft)).then(.placed(draft))
            .when(.confirm).then(.confirmed)
            .when(.complete).then(.completed)
        #expect(order.state.phase == .completed)
    }

    @Test func `a repeat is no error`() throws {
        try given(Order.self, .placed(draft)).when(.place(draft)).thenNothing()
        try given(Order.self, .placed(draft), .confirmed).when(.confirm).thenNothing()
        try given(Order.self, .placed(draft), .confirmed, .completed)
            .when(.confirm).thenNothing().when(.complete).thenNothing()
        try given(Order.self, .placed(draft), .cancellationRequested(reason: "x"))
            .when(.requestCancellation(reason: "y")).thenNothing()
        try given(Order.self, .placed(draft)).when(.refuseCancellation).thenNothing()
        try given(Order.self, .placed(draft), .rejected(reason: "x"))
            .when(.close(.rejected("x"))).thenNothing()
    }

    @Test func `nothing happens to an order that was not placed`() throws {
        let commands: [Order.Command] = [
            .confirm, .complete, .requestCancellation(reason: "x"), .refuseCancellation,
            .close(.cancelled("x")),
        ]
        for command in commands { try given(Order.self).when(command).thenRejected(.notPlaced) }
    }

    @Test func `another order under the same id is refused`() throws {
        let other = try Sample(token: "tok_other").draft
        try given(Order.self, .placed(draft)).when(.place(other)).thenRejected(.alreadyPlaced)
    }

    @Test func `an order is not completed before it is confirmed`() throws {
        try given(Order.self, .placed(draft)).when(.complete).thenRejected(.notConfirmed)
    }

    @Test func `a placed order being cancelled is not confirmed`() throws {
        let pending = given(Order.self, .placed(draft), .cancellationRequested(reason: "x"))
        try pending.when(.confirm).thenRejected(.cancellationPending)
        try pending.when(.complete).thenRejected(.cancellationPending)
    }

    @Test func `a refused cancellation returns to where it came from, and goes on`() throws {
        try given(Order.self, .placed(draft), .confirmed)
            .when(.requestCancellation(reason: "x")).then(.cancellationRequested(reason: "x"))
            .when(.confirm).thenNothing()
            .when(.complete).thenRejected(.cancellationPending)
        let back = try given(
            Order.self, .placed(draft), .confirmed, .cancellationRequested(reason: "x")
        )
        .when(.refuseCancellation).then(.cancellationRefused)
        #expect(back.state.phase == .confirmed)
        try back.when(.complete).then(.completed)
        let placed = try given(Order.self, .placed(draft), .cancellationRequested(reason: "x"))
            .when(.refuseCancellation).then(.cancellationRefused)
        #expect(placed.state.phase == .placed)
    }

    @Test func `an open order is closed for the reason given`() throws {
        let open = [
            given(Order.self, .placed(draft)), given(Order.self, .placed(draft), .confirmed),
            given(Order.self, .placed(draft), .cancellationRequested(reason: "x")),
        ]
        for order in open {
            try order.when(.close(.rejected("r"))).then(.rejected(reason: "r"))
            try order.when(.close(.cancelled("c"))).then(.cancelled(reason: "c"))
            try order.when(.close(.expired("e"))).then(.expired(reason: "e"))
        }
    }

    @Test func `what has ended stays as it ended`() throws {
        let ends: [(Order.Event, Order.Phase)] = [
            (.completed, .completed), (.rejected(reason: "r"), .rejected),
            (.cancelled(reason: "c"), .cancelled), (.expired(reason: "e"), .expired),
        ]
        for (end, phase) in ends {
            let order = given(Order.self, .placed(draft), .confirmed, end)
            try order.when(.requestCancellation(reason: "x")).thenRejected(.ended(phase))
            #expect(Order.Rejection.ended(phase).description.contains(phase.rawValue))
            let others: [Order.CloseReason] = [.rejected("x"), .cancelled("x"), .expired("x")]
            let refused = others.filter { other in
                (try? order.when(.close(other)).thenRejected(.ended(phase))) != nil
            }
            #expect(refused.count == (phase == .completed ? 3 : 2))
            if phase != .completed {
                try order.when(.confirm).thenRejected(.ended(phase))
                try order.when(.complete).thenRejected(.ended(phase))
                try order.when(.refuseCancellation).thenRejected(.ended(phase))
            }
        }
    }

    @Test func `a draft sums its lines`() throws {
        #expect(draft.total == sample.amount)
        #expect(
            draft.stockLines == [try sample.line(sample.a, 2), try sample.line(sample.b, 1)])
    }

    @Test func `what goes into a message is fit to be placed`() throws {
        let price = Money(minor: 1_000_000_000, currency: .gbp)
        let sku = try #require(SKU(String(repeating: "\"", count: 64)))
        // Each byte of it takes six once it is written down.
        let text = String(repeating: "\u{1}", count: OrderLine.maximumDescription)
        let longest = try OrderLine(sku: sku, quantity: 1, unitPrice: price, description: text)
        func excess(_ lines: Int) throws -> String? {
            let draft = try Order.Draft(
                contact: String(repeating: "c", count: 4096), currency: .gbp,
                lines: Array(repeating: longest, count: lines),
                token: String(repeating: "t", count: 256))
            var order = Order()
            order.evolve(.placed(draft))
            #expect(order.weight == 1 + lines / 16)
            var json = JSONWriter()
            Order.Event.placed(draft).encode(to: &json)
            #expect((draft.excess == nil) == (json.bytes.count <= Order.Draft.maximumBytes))
            return draft.excess
        }
        // So many are not looked at closer.
        #expect(try excess(200) == nil)
        #expect(try excess(300) != nil)
        #expect(try excess(1000)?.contains("1000000000000") == false)
        #expect(try excess(1001)?.contains("1001000000000") == true)
    }

    @Test func `a draft keeps its limits`() throws {
        let price = Money(minor: 1, currency: .gbp)
        let line = try OrderLine(sku: sample.a, quantity: 1, unitPrice: price)
        func make(_ lines: [OrderLine], token: String = "t", reference: String? = nil) throws {
            _ = try Order.Draft(
                currency: .gbp, lines: lines, token: token, reference: reference)
        }
        try make(Array(repeating: line, count: 2000))
        #expect(throws: Order.Draft.Invalid.lineCount(0)) { try make([]) }
        #expect(throws: Order.Draft.Invalid.lineCount(2001)) {
            try make(Array(repeating: line, count: 2001))
        }
        #expect(throws: Order.Draft.Invalid.token) { try make([line], token: "") }
        #expect(throws: Order.Draft.Invalid.reference) { try make([line], reference: "") }
        let euro = try OrderLine(
            sku: sample.a, quantity: 1, unitPrice: Money(minor: 1, currency: .eur))
        #expect(throws: Order.Draft.Invalid.total(.currencies(.gbp, .eur))) {
            try make([line, euro])
        }
    }

    @Test func `a total that overflows is refused, by line and by sum`() throws {
        let half = Money(minor: .max / 2 + 1, currency: .gbp)
        for (quantity, count) in [(2, 1), (1, 2)] {
            let line = try OrderLine(sku: sample.a, quantity: quantity, unitPrice: half)
            #expect(throws: Order.Draft.Invalid.total(.overflow)) {
                try Order.Draft(
                    currency: .gbp, lines: Array(repeating: line, count: count), token: "t")
            }
        }
    }

    @Test(arguments: [0, -1, 1_000_001, Int.max, Int.min])
    func `a line keeps its limits`(quantity: Int) {
        #expect(throws: OrderLine.Invalid.quantity(quantity)) {
            try OrderLine(
                sku: sample.a, quantity: quantity, unitPrice: Money(minor: 1, currency: .gbp))
        }
        #expect(throws: OrderLine.Invalid.negativePrice) {
            try OrderLine(
                sku: sample.a, quantity: 1, unitPrice: Money(minor: -1, currency: .gbp))
        }
    }
}

import Domain
import EventSourcing
import Testing

/// The saga with its real participants, whose events reach it as bytes.
@Suite struct ShopTests {
    @Test func `an order goes through`() throws {
        var shop = try Shop()
        try shop.run()
        #expect(shop.saga.phase == .completed)
        #expect(shop.order.phase == .completed)
        #expect(shop.payment.phase == .captured)
        #expect(shop.delivery.phase == .handedOver)
        #expect(shop.stock.onHand(shop.sample.a) == 8)
        #expect(shop.stock.reserved(shop.sample.a) == 0)
    }

    @Test(arguments: [
        "tok_declined", "tok_timeout", "tok_insufficient_funds", "tok_late", "unheard of",
    ])
    func `an order that is not paid gives its stock back`(token: String) throws {
        var shop = try Shop(token: token)
        try shop.run()
        #expect(shop.saga.phase == .compensated)
        #expect(shop.reservation.phase == .released)
        #expect(shop.stock.available(shop.sample.a) == 10)
        let isVoided = ["tok_timeout", "tok_late"].contains(token)
        #expect(shop.payment.phase == (isVoided ? .voided : .declined))
        // What came too late was authorized, and is taken back.
        #expect((shop.payment.code != nil) == (token == "tok_late"))
    }

    @Test func `what expired meanwhile is not packed, and is not paid for`() throws {
        var shop = try Shop()
        try shop.run { $0.payment.phase == .authorized }
        try shop.expire()
        #expect(shop.stock.available(shop.sample.a) == 10)
        try shop.run()
        #expect(shop.saga.phase == .compensated)
        #expect(shop.saga.reason == "the reservation has expired")
        #expect(shop.payment.phase == .voided)
        #expect(shop.delivery.phase == .absent)
        #expect(shop.stock.available(shop.sample.a) == 10)
    }

    @Test func `an order without stock charges nobody`() throws {
        var shop = try Shop(stock: 1)
        try shop.run()
        #expect(shop.saga.phase == .compensated)
        #expect(shop.saga.reason?.hasPrefix("out of stock") == true)
        #expect(shop.payment.phase == .absent)
    }

    @Test(arguments: 0..<18) func `an abort at any moment leaves nothing half done`(moment: Int)
        throws
    {
        var shop = try Shop()
        try shop.run(limit: moment)
        let isAborted = shop.abort()
        try shop.run()
        #expect(!shop.saga.isOpen)
        #expect(shop.stock.reserved(shop.sample.a) == 0)
        if shop.saga.phase == .compensated {
            #expect(isAborted)
            #expect(shop.stock.available(shop.sample.a) == 10)
            #expect(shop.payment.captured == nil)
            #expect(shop.payment.phase != .authorized)
            #expect(shop.delivery.phase != .handedOver)
        } else {
            #expect(shop.payment.phase == .captured)
            #expect(shop.delivery.phase == .handedOver)
        }
    }

    @Test(arguments: [true, false])
    func `an abort while the carrier is asked follows its answer`(accepts: Bool) throws {
        var shop = try Shop()
        shop.carrierAccepts = accepts
        try shop.run { $0.delivery.phase == .handingOver }
        let isAborted = shop.abort()
        #expect(isAborted)
        try shop.run()
        #expect(shop.saga.phase == (accepts ? .completed : .compensated))
        #expect(shop.payment.phase == (accepts ? .captured : .voided))
        #expect(shop.stock.available(shop.sample.a) == (accepts ? 8 : 10))
    }

    @Test func `an abort while the authorization is in flight voids it`() throws {
        var shop = try Shop()
        try shop.run { $0.payment.phase == .authorizing }
        let isAborted = shop.abort()
        #expect(isAborted)
        try shop.run()
        #expect(shop.saga.phase == .compensated)
        #expect(shop.payment.phase == .voided)
    }
}

/// All deciders of one order in one thread: requests before replies before calls to the outside.
private struct Shop {
    let sample: Sample
    var saga = CheckoutProgress()
    var order = Order()
    var payment = Payment()
    var reservation = Reservation()
    var delivery = Delivery()
    var stock: Availability
    var carrierAccepts = true
    private var requests: [(StepReference, StepRequest)] = []
    private var replies: [StepReply] = []
    private var attempts: [String: Int] = [:]

    init(token: String = "tok_ok", stock count: Int = 10) throws {
        sample = try Sample(token: token)
        stock = sample.stock((sample.a, count), (sample.b, count))
        order.evolve(.placed(sample.draft))
        tell(.start(sample.context))
    }

    mutating func run(limit: Int = 100, until stop: (Shop) -> Bool = { _ in false }) throws {
        for _ in 0..<limit {
            if stop(self) { return }
            guard try step() else { return }
        }
    }

    mutating func expire() throws { try reserve(.expire(held: .seconds(60))) }

    /// Whether the saga took it.
    mutating func abort() -> Bool { tell(.abort(reason: "changed my mind")) }

    @discardableResult
    private mutating func tell(_ command: CheckoutProgress.Command) -> Bool {
        guard let events = try? saga.decide(command) else { return false }
        for event in events {
            saga.evolve(event)
            if case .requested(let reference, let request) = event {
                requests.append((reference, request))
            }
        }
        return true
    }

    private mutating func step() throws -> Bool {
        if !requests.isEmpty {
            let (reference, request) = requests.removeFirst()
            try carryOut(request, reference)
        } else if !replies.isEmpty {
            let reply = replies.removeFirst()
            tell(.outcome(reply.step, reply.outcome))
        } else if let effect = payment.nextEffect {
            try pay(effect)
        } else if case .handOver? = delivery.nextEffect {
            try deliver(
                carrierAccepts ? .carrierAccepted(tracking: "t") : .carrierRefused(reason: "full"))
        } else {
            return false
        }
        return true
    }

    private mutating func carryOut(_ request: StepRequest, _ ref: StepReference) throws {
        switch request {
        case .reserve(let lines): try reserve(.reserve(ref, lines, from: stock))
        case .release: try reserve(.release(ref))
        case .authorize(let amount, let token, let time):
            try pay(.authorize(ref, amount, token: token, within: time))
        case .void: try pay(.void(ref))
        case .capture(let amount): try pay(.capture(ref, amount))
        case .pack: try deliver(.pack(ref, from: reservation.phase))
        case .unpack: try deliver(.unpack(ref))
        case .handOver(let shipping): try deliver(.handOver(ref, shipping: shipping))
        case .recall: try deliver(.recall(ref))
        case .confirm: order(.confirm, ref)
        case .complete: order(.complete, ref)
        }
    }

    private mutating func order(_ command: Order.Command, _ ref: StepReference) {
        do throws(Order.Rejection) {
            for event in try order.decide(command) { order.evolve(event) }
            replies.append(StepReply(ref, .done))
        } catch { replies.append(StepReply(ref, .refused(error.description))) }
    }

    private mutating func reserve(_ command: Reservation.Command) throws {
        for event in reservation.decide(command) {
            reservation.evolve(event)
            stock.apply(event, order: sample.order)
            try publish(event)
        }
    }

    private mutating func pay(_ command: Payment.Command) throws {
        for event in payment.decide(command) {
            payment.evolve(event)
            try publish(event)
        }
    }

    private mutating func deliver(_ command: Delivery.Command) throws {
        for event in delivery.decide(command) {
            delivery.evolve(event)
            stock.apply(event, order: sample.order)
            try publish(event)
        }
    }

    private mutating func publish(_ event: some StoredEvent) throws {
        var json = JSONWriter()
        event.encode(to: &json)
        if let reply = try StepReply.read(event.type, json.bytes) {
            replies.append(reply)
        }
    }

    private mutating func pay(_ effect: Payment.Effect) throws {
        let provider = BuiltInPaymentProvider()
        switch effect {
        case .authorize(let key, let amount, let token, let isGivenUp):
            let attempt = (attempts[key] ?? 0) + 1
            attempts[key] = attempt
            let result = provider.authorize(
                key: key, amount: amount, token: token, attempt: attempt, isGivenUp: isGivenUp)
            switch result {
            case .authorized(let code): try pay(.authorizationSucceeded(code: code))
            case .declined(let reason): try pay(.authorizationDeclined(reason: reason))
            case .pending:
                if attempt == 5 { try pay(.authorizationOverdue(reason: "late")) }
            case .noAnswer(let reason):
                if attempt == 5 { try pay(.authorizationUnknown(reason: reason)) }
            }
        case .void: try pay(.voidSucceeded)
        case .capture: try pay(.captureSucceeded(id: "i"))
        }
    }
}

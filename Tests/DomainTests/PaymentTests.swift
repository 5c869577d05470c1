import Domain
import EventSourcing
import TestKit
import Testing

@Suite struct PaymentTests {
    let amount = Money(minor: 2500, currency: .gbp)
    let asked = ask("authorize payment")
    let voiding = undo("authorize payment")
    let capturing = ask("capture payment")
    let key = "o-1/authorize payment/forward"
    let voidKey = "o-1/authorize payment/undo"
    let captureKey = "o-1/capture payment/forward"

    var requested: Payment.Event { .authorizationRequested(asked, amount, token: "tok_ok") }
    var authorizing: Given<Payment> { given(Payment.self, requested) }
    var authorized: Given<Payment> {
        given(Payment.self, requested, .authorized(asked, code: "c"))
    }
    var voidPending: Given<Payment> { given(Payment.self, requested, .voidRequested(voiding)) }
    var inCapture: Given<Payment> {
        given(
            Payment.self, requested, .authorized(asked, code: "c"),
            .captureRequested(capturing, amount))
    }
    var captured: Given<Payment> {
        given(
            Payment.self, requested, .authorized(asked, code: "c"),
            .captureRequested(capturing, amount),
            .captured(capturing, id: "i", amount: amount))
    }
    var declined: Given<Payment> {
        given(Payment.self, requested, .declined(asked, reason: "no"))
    }

    @Test func `a payment is authorized and captured`() throws {
        var payment = try given(Payment.self)
            .when(.authorize(asked, amount, token: "tok_ok")).then(requested)
        #expect(
            payment.state.nextEffect
                == .authorize(key: key, amount: amount, token: "tok_ok", isGivenUp: false))
        payment = try payment.when(.authorizationSucceeded(code: "c"))
            .then(.authorized(asked, code: "c"))
        #expect(payment.state.nextEffect == nil)
        payment = try payment.when(.capture(capturing, amount))
            .then(.captureRequested(capturing, amount))
        #expect(
            payment.state.nextEffect
                == .capture(key: captureKey, authorization: key, amount: amount))
        payment = try payment.when(.captureSucceeded(id: "i"))
            .then(.captured(capturing, id: "i", amount: amount))
        #expect(payment.state.phase == .captured)
        #expect(payment.state.nextEffect == nil)
    }

    @Test func `a declined authorization is refused`() throws {
        try authorizing.when(.authorizationDeclined(reason: "no"))
            .then(.declined(asked, reason: "no"))
    }

    @Test func `a negative amount is refused`() throws {
        try given(Payment.self)
            .when(.authorize(asked, Money(minor: -1, currency: .gbp), token: "t"))
            .then(.answered(asked, .refused("the amount is negative")))
    }

    @Test func `an authorization without answer is refused and voided at the provider`() throws {
        let unknown = try authorizing.when(.authorizationUnknown(reason: "silence"))
            .then(.authorizationUnknown(asked, reason: "silence"))
        #expect(unknown.state.phase == .unknown)
        #expect(unknown.state.nextEffect == .void(key: voidKey, authorization: key))
        let voided = try unknown.when(.voidSucceeded).then(.voided(nil))
        #expect(voided.state.phase == .voided)
        #expect(voided.state.nextEffect == nil)
    }

    @Test func `a void of an unknown authorization is answered when it is voided`() throws {
        let pending = try given(
            Payment.self, requested, .authorizationUnknown(asked, reason: "silence")
        )
        .when(.void(voiding)).then(.voidRequested(voiding))
        #expect(pending.state.nextEffect == .void(key: voidKey, authorization: key))
        try pending.when(.voidSucceeded).then(.voided(voiding))
    }

    @Test func `a void before anything was asked holds, and refuses what comes later`() throws {
        try given(Payment.self).when(.void(voiding)).then(.voided(voiding))
            .when(.authorize(asked, amount, token: "t"))
            .then(.answered(asked, .refused("voided")))
    }

    @Test func `an authorized payment is voided`() throws {
        let pending = try authorized.when(.void(voiding)).then(.voidRequested(voiding))
        #expect(pending.state.nextEffect == .void(key: voidKey, authorization: key))
        try pending.when(.voidSucceeded).then(.voided(voiding))
    }

    @Test func `a void in flight waits for the authorization, and follows it`() throws {
        let pending = try authorizing.when(.void(voiding)).then(.voidRequested(voiding))
        #expect(pending.state.phase == .voidPending)
        #expect(
            pending.state.nextEffect
                == .authorize(key: key, amount: amount, token: "tok_ok", isGivenUp: true))
        let known = try pending.when(.authorizationSucceeded(code: "c"))
            .then(.authorized(asked, code: "c"))
        #expect(known.state.phase == .voiding)
        #expect(known.state.nextEffect == .void(key: voidKey, authorization: key))
        try known.when(.voidSucceeded).then(.voided(voiding))
    }

    @Test func `a void in flight is done at once where the authorization is declined`() throws {
        let end = try voidPending.when(.authorizationDeclined(reason: "no"))
            .then(.declined(asked, reason: "no"), .voided(voiding))
        #expect(end.state.phase == .declined)
        #expect(end.state.nextEffect == nil)
    }

    @Test func `a void in flight voids where the authorization is unknown`() throws {
        let end = try voidPending.when(.authorizationUnknown(reason: "silence"))
            .then(.authorizationUnknown(asked, reason: "silence"))
        #expect(end.state.phase == .voiding)
        try end.when(.voidSucceeded).then(.voided(voiding))
    }

    @Test func `an overdue authorization is refused, and voided when it comes after all`() throws {
        let overdue = try authorizing.when(.authorizationOverdue(reason: "late"))
            .then(.authorizationOverdue(asked, reason: "late"))
        #expect(overdue.state.phase == .voidPending)
        #expect(
            overdue.state.nextEffect
                == .authorize(key: key, amount: amount, token: "tok_ok", isGivenUp: true))
        let late = try overdue.when(.authorizationOverdue(reason: "later")).thenNothing()
            .when(.authorizationSucceeded(code: "c")).then(.authorized(asked, code: "c"))
        #expect(late.state.nextEffect == .void(key: voidKey, authorization: key))
        try late.when(.voidSucceeded).then(.voided(nil))
        let again = ask("authorize payment", 2)
        try overdue.when(.authorize(again, amount, token: "tok_ok"))
            .then(.answered(again, .refused("late")))
        try overdue.when(.authorizationDeclined(reason: "no"))
            .then(.declined(asked, reason: "no"), .voided(nil))
    }

    @Test func `the time to pay is the order's, or the usual one`() throws {
        #expect(authorizing.state.time == Payment.usualTime)
        let own = try given(Payment.self)
            .when(.authorize(asked, amount, token: "t", within: .seconds(5)))
            .then(.authorizationRequested(asked, amount, token: "t", within: .seconds(5)))
        #expect(own.state.time == .seconds(5))
    }

    @Test func `a repeated void goes to the newest attempt`() throws {
        let again = undo("authorize payment", 2)
        try voidPending.when(.void(voiding)).thenNothing()
            .when(.void(again)).then(.voidRequested(again))
            .when(.authorizationSucceeded(code: "c")).then(.authorized(asked, code: "c"))
            .when(.void(undo("authorize payment", 3)))
            .then(.voidRequested(undo("authorize payment", 3)))
            .when(.voidSucceeded).then(.voided(undo("authorize payment", 3)))
            .when(.void(again)).then(.answered(again, .done))
        try declined.when(.void(voiding)).then(.answered(voiding, .done))
    }

    @Test func `a captured payment is not voided`() throws {
        try inCapture.when(.void(voiding)).then(.answered(voiding, .refused("capturing")))
        try captured.when(.void(voiding)).then(.answered(voiding, .refused("captured")))
    }

    @Test func `a repeated authorization goes to the newest attempt`() throws {
        let again = ask("authorize payment", 2)
        let command = Payment.Command.authorize(again, amount, token: "tok_ok")
        let repeated =
            try authorizing
            .when(.authorize(asked, amount, token: "tok_ok")).thenNothing()
            .when(command).then(.authorizationRepeated(again))
        #expect(
            repeated.state.nextEffect
                == .authorize(key: key, amount: amount, token: "tok_ok", isGivenUp: false))
        try repeated.when(.authorizationSucceeded(code: "c"))
            .then(.authorized(again, code: "c"))
        try authorized.when(command).then(.answered(again, .done))
        try declined.when(command).then(.answered(again, .refused("no")))
        try voidPending.when(command).then(.answered(again, .refused("voided")))
    }

    @Test func `another amount is not authorized by the same payment`() throws {
        let more = Payment.Command.authorize(
            asked, Money(minor: 9999, currency: .gbp), token: "tok_ok")
        try authorizing.when(more)
            .then(.answered(asked, .refused("another authorization is in flight")))
        try authorized.when(more)
            .then(.answered(asked, .refused("another amount is authorized")))
    }

    @Test func `a repeated capture goes to the newest attempt`() throws {
        let again = ask("capture payment", 2)
        try inCapture.when(.capture(capturing, amount)).thenNothing()
            .when(.capture(again, amount)).then(.captureRepeated(again))
            .when(.captureSucceeded(id: "i")).then(.captured(again, id: "i", amount: amount))
            .when(.capture(again, amount)).then(.answered(again, .done))
    }

    @Test func `a failed capture is refused, and may be asked for again`() throws {
        let again = ask("capture payment", 2)
        try inCapture.when(.captureFailed(reason: "down"))
            .then(.captureFailed(capturing, reason: "down"))
            .when(.capture(again, amount)).then(.captureRequested(again, amount))
    }

    @Test(arguments: [
        Money(minor: 2501, currency: .gbp), Money(minor: -1, currency: .gbp),
        Money(minor: 100, currency: .eur), Money(minor: .max, currency: .gbp),
    ])
    func `no more is captured than was authorized`(wanted: Money) throws {
        try authorized.when(.capture(capturing, wanted)).then(
            .answered(capturing, .refused("\(wanted) is not covered by the authorization")))
        try inCapture.when(.capture(capturing, wanted))
            .then(.answered(capturing, .refused("another capture is in flight")))
    }

    @Test func `what is not authorized is not captured`() throws {
        for payment in [given(Payment.self), authorizing, voidPending, declined] {
            let reason = "not authorized: \(payment.state.phase.rawValue)"
            try payment.when(.capture(capturing, amount))
                .then(.answered(capturing, .refused(reason)))
        }
    }

    @Test func `an answer that nobody waits for is passed over`() throws {
        for payment in [given(Payment.self), authorized, declined, captured] {
            try payment.when(.authorizationSucceeded(code: "x")).thenNothing()
                .when(.authorizationDeclined(reason: "x")).thenNothing()
                .when(.authorizationUnknown(reason: "x")).thenNothing()
                .when(.voidSucceeded).thenNothing()
                .when(.captureSucceeded(id: "x")).thenNothing()
                .when(.captureFailed(reason: "x")).thenNothing()
        }
        try authorizing.when(.voidSucceeded).thenNothing()
        try voidPending.when(.voidSucceeded).thenNothing()
    }

    @Test func `the built-in provider follows the token and the attempt`() {
        let provider = BuiltInPaymentProvider()
        func answer(_ token: String, _ attempt: Int, isGivenUp: Bool = false)
            -> AuthorizationResult
        {
            provider.authorize(
                key: key, amount: amount, token: token, attempt: attempt, isGivenUp: isGivenUp)
        }
        let authorized = answer("tok_ok", 1)
        guard case .authorized = authorized else { return #expect(Bool(false)) }
        let silent = answer("tok_timeout", 100)
        guard case .noAnswer = silent else { return #expect(Bool(false)) }
        #expect([1, 2, 3].map { answer("tok_flaky", $0) } == [silent, silent, authorized])
        #expect(answer("tok_late", 100) == .pending)
        #expect(answer("tok_late", 1, isGivenUp: true) == authorized)
        #expect(answer("tok_declined", 1) == .declined(reason: "card declined"))
        #expect(answer("tok_insufficient_funds", 9) == .declined(reason: "insufficient funds"))
        #expect(answer("4111", 1) == .declined(reason: "unknown token"))
        #expect(provider.void(key: voidKey, authorization: key, attempt: 1) == .voided)
        #expect(
            provider.capture(key: "k", authorization: key, amount: amount, attempt: 1)
                != provider.capture(key: "l", authorization: key, amount: amount, attempt: 1))
    }
}

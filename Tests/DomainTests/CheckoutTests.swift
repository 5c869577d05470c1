import Domain
import EventSourcing
import TestKit
import Testing

/// Walks of the saga alone: what it asks for, by the outcomes it is told.
@Suite struct CheckoutTests {
    static let steps = [
        "reserve stock", "authorize payment", "confirm order", "pack", "hand over",
        "capture payment", "complete order",
    ]
    /// What is undone once the step of that index is in flight or done, in order.
    static let undone = [
        ["reserve stock"], ["authorize payment", "reserve stock"],
        ["authorize payment", "reserve stock"], ["pack", "authorize payment", "reserve stock"],
        ["hand over", "pack", "authorize payment", "reserve stock"],
    ]
    let context: Checkout.Context

    init() throws { context = try Sample().context }

    /// A checkout that waits for the step of that index.
    func waiting(for index: Int) -> CheckoutProgress {
        var saga = CheckoutProgress()
        saga.tell(.start(context))
        for step in Self.steps.prefix(index) { saga.tell(.outcome(ask(step), .done)) }
        return saga
    }

    /// Answers every undo with done, and returns the steps undone.
    func goBack(_ saga: inout CheckoutProgress) -> [String] {
        var steps: [String] = []
        while let pending = saga.pending, pending.direction == .undo, steps.count < 20 {
            steps.append(pending.step)
            saga.tell(.outcome(pending, .done))
        }
        return steps
    }

    @Test func `a checkout asks for its steps in order, with what they need`() throws {
        try given(CheckoutProgress.self)
            .when(.start(context)).then(
                .started(id: "o-1", version: 1, context),
                .requested(ask("reserve stock"), .reserve(context.lines))
            )
            .when(.outcome(ask("reserve stock"), .done)).then(
                .requested(
                    ask("authorize payment"),
                    .authorize(amount: context.amount, token: "tok_ok"))
            )
            .when(.outcome(ask("authorize payment"), .done))
            .then(.requested(ask("confirm order"), .confirm))
            .when(.outcome(ask("confirm order"), .done)).then(.requested(ask("pack"), .pack))
            .when(.outcome(ask("pack"), .done)).then(.requested(ask("hand over"), .handOver()))
            .when(.outcome(ask("hand over"), .done))
            .then(.requested(ask("capture payment"), .capture(context.amount)))
            .when(.outcome(ask("capture payment"), .done))
            .then(.requested(ask("complete order"), .complete))
            .when(.outcome(ask("complete order"), .done)).then(.completed)
            .when(.abort(reason: "x")).thenRejected(.tooLate)
    }

    @Test func `a step of its own service that is done at once is not asked for`() throws {
        let paid = waiting(for: 1)
        #expect(paid.localRequest(after: ask("authorize payment"), .done) == .confirm)
        try Given(state: paid)
            .when(.passed(ask("authorize payment"))).then(.requested(ask("pack"), .pack))
            .when(.passed(ask("authorize payment"))).then()
            .when(.outcome(ask("pack"), .done)).then(.requested(ask("hand over"), .handOver()))
        let handedOver = waiting(for: 5)
        #expect(handedOver.localRequest(after: ask("capture payment"), .done) == .complete)
        try Given(state: handedOver).when(.passed(ask("capture payment"))).then(.completed)
    }

    @Test func `only what comes next, going forward, is carried out at once`() throws {
        let paid = waiting(for: 1)
        #expect(paid.localRequest(after: ask("authorize payment"), .refused("no")) == nil)
        #expect(paid.localRequest(after: ask("authorize payment", 2), .done) == nil)
        #expect(paid.localRequest(after: ask("reserve stock"), .done) == nil)
        #expect(waiting(for: 0).localRequest(after: ask("reserve stock"), .done) == nil)
        try Given(state: waiting(for: 0)).when(.passed(ask("reserve stock"))).then()
        var back = waiting(for: 3)
        back.tell(.abort(reason: "x"))
        back.tell(.outcome(undo("pack"), .done))
        #expect(back.pending == undo("authorize payment"))
        #expect(back.localRequest(after: undo("authorize payment"), .done) == nil)
        try Given(state: back).when(.passed(undo("authorize payment"))).then()
    }

    @Test func `going back asks for the undoing of each step`() throws {
        try Given(state: waiting(for: 4))
            .when(.abort(reason: "x")).then(
                .turned(reason: "x"), .requested(undo("hand over"), .recall)
            )
            .when(.outcome(undo("hand over"), .done))
            .then(.requested(undo("pack"), .unpack))
            .when(.outcome(undo("pack"), .done))
            .then(.requested(undo("authorize payment"), .void))
            .when(.outcome(undo("authorize payment"), .done))
            .then(.requested(undo("reserve stock"), .release))
            .when(.outcome(undo("reserve stock"), .done)).then(.compensated(reason: "x"))
    }

    @Test(arguments: 0..<5) func `a refused step is not undone, the ones before it are`(at: Int) {
        var saga = waiting(for: at)
        saga.tell(.outcome(ask(Self.steps[at]), .refused("no")))
        #expect(goBack(&saga) == (at == 0 ? [] : Self.undone[at - 1]))
        #expect(saga.phase == .compensated)
        #expect(saga.reason == "no")
    }

    @Test(arguments: 0..<5) func `a step that times out is undone as well`(at: Int) {
        var saga = waiting(for: at)
        saga.tell(.deadline(ask(Self.steps[at])))
        #expect(saga.reason == "timed out: \(Self.steps[at])")
        #expect(goBack(&saga) == Self.undone[at])
        #expect(saga.phase == .compensated)
    }

    @Test(arguments: 0..<5) func `an abort undoes the step in flight as well`(at: Int) throws {
        var saga = waiting(for: at)
        saga.tell(.abort(reason: "changed my mind"))
        try Given(state: saga).when(.abort(reason: "again")).thenNothing()
        #expect(goBack(&saga) == Self.undone[at])
        #expect(saga.phase == .compensated)
        #expect(saga.reason == "changed my mind")
    }

    @Test(arguments: 5..<7) func `past the pivot there is no way back`(at: Int) throws {
        let step = Self.steps[at]
        let saga = Given(state: waiting(for: at))
        let request: StepRequest = at == 5 ? .capture(context.amount) : .complete
        try saga.when(.abort(reason: "x")).thenRejected(.tooLate)
        try saga.when(.deadline(ask(step))).then(.requested(ask(step, 2), request))
        try saga.when(.outcome(ask(step), .refused("down")))
            .then(.postponed(ask(step), reason: "down", pause: .seconds(1)))
            .when(.outcome(ask(step), .refused("down")))
            .then(.postponed(ask(step), reason: "down", pause: .seconds(1)))
            .when(.retry(ask(step))).then(.requested(ask(step, 2), request))
            .when(.retry(ask(step))).thenNothing()
            .when(.outcome(ask(step, 2), .refused("down")))
            .then(.postponed(ask(step, 2), reason: "down", pause: .seconds(2)))
    }

    @Test func `a recalled hand-over goes back`() {
        var saga = waiting(for: 4)
        saga.tell(.abort(reason: "x"))
        #expect(goBack(&saga) == Self.undone[4])
        #expect(saga.phase == .compensated)
    }

    @Test func `a hand-over that cannot be recalled goes forward after all`() throws {
        var saga = waiting(for: 4)
        saga.tell(.abort(reason: "x"))
        try Given(state: saga).when(.outcome(ask("hand over"), .done)).thenNothing()
            .when(.outcome(undo("hand over"), .refused("handed over")))
            .then(.resumed, .requested(ask("capture payment"), .capture(context.amount)))
            .when(.abort(reason: "x")).thenRejected(.tooLate)
    }

    @Test func `an attempt that was given up is passed over`() throws {
        var saga = waiting(for: 1)
        saga.tell(.deadline(ask("authorize payment")))
        try Given(state: saga).when(.outcome(ask("authorize payment"), .done)).thenNothing()
            .when(.deadline(ask("authorize payment"))).thenNothing()
            .when(.deadline(undo("authorize payment")))
            .then(.requested(undo("authorize payment", 2), .void))
            .when(.outcome(undo("authorize payment"), .done)).thenNothing()
            .when(.outcome(undo("authorize payment", 2), .done))
            .then(.requested(undo("reserve stock"), .release))
    }

    @Test func `an undoing that is refused is asked for again`() throws {
        var saga = waiting(for: 1)
        saga.tell(.abort(reason: "x"))
        let voiding = undo("authorize payment")
        try Given(state: saga).when(.outcome(voiding, .refused("down")))
            .then(.postponed(voiding, reason: "down", pause: .seconds(1)))
            .when(.retry(voiding)).then(.requested(undo("authorize payment", 2), .void))
    }

    @Test func `a checkout starts once`() throws {
        try Given(state: waiting(for: 0)).when(.start(context)).thenRejected(.alreadyStarted)
        try given(CheckoutProgress.self).when(.abort(reason: "x")).thenRejected(.notStarted)
    }

    @Test func `deadlines and participants are as agreed`() {
        let steps = Checkout.steps(version: 1)
        #expect(steps.map(\.name) == Self.steps)
        #expect(
            steps.map { $0.participant?.value } == [
                "deliveries", "payments", nil, "deliveries", "deliveries", "payments", nil,
            ])
        #expect(steps.filter(\.isPivot).map(\.name) == ["hand over"])
        #expect(steps[0].deadline(context) == .seconds(30))
        #expect(steps[1].deadline(context) == .seconds(180))
        #expect(steps[3].deadline(context) == .seconds(14 * 86_400))
        #expect(Checkout.steps(version: 2).isEmpty)
    }
}

extension CheckoutTests {
    @Test func `what an order says of paying and shipping reaches the participants`() throws {
        let context = Checkout.Context(
            order: context.order, lines: context.lines, amount: context.amount, token: "tok_ok",
            shipping: "ship_flaky", payWithin: .seconds(5))
        let started = given(
            CheckoutProgress.self, .started(id: "o-1", version: 1, context),
            .requested(ask("reserve stock"), .reserve(context.lines)))
        let paying = try started.when(.outcome(ask("reserve stock"), .done)).then(
            .requested(
                ask("authorize payment"),
                .authorize(amount: context.amount, token: "tok_ok", within: .seconds(5))))
        #expect(paying.state.deadline == .seconds(65))
        try paying.when(.outcome(ask("authorize payment"), .done))
            .then(.requested(ask("confirm order"), .confirm))
            .when(.outcome(ask("confirm order"), .done)).then(.requested(ask("pack"), .pack))
            .when(.outcome(ask("pack"), .done))
            .then(.requested(ask("hand over"), .handOver(shipping: "ship_flaky")))
    }
}

extension SagaProgress where Definition == Checkout {
    /// Decides and folds; a rejected command leads to nothing.
    mutating func tell(_ command: Command) {
        for event in (try? decide(command)) ?? [] { evolve(event) }
    }
}

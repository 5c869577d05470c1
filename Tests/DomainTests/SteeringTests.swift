import Domain
import EventSourcing
import TestKit
import Testing

/// A checkout and an order under an operator's hand.
@Suite struct SteeringTests {
    let walks: CheckoutTests
    let sample: Sample
    let ann: Instruction

    init() throws {
        walks = try CheckoutTests()
        sample = try Sample()
        ann = try required(Instruction(by: "ann", why: "paid in cash"))
    }

    @Test func `a step is asked for again at once, whether it waits or was put off`() throws {
        let capture = StepRequest.capture(sample.amount)
        try Given(state: walks.waiting(for: 5))
            .when(.ask(ann)).then(
                .asked(ask("capture payment"), ann), .requested(ask("capture payment", 2), capture)
            )
            .when(.outcome(ask("capture payment", 2), .refused("down")))
            .then(.postponed(ask("capture payment", 2), reason: "down", pause: .seconds(2)))
            .when(.ask(ann)).then(
                .asked(ask("capture payment", 2), ann),
                .requested(ask("capture payment", 3), capture))
    }

    @Test func `a skipped step counts as done, and what its service says later is passed over`()
        throws
    {
        let waiting = Given(state: walks.waiting(for: 1))
        try waiting.when(.skip(step: "pack", ann))
            .thenRejected(.notPending(step: "pack", pending: "authorize payment"))
        try waiting.when(.skip(step: "authorize payment", ann)).then(
            .skipped(ask("authorize payment"), ann), .requested(ask("confirm order"), .confirm)
        )
        .when(.outcome(ask("authorize payment"), .refused("no"))).thenNothing()
        try Given(state: walks.waiting(for: 5))
            .when(.skip(step: "capture payment", ann)).then(
                .skipped(ask("capture payment"), ann), .requested(ask("complete order"), .complete))
    }

    @Test func `a skipped undoing counts as undone`() throws {
        var saga = walks.waiting(for: 1)
        saga.tell(.abort(reason: "x"))
        let given = try Given(state: saga).when(.skip(step: "authorize payment", ann)).then(
            .skipped(undo("authorize payment"), ann),
            .requested(undo("reserve stock"), .release))
        try given.when(.skip(step: "reserve stock", ann)).then(
            .skipped(undo("reserve stock"), ann), .compensated(reason: "x"))
    }

    @Test func `a skipped pivot is passed all the same`() throws {
        try Given(state: walks.waiting(for: 4)).when(.skip(step: "hand over", ann)).then(
            .skipped(ask("hand over"), ann),
            .requested(ask("capture payment"), .capture(sample.amount))
        )
        .when(.compensate(ann)).thenRejected(.tooLate)
    }

    @Test func `a checkout is sent back until the pivot, and once`() throws {
        var saga = walks.waiting(for: 3)
        try Given(state: saga).when(.compensate(ann)).then(
            .sentBack(ann), .turned(reason: "paid in cash"), .requested(undo("pack"), .unpack)
        )
        .when(.compensate(ann)).thenRejected(.turnedAlready)
        saga.tell(.compensate(ann))
        #expect(walks.goBack(&saga) == CheckoutTests.undone[3])
        #expect(saga.phase == .compensated)
        for command: CheckoutProgress.Command in [
            .compensate(ann), .ask(ann), .skip(step: "pack", ann),
        ] { try Given(state: saga).when(command).thenRejected(.tooLate) }
        try given(CheckoutProgress.self).when(.ask(ann)).thenRejected(.notStarted)
    }

    @Test func `whose an order is and where its mails go is set right, whatever became of it`()
        throws
    {
        let bob = try required(CustomerID("bob"))
        let correction = Order.Correction(customer: bob, contact: "new", ann)
        let order = try given(
            Order.self, .placed(sample.draft), .cancellationRequested(reason: "x")
        )
        .when(.correct(correction)).then(.corrected(correction))
        try order.when(.correct(correction)).thenRejected(.nothingToCorrect)
        #expect(order.state.draft?.customer == bob && order.state.draft?.contact == "new")
        #expect(order.state.draft?.total == sample.draft.total)
        #expect(order.state.phase == .cancelPending)
        // It is still where it was: the cancellation may be refused.
        try order.when(.refuseCancellation).then(.cancellationRefused)
        let contact = Order.Correction(customer: nil, contact: "new", ann)
        try given(Order.self, .placed(sample.draft), .confirmed, .completed)
            .when(.correct(contact)).then(.corrected(contact))
        try given(Order.self).when(.correct(contact)).thenRejected(.notPlaced)
    }

    @Test(arguments: [
        ("", "why"), ("ann", ""), ("a\nb", "why"), ("ann", "w\u{7F}"),
        (String(repeating: "a", count: 65), "why"), ("ann", String(repeating: "w", count: 501)),
    ])
    func `who and why have limits`(by: String, why: String) {
        #expect(Instruction(by: by, why: why) == nil)
    }
}

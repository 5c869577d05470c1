public import EventSourcing

/// Leads an order through the services: reserve, authorize, confirm, pack, hand over, capture,
/// complete.
///
/// Until the parcel is handed over a refusal, a deadline or a cancellation undoes what was done,
/// in reverse; from then on every step is asked for again until it is done.
public enum Checkout: Saga {
    public typealias Request = StepRequest

    /// What the steps' requests are made from.
    public struct Context: Hashable, Sendable {
        public let order: OrderID
        /// One line for each SKU, sorted by SKU.
        public let lines: [StockLine]
        public let amount: Money
        public let token: String
        /// The way of shipping, as the carrier knows it; nil for its usual one.
        public let shipping: String?
        /// How long the payment may take; nil for its usual time.
        public let payWithin: Duration?

        public init(
            order: OrderID, lines: [StockLine], amount: Money, token: String,
            shipping: String? = nil, payWithin: Duration? = nil
        ) {
            self.order = order
            self.lines = StockLine.summing(lines)
            self.amount = amount
            self.token = token
            self.shipping = shipping
            self.payWithin = payWithin
        }

        public init(order: OrderID, draft: Order.Draft, payWithin: Duration? = nil) {
            self.init(
                order: order, lines: draft.stockLines, amount: draft.total, token: draft.token,
                shipping: draft.shipping, payWithin: payWithin)
        }
    }

    public static let version = 1

    /// Every version that was ever started stays here as long as a log may hold one in flight.
    public static func steps(version: Int) -> [SagaStep<Context, StepRequest>] {
        version == 1 ? version1 : []
    }

    private static let deliveries = LogName("deliveries")
    private static let payments = LogName("payments")

    private static let version1: [SagaStep<Context, StepRequest>] = [
        SagaStep(
            "reserve stock", of: deliveries, within: .seconds(30),
            request: { .reserve($0.lines) }, undo: { _ in .release }),
        SagaStep(
            "authorize payment", of: payments,
            // The payments service keeps the time; this is for one that answers nothing.
            within: { ($0.payWithin ?? Payment.usualTime) + .seconds(60) },
            request: {
                .authorize(amount: $0.amount, token: $0.token, within: $0.payWithin)
            }, undo: { _ in .void }),
        SagaStep("confirm order", of: nil, within: .seconds(30), request: { _ in .confirm }),
        SagaStep(
            "pack", of: deliveries, within: .days(14),
            request: { _ in .pack }, undo: { _ in .unpack }),
        SagaStep(
            "hand over", of: deliveries, within: .days(14), isPivot: true,
            request: { .handOver(shipping: $0.shipping) }, undo: { _ in .recall }),
        SagaStep(
            "capture payment", of: payments, within: .seconds(120),
            request: { .capture($0.amount) }),
        SagaStep("complete order", of: nil, within: .seconds(30), request: { _ in .complete }),
    ]
}

/// How far an order's checkout has come. Its id is the order's.
public typealias CheckoutProgress = SagaProgress<Checkout>

extension SagaProgress: Decider where Definition == Checkout {}

extension SagaProgress<Checkout>.Command {
    /// Starts the checkout of an order, under the order's id.
    public static func start(_ context: Checkout.Context) -> Self {
        .start(id: context.order.value, context)
    }
}

extension Duration {
    fileprivate static func days(_ count: Int64) -> Duration { .seconds(count * 86_400) }
}

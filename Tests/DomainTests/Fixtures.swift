import Domain
import EventSourcing

/// The order that most tests are about: two of A-1 and one of B-2, 25.00 GBP.
struct Sample {
    let order: OrderID
    let a: SKU
    let b: SKU
    let draft: Order.Draft
    let context: Checkout.Context
    let amount = Money(minor: 2500, currency: .gbp)

    init(token: String = "tok_ok") throws {
        order = try required(OrderID("o-1"))
        a = try required(SKU("A-1"))
        b = try required(SKU("B-2"))
        draft = try Order.Draft(
            contact: "sealed", currency: .gbp,
            lines: [
                OrderLine(sku: b, quantity: 1, unitPrice: Money(minor: 500, currency: .gbp)),
                OrderLine(sku: a, quantity: 2, unitPrice: Money(minor: 1000, currency: .gbp)),
            ], token: token)
        context = Checkout.Context(order: order, draft: draft)
    }

    func line(_ sku: SKU, _ quantity: Int) throws -> StockLine {
        try required(StockLine(sku: sku, quantity: quantity))
    }

    /// What is available after these receipts.
    func stock(_ receipts: (SKU, Int)...) -> Availability {
        var availability = Availability()
        for (sku, quantity) in receipts {
            availability.apply(.received(sku, quantity: quantity, reference: nil))
        }
        return availability
    }
}

struct Missing: Error {}

func required<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw Missing() }
    return value
}

/// A forward request, by step and attempt.
func ask(_ step: String, _ attempt: Int = 1) -> StepReference {
    StepReference(saga: "o-1", step: step, direction: .forward, attempt: attempt)
}

/// An undo request, by step and attempt.
func undo(_ step: String, _ attempt: Int = 1) -> StepReference {
    StepReference(saga: "o-1", step: step, direction: .undo, attempt: attempt)
}

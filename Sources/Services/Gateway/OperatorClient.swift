package import Domain
package import EventSourcing
package import Messaging

/// Which parked messages of a service are asked for.
package struct ParkedQuery: Hashable, Sendable {
    /// Where a page ends, and the next one goes on.
    package struct Cursor: Hashable, Sendable, CustomStringConvertible {
        package let source: String
        package let position: Position

        package init(source: String, position: Position) {
            (self.source, self.position) = (source, position)
        }

        /// Nil for what no page gave.
        package init?(_ text: String) {
            guard let at = text.utf8.lastIndex(of: UInt8(ascii: "@")),
                let position = Int64(strictDecimal: text.utf8[text.utf8.index(after: at)...])
            else { return nil }
            self.init(source: String(text[..<at]), position: Position(position))
        }

        package var description: String { "\(source)@\(position)" }
    }

    package var source: String?
    package var key: String?
    package var cursor: Cursor?
    package var limit = 50

    package init() {}
}

/// Which open checkouts are asked for.
package struct SagaQuery: Hashable, Sendable {
    package var isStuck = false
    package var step: String?
    /// Those after it.
    package var cursor: OrderID?
    package var limit = 50

    package init() {}
}

/// The shop as an operator deals with it. What reads blocks, and is called aside; what acts does
/// not, and calls `reply` once, on any thread.
package protocol OperatorClient: Sendable {
    /// A page of a service's parked messages: one JSON object, as the API shows it.
    ///
    /// - Throws: where the service's file cannot be read now.
    func parked(of service: LogName, _ query: ParkedQuery) throws -> [UInt8]
    /// A page of open checkouts, in the same way; the first with their counts by step.
    func sagas(_ query: SagaQuery) throws -> [UInt8]
    /// One checkout; nil where there is no such order.
    func saga(of order: OrderID) throws -> [UInt8]?

    func act(
        _ act: ParkedAct, on service: LogName, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void)
    func steer(
        _ order: OrderID, _ steering: Steering, _ instruction: Instruction,
        context: RequestContext, reply: @escaping @Sendable (CommandOutcome) -> Void)
    func correct(
        _ order: OrderID, _ correction: OrderCorrection, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void)
}

/// What an operator sets right of an order; what is nil stays.
package struct OrderCorrection: Hashable, Sendable {
    package let customer: CustomerID?
    /// In the clear.
    package let contact: String?
    package let instruction: Instruction

    package init(customer: CustomerID?, contact: String?, _ instruction: Instruction) {
        (self.customer, self.contact) = (customer, contact)
        self.instruction = instruction
    }
}

package import Domain
package import EventSourcing
package import Messaging

/// Who asks, and how the request is to be remembered.
package struct RequestContext: Hashable, Sendable {
    /// An idempotency key: a client's word for one request, and what tells it from another under
    /// the same word.
    package struct Key: Hashable, Sendable {
        package let principal: String
        package let key: String
        /// 32 bytes over method, target and body.
        package let digest: [UInt8]

        package init(principal: String, key: String, digest: [UInt8]) {
            self.principal = principal
            self.key = key
            self.digest = digest
        }
    }

    package let metadata: Metadata
    /// Nil where the client sent none: then the request is not remembered.
    package let key: Key?

    package init(metadata: Metadata, key: Key?) {
        self.metadata = metadata
        self.key = key
    }
}

/// What came of a command.
package enum CommandOutcome: Hashable, Sendable {
    /// It is on record. `id` is that of the order or SKU: for a repeated request the first one's.
    case accepted(EventIdentity, Version, replayed: Bool, id: String)
    /// A rule forbids it; see `RefusalCode` for the codes that have a status of their own.
    case refused(code: String, detail: String)
    /// The reference belongs to that order.
    case referenceTaken(by: OrderID)
    /// The key was used for another request.
    case keyReused
    /// As much is under way as the service carries.
    case busy
    /// It may be on record or not.
    case unknown(String)
    /// Nothing was done.
    case unavailable(String)
    /// What came of an operator's act on parked messages.
    case parked(ParkedReport)
}

/// The codes of refusals; what is none of these answers 409.
package enum RefusalCode {
    /// 404
    package static let unknownOrder = "order-not-found"
    /// 404
    package static let notParked = "parked-message-not-found"
    /// 409
    package static let tooLate = "too-late"
    /// 409
    package static let referenceTaken = "reference-taken"
    /// 422
    package static let invalid = "invalid-request"
}

/// The orders service as the gateway sees it. Neither method blocks; `reply` is called once, on any
/// thread.
package protocol OrdersClient: Sendable {
    func place(
        _ order: OrderID, _ draft: Order.Draft, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void)

    func cancel(
        _ order: OrderID, reason: String, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void)
}

/// The deliveries service as the gateway sees it.
package protocol StockClient: Sendable {
    func receive(
        _ sku: SKU, quantity: Int, reference: String?, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void)
}

/// What the gateway's host knows of the projection loop.
package struct Readiness: Hashable, Sendable {
    /// How long ago the loop last went round; nil before the first time.
    package var heartbeatAge: Duration?
    /// Whether each log was read to where it was when the loop began.
    package var isCaughtUp: Bool
    /// Why the rows are not to be trusted.
    package var staleReason: String?

    package init(heartbeatAge: Duration?, isCaughtUp: Bool, staleReason: String? = nil) {
        self.heartbeatAge = heartbeatAge
        self.isCaughtUp = isCaughtUp
        self.staleReason = staleReason
    }
}

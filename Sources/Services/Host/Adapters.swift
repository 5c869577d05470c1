import CPlatform
package import Deliveries
package import Domain
package import EventSourcing
import EventStore
package import Gateway
package import Messaging
import Notifications
package import Orders
import Projections

/// Where a service takes commands: its writer in this process, or a way to it.
package protocol CommandTaker: Sendable {
    associatedtype Core: ServiceCore

    /// Never blocks; `reply` is called once, on any thread.
    func submit(
        _ command: Core.Command, _ context: CommandContext,
        reply: @escaping @Sendable (EngineOutput<Core.Answer>) -> Void)

    /// The epoch that the service's log writes now.
    var epoch: Epoch { get }
}

extension ServiceRunner: CommandTaker {
    package var epoch: Epoch { board.status?.epoch ?? .first }
}

/// The orders service as the gateway sees it.
package struct OrdersAdapter<Taker: CommandTaker>: OrdersClient where Taker.Core == OrdersCore {
    private let taker: Taker

    package init(_ taker: Taker) { self.taker = taker }

    package func place(
        _ order: OrderID, _ draft: Order.Draft, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        submit(.place(order, draft), context, reply)
    }

    package func cancel(
        _ order: OrderID, reason: String, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        submit(.cancel(order, reason: reason), context, reply)
    }

    package func steer(
        _ order: OrderID, _ steering: Steering, _ instruction: Instruction,
        context: RequestContext, reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        submit(.steer(order, steering, instruction), context, reply)
    }

    package func correct(
        _ order: OrderID, _ correction: OrderCorrection, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        submit(
            .correct(
                order, customer: correction.customer, contact: correction.contact,
                correction.instruction), context, reply)
    }

    private func submit(
        _ command: OrdersCommand, _ context: RequestContext,
        _ reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        taker.submit(command, context.command) { output in
            let stage = kassa_stage_enter(KASSA_STAGE_REPLY)
            defer { kassa_stage_leave(stage) }
            reply(
                CommandOutcome(output) { answer, replayed in
                    switch answer {
                    case .accepted(let order, let version, let position):
                        .accepted(
                            taker.identity(position), version, replayed: replayed,
                            id: order.value)
                    case .erased: .refused(code: "erased", detail: "the personal data are erased")
                    case .refused(let refusal): refusal.outcome
                    }
                })
        }
    }
}

extension OrdersAnswer.Refusal {
    fileprivate var outcome: CommandOutcome {
        switch self {
        case .unknownOrder:
            .refused(code: RefusalCode.unknownOrder, detail: "there is no such order")
        case .referenceTaken(let order): .referenceTaken(by: order)
        case .tooLate(let why): .refused(code: RefusalCode.tooLate, detail: why)
        case .invalid(let why): .refused(code: RefusalCode.invalid, detail: why)
        case .conflict(let code, let why): .refused(code: code, detail: why)
        case .busy: .busy
        }
    }
}

/// The deliveries service's stock as the gateway sees it.
package struct StockAdapter<Taker: CommandTaker>: StockClient
where Taker.Core == DeliveriesCore {
    private let taker: Taker

    package init(_ taker: Taker) { self.taker = taker }

    package func receive(
        _ sku: SKU, quantity: Int, reference: String?, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        let command = DeliveriesCommand.receive(sku, quantity: quantity, reference: reference)
        taker.submit(command, context.command) { output in
            reply(
                CommandOutcome(output) { answer, replayed in
                    switch answer {
                    case .received(let sku, let version, let position):
                        .accepted(
                            taker.identity(position), version, replayed: replayed, id: sku.value)
                    case .alreadyReceived(let sku, let version, let position):
                        .accepted(
                            taker.identity(position), version, replayed: true, id: sku.value)
                    case .refused(let why): .refused(code: RefusalCode.invalid, detail: why)
                    case .referenceTaken(let why):
                        .refused(code: RefusalCode.referenceTaken, detail: why)
                    }
                })
        }
    }
}

extension CommandTaker {
    /// What names the event at `position`, in the epoch that is written now.
    fileprivate func identity(_ position: Position) -> EventIdentity {
        EventIdentity(log: Core.log, epoch: epoch, position: position)
    }
}

extension CommandOutcome {
    fileprivate init<Answer>(
        _ output: EngineOutput<Answer>, _ answered: (Answer, Bool) -> CommandOutcome
    ) {
        switch output {
        case .answer(let answer, let replayed): self = answered(answer, replayed)
        case .keyReused: self = .keyReused
        case .unknown(let why): self = .unknown(why)
        case .unavailable(let why), .stopped(let why): self = .unavailable(why)
        case .parked(.success(let report)): self = .parked(report)
        case .parked(.failure(.notFound(let why))):
            self = .refused(code: RefusalCode.notParked, detail: why)
        case .parked(.failure(.invalid(let why))):
            self = .refused(code: RefusalCode.invalid, detail: why)
        case .taken, .at, .gap, .foreign, .done: self = .unavailable("the service answered nothing")
        }
    }
}

extension ServiceRunner {
    /// Hands an operator's act on parked messages to the writer.
    func act(
        _ act: ParkedAct, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        self.act(act, context.command) { output in
            reply(CommandOutcome(output) { _, _ in .unavailable("the service answered nothing") })
        }
    }
}

extension RequestContext {
    fileprivate var command: CommandContext {
        CommandContext(
            metadata: metadata,
            key: key.flatMap { key in
                Digest(key.digest).map {
                    IdempotencyKey(principal: key.principal, key: key.key, body: $0)
                }
            })
    }
}

/// The projections as the gateway sees them.
struct ProjectionsAdapter: ProjectionsClient {
    let runner: ProjectionRunner

    var statuses: [ProjectionStatus] { [runner.status] }
    func rebuild(_ name: String) -> RebuildAnswer { runner.rebuild(name) }
}

/// The orders service's keys as the notifications service asks for them.
struct SealedContacts: KeyRing {
    let keys: OrdersKeys
    func keys(of owners: Set<String>) throws -> [String: SealingKey] {
        try keys.keys(of: owners)
    }
}

/// The calls of a service that makes none.
struct NoCalls: EffectHandler {
    func run(_ effect: Effect) -> EffectResult { .noAnswer("this service calls nobody") }
}

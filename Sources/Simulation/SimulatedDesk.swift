import Domain
import EventSourcing
import Gateway
import Host
import Messaging
import Orders

/// The orders service under an operator's hand. What operators look at is read from files as any
/// reader does, which is no part of a simulated shop; parked messages it tries again by itself.
struct SimulatedDesk: OperatorClient {
    let orders: OrdersAdapter<CommandLink<OrdersCore>>

    private struct NotSimulated: Error {}

    func parked(of service: LogName, _ query: ParkedQuery) throws -> [UInt8] {
        throw NotSimulated()
    }

    func sagas(_ query: SagaQuery) throws -> [UInt8] { throw NotSimulated() }
    func saga(of order: OrderID) throws -> [UInt8]? { throw NotSimulated() }

    func act(
        _ act: ParkedAct, on service: LogName, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) { reply(.unavailable("parked messages are tried again by the simulation")) }

    func steer(
        _ order: OrderID, _ steering: Steering, _ instruction: Instruction,
        context: RequestContext, reply: @escaping @Sendable (CommandOutcome) -> Void
    ) { orders.steer(order, steering, instruction, context: context, reply: reply) }

    func correct(
        _ order: OrderID, _ correction: OrderCorrection, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) { orders.correct(order, correction, context: context, reply: reply) }
}

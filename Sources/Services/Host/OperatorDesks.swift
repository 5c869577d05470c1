import Deliveries
import Domain
import EventSourcing
import Gateway
import HTTP
import Messaging
import Notifications
import Orders
import Payments

/// The services under an operator's hand where they run in this process.
struct LocalDesk: OperatorClient {
    private typealias Act =
        @Sendable (ParkedAct, RequestContext, @escaping @Sendable (CommandOutcome) -> Void) ->
        Void

    private let data: String
    private let runtime: any Runtime
    private let orders: OrdersAdapter<ServiceRunner<OrdersCore>>
    private let acts: [LogName: Act]

    init(
        data: String, runtime: any Runtime, _ orders: ServiceRunner<OrdersCore>,
        _ payments: ServiceRunner<PaymentsCore>, _ deliveries: ServiceRunner<DeliveriesCore>,
        _ notifications: ServiceRunner<NotificationsCore>
    ) {
        (self.data, self.runtime) = (data, runtime)
        self.orders = OrdersAdapter(orders)
        acts = [
            OrdersCore.log: { orders.act($0, context: $1, reply: $2) },
            PaymentsCore.log: { payments.act($0, context: $1, reply: $2) },
            DeliveriesCore.log: { deliveries.act($0, context: $1, reply: $2) },
            NotificationsCore.log: { notifications.act($0, context: $1, reply: $2) },
        ]
    }

    private func file(_ log: LogName) -> OperatorFile {
        OperatorFile(path: DataFolder.log(log.value, in: data), runtime: runtime)
    }

    func parked(of service: LogName, _ query: ParkedQuery) throws -> [UInt8] {
        try file(service).parked(query)
    }

    func sagas(_ query: SagaQuery) throws -> [UInt8] { try file(OrdersCore.log).sagas(query) }

    func saga(of order: OrderID) throws -> [UInt8]? { try file(OrdersCore.log).saga(of: order) }

    func act(
        _ act: ParkedAct, on service: LogName, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        guard let door = acts[service] else { return reply(.unavailable("no such service")) }
        door(act, context, reply)
    }

    func steer(
        _ order: OrderID, _ steering: Steering, _ instruction: Instruction,
        context: RequestContext, reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        orders.steer(order, steering, instruction, context: context, reply: reply)
    }

    func correct(
        _ order: OrderID, _ correction: OrderCorrection, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        orders.correct(order, correction, context: context, reply: reply)
    }
}

/// The services under an operator's hand where they run in other processes.
struct RemoteDesk: OperatorClient {
    /// A person waits, and a part that answers does so at once.
    private static let patience = Duration.seconds(1)

    let services: RemoteServices

    func parked(of service: LogName, _ query: ParkedQuery) throws -> [UInt8] {
        guard let part = ShopPart(owning: service) else { return [] }
        return try services.peers.body(part, .get, query.target, within: Self.patience)
    }

    func sagas(_ query: SagaQuery) throws -> [UInt8] {
        try services.peers.body(.orders, .get, query.target)
    }

    func saga(of order: OrderID) throws -> [UInt8]? {
        let bytes = try services.peers.body(.orders, .get, "/sagas/\(order)")
        // An empty answer says that there is none.
        return bytes.isEmpty ? nil : bytes
    }

    func act(
        _ act: ParkedAct, on service: LogName, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        guard let part = ShopPart(owning: service) else {
            return reply(.unavailable("no such service"))
        }
        services.send(InnerCommand(.parked(act, on: part), context), reply)
    }

    func steer(
        _ order: OrderID, _ steering: Steering, _ instruction: Instruction,
        context: RequestContext, reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        services.send(InnerCommand(.steer(order, steering, instruction), context), reply)
    }

    func correct(
        _ order: OrderID, _ correction: OrderCorrection, context: RequestContext,
        reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        services.send(InnerCommand(.correct(order, correction), context), reply)
    }
}

// MARK: Queries on their way between processes

extension ParkedQuery {
    static let path = "/parked"

    fileprivate var target: String {
        var target = "\(Self.path)?limit=\(limit)"
        if let source { target += "&source=\(percentEncoded(source))" }
        if let key { target += "&key=\(percentEncoded(key))" }
        if let cursor { target += "&cursor=\(percentEncoded(cursor.description))" }
        return target
    }

    init(_ query: HTTPQuery) throws(JSONError) {
        self.init()
        limit = try query.page()
        (source, key) = (query["source"], query["key"])
        cursor = query["cursor"].flatMap { Cursor($0) }
    }
}

extension SagaQuery {
    static let path = "/sagas"

    fileprivate var target: String {
        var target = "\(Self.path)?limit=\(limit)"
        if isStuck { target += "&stuck=1" }
        if let step { target += "&step=\(percentEncoded(step))" }
        if let cursor { target += "&cursor=\(percentEncoded(cursor.value))" }
        return target
    }

    init(_ query: HTTPQuery) throws(JSONError) {
        self.init()
        limit = try query.page()
        (isStuck, step) = (query["stuck"] == "1", query["step"])
        cursor = query["cursor"].flatMap { OrderID($0) }
    }
}

extension HTTPQuery {
    /// How much a page holds at most, within what one answer may.
    fileprivate func page() throws(JSONError) -> Int {
        Int(clamping: min(1000, max(1, try number("limit"))))
    }
}

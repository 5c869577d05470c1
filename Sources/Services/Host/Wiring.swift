import Deliveries
import EventSourcing
import Messaging
import Notifications
import Orders
import Payments

/// The feeds of the four logs, each told when its service is up and when a reader shows it is
/// behind.
final class Wiring: Sendable {
    private struct Line: Sendable {
        var isUp: @Sendable () -> Bool = { false }
        var onBehind: @Sendable (String) -> Void = { _ in }
    }

    static let logs = [
        OrdersCore.log, PaymentsCore.log, DeliveriesCore.log, NotificationsCore.log,
    ]
    /// What each part reads of the others' logs, but for the gateway, which reads all facts.
    static let sources: [ShopPart: [Source]] = [
        .orders: OrdersCore.sources, .payments: PaymentsCore.sources,
        .deliveries: DeliveriesCore.sources, .notifications: NotificationsCore.sources,
    ]
    static var facts: [Source] { logs.map { Source($0, Publication.facts) } }
    let feeds: [LogName: any Feed]
    private let lines: Monitor<[LogName: Line]>

    init(data: String) {
        let lines = Monitor<[LogName: Line]>([:])
        self.lines = lines
        var feeds: [LogName: any Feed] = [:]
        for (log, publication) in Self.publications {
            feeds[log] = LogFeed(
                path: DataFolder.log(log.value, in: data), publication: publication,
                isUp: { lines.withLock { $0[log] }?.isUp() ?? false },
                onBehind: { lines.withLock { $0[log] }?.onBehind($0) })
        }
        self.feeds = feeds
    }

    static let publications: [(LogName, Publication)] = [
        (OrdersCore.log, OrdersCore.publication), (PaymentsCore.log, PaymentsCore.publication),
        (DeliveriesCore.log, DeliveriesCore.publication),
        (NotificationsCore.log, NotificationsCore.publication),
    ]

    func connect(
        orders: ServiceRunner<OrdersCore>, payments: ServiceRunner<PaymentsCore>,
        deliveries: ServiceRunner<DeliveriesCore>,
        notifications: ServiceRunner<NotificationsCore>
    ) {
        connect(orders)
        connect(payments)
        connect(deliveries)
        connect(notifications)
    }

    /// The line holds its runner weakly: the runner holds the feeds.
    private func connect<Core>(_ runner: ServiceRunner<Core>) {
        let line = Line(
            isUp: { [weak runner] in runner?.isUp ?? false },
            onBehind: { [weak runner] in runner?.halt($0) })
        lines.withLock { $0[Core.log] = line }
    }
}

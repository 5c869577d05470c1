import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Notifications
import Orders
import Payments
import Telemetry

/// What a service runs with, alone in its process or beside the others.
struct Surroundings: Sendable {
    let settings: Shop.Settings
    let broker: any Broker
    /// Of each log that it reads, at least.
    let feeds: [LogName: any Feed]
    let disk: DiskWatch
    let runtime: SystemRuntime
    let tracing: Tracing

    fileprivate func settings(of log: LogName) -> ServiceSettings {
        var service = ServiceSettings(path: DataFolder.log(log.value, in: settings.data))
        // Who places an order waits for it to be written; all else follows in its own time.
        if log == OrdersCore.log { (service.urgency, service.fetchLimit) = (.awaited, 128) }
        let disk = disk
        service.isDiskShort = { disk.reading.isStopped }
        service.tracer = tracing.tracer(of: log.value)
        service.logsAll = settings.logsAll
        return service
    }

    fileprivate func runner<Core: ServiceCore>(
        _ handler: any EffectHandler, _ makeCore: @escaping @Sendable () -> Core
    ) -> ServiceRunner<Core> {
        let notice = settings.notice
        return ServiceRunner(
            settings: settings(of: Core.log), makeCore: makeCore, broker: broker, feeds: feeds,
            handler: handler, runtime: runtime
        ) { line in
            var line = line
            line.service = Core.log.value
            notice(line)
        }
    }
}

/// Makes the four services; none of them runs yet.
enum ServiceParts {
    static func orders(_ around: Surroundings) -> ServiceRunner<OrdersCore> {
        let (runtime, payWithin) = (around.runtime, around.settings.payWithin)
        return around.runner(NoCalls()) { OrdersCore(runtime: runtime, payWithin: payWithin) }
    }

    static func payments(_ around: Surroundings) -> ServiceRunner<PaymentsCore> {
        around.runner(PaymentCalls(provider: BuiltInPaymentProvider())) { PaymentsCore() }
    }

    static func deliveries(_ around: Surroundings) -> ServiceRunner<DeliveriesCore> {
        let settings = around.settings
        let carrier = BuiltInCarrier(
            times: .init(
                inTransit: settings.inTransit, outForDelivery: settings.outForDelivery),
            runtime: around.runtime)
        return around.runner(CarrierCalls(carrier: carrier)) {
            DeliveriesCore(holdFor: settings.holdFor)
        }
    }

    static func notifications(
        _ around: Surroundings, _ mailer: any Mailer, keys: any KeyRing
    ) -> ServiceRunner<NotificationsCore> {
        around.runner(MailCalls(mailer: mailer, keys: keys)) { NotificationsCore() }
    }
}

import EventSourcing
import EventStore
import Foundation
import Gateway
import HTTP
import Messaging
package import NATS
import Orders

/// A part of a shop as a process of its own: a service or the gateway, with its own folder, its
/// port and its place at the broker.
package final class ServedPart: Sendable {
    package struct Settings: Sendable {
        package let part: ShopPart
        /// Its folder lies in `shop.data`.
        package var shop: Shop.Settings
        package let broker: NATSAddress
        /// Where others reach it; nil for the address that it listens at.
        package var advertised: String?
        /// A gateway's name at the broker: of several each has its own.
        package var consumer = "gateway"

        package init(_ part: ShopPart, _ shop: Shop.Settings, broker: NATSAddress) {
            (self.part, self.shop, self.broker) = (part, shop, broker)
        }
    }

    /// The port it listens at.
    package let port: UInt16
    private let waitUntilReady: @Sendable (Duration) -> Bool
    private let end: @Sendable () -> Void

    init(
        port: UInt16, waitUntilReady: @escaping @Sendable (Duration) -> Bool = { _ in true },
        end: @escaping @Sendable () -> Void
    ) {
        (self.port, self.waitUntilReady, self.end) = (port, waitUntilReady, end)
    }

    /// Waits until it does its work: a gateway starts by catching up.
    ///
    /// - Returns: whether it does.
    package func isReady(within limit: Duration) -> Bool { waitUntilReady(limit) }

    /// Finishes what was begun, and closes all files cleanly.
    package func stop() { end() }

    /// Starts it; others need not be there yet.
    ///
    /// - Throws: with what to do about it.
    package static func start(_ settings: Settings) throws -> ServedPart {
        var settings = settings
        settings.shop.notice = Notices(settings.shop.notice).tell
        do { return try begin(settings) } catch let error as DataFolder.Failure {
            throw error
        } catch { throw Shop.failure(error, in: settings.shop.data) }
    }

    private static func begin(_ settings: Settings) throws -> ServedPart {
        switch settings.part {
        case .orders:
            return try ServedService.start(settings, ServiceParts.orders) { runner in
                let orders = OrdersAdapter(runner)
                let keys = OrdersKeys(path: runner.settings.path)
                return InnerAPI.Doors(
                    commands: { command, reply in orders.take(command, reply) },
                    keys: { owners throws in try keys.keys(of: owners) })
            }
        case .payments:
            return try ServedService.start(settings, ServiceParts.payments) { _ in .init() }
        case .deliveries:
            return try ServedService.start(settings, ServiceParts.deliveries) { runner in
                let stock = StockAdapter(runner)
                return InnerAPI.Doors(commands: { command, reply in stock.take(command, reply) })
            }
        case .notifications: return try ServedService.startNotifications(settings)
        case .gateway: return try ServedGateway.start(settings)
        case .broker:
            throw Shop.Failure.cannotStart("the broker is started as ServedBroker")
        }
    }
}

extension OrdersAdapter {
    fileprivate func take(
        _ command: InnerCommand, _ reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        switch command.kind {
        case .place(let order, let draft):
            place(order, draft, context: command.context, reply: reply)
        case .cancel(let order, let reason):
            cancel(order, reason: reason, context: command.context, reply: reply)
        case .steer(let order, let steering, let instruction):
            steer(order, steering, instruction, context: command.context, reply: reply)
        case .correct(let order, let correction):
            correct(order, correction, context: command.context, reply: reply)
        case .receive, .parked: reply(.unavailable("orders does not do that"))
        }
    }
}

extension StockClient {
    fileprivate func take(
        _ command: InnerCommand, _ reply: @escaping @Sendable (CommandOutcome) -> Void
    ) {
        guard case .receive(let sku, let quantity, let reference) = command.kind else {
            return reply(.unavailable("deliveries does not do that"))
        }
        receive(
            sku, quantity: quantity, reference: reference, context: command.context, reply: reply)
    }
}

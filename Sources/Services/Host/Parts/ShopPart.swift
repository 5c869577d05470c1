package import EventSourcing
import Messaging

/// A part of a shop that can run as a process of its own.
package enum ShopPart: String, CaseIterable, Sendable, CustomStringConvertible {
    case broker, orders, payments, deliveries, notifications, gateway

    package var description: String { rawValue }

    /// The four that own a log.
    package static let services: [ShopPart] = [.orders, .payments, .deliveries, .notifications]

    /// The log that it owns; nil for the broker and the gateway.
    package var log: LogName? { Self.services.contains(self) ? LogName(rawValue) : nil }

    /// The part that owns a log; nil for a log that no part of a shop owns.
    package init?(owning log: LogName) {
        guard let part = ShopPart(rawValue: log.value), part.log != nil else { return nil }
        self = part
    }

    /// The parts that read something of a log: who can tell whether it has lost events.
    func readsOf(_ log: LogName) -> Bool {
        switch self {
        case .broker: false
        case .gateway: true
        case .orders, .payments, .deliveries, .notifications:
            Wiring.sources[self]?.contains { $0.log == log } ?? false
        }
    }
}

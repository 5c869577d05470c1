import Domain
import EventSourcing
import EventStore
package import Messaging

extension OrdersCore {
    /// Orders' facts, without the means of payment; each step request to the service that carries
    /// it out.
    package static let publication = Publication(
        channels: [Publication.facts, "to-deliveries", "to-payments"],
        rules: [
            "order.placed": Publication.fact(without: ["token"]),
            "order.confirmed": Publication.fact,
            "order.completed": Publication.fact,
            "order.cancellation-requested": Publication.fact,
            "order.cancellation-refused": Publication.fact,
            "order.rejected": Publication.fact,
            "order.cancelled": Publication.fact,
            "order.expired": Publication.fact,
            "order.corrected": Publication.fact,
            "customer.erased": Publication.fact,
            "checkout.step-repeated": Publication.fact,
            "checkout.step-skipped": Publication.fact,
            "checkout.sent-back": Publication.fact,
            "checkout.step-requested": { record in
                guard let json = try? JSON(parsing: record.data),
                    let request = json["request"]?["do"]?.string,
                    let service = StepRequest.service(carryingOut: request)
                else { return [] }
                return [
                    Published(channel: "to-\(service)", type: record.type, data: record.data)
                ]
            },
        ],
        restricted: ["checkout.step-requested": ["to-deliveries", "to-payments"]])
}

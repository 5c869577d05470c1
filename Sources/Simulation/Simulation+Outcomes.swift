import Domain
import EventSourcing
import EventStore
import Messaging

extension Simulation {
    /// What had a saga go on was the outcome of the step that it waited for, in that very attempt.
    func checkOutcomes() throws {
        var facts: [LogName: [StoredRecord]] = [:]
        // What went with a log that was put back cannot be looked at any more.
        for service in [shop.payments, shop.deliveries] as [any LoggingProcess]
        where !losses.logs.contains(service.name) {
            facts[service.logName] = try records(service.path)
        }
        var sagas: [String: CheckoutProgress] = [:]
        var heard: [String: EventIdentity] = [:]
        for record in try records(shop.orders.path) where record.stream.category == "checkout" {
            let order = record.stream.id
            var saga = sagas[order] ?? CheckoutProgress()
            let cause = try record.parsedMetadata().cause
            // The first event says what the saga waited for; those after it follow from it.
            if let cause, heard[order] != cause, let facts = facts[cause.log] {
                let index = Int(cause.position.value) - 1
                let fact = facts.indices.contains(index) ? facts[index] : nil
                let reply = try fact.flatMap { try StepReply.read($0.type, $0.data) }
                guard let reply, reply.step == saga.pending else {
                    throw violated(
                        "\(record.stream) waited for \(saga.pending.map { "\($0)" } ?? "nothing") "
                            + "and went on with \(reply.map { "\($0.step)" } ?? "\(cause)")")
                }
            }
            heard[order] = cause
            saga.evolve(try record.decoded(as: CheckoutProgress.Event.self).event)
            sagas[order] = saga
        }
    }
}

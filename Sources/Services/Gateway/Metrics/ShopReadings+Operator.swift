import EventSourcing

/// What an operator is called for.
extension ShopReadings {
    func writeOperators(to text: inout MetricsText) {
        text.family(
            "kassa_service_parked_oldest_seconds", .gauge,
            "How long the message lies that was parked first; 0 where none is.")
        for service in services where service.parked != nil {
            text.sample(["service": service.name], seconds(since: service.oldestParked ?? at))
        }
        guard openCheckouts != nil else { return }
        text.family(
            "kassa_checkouts_at_step", .gauge,
            "Checkouts that wait for a step, of the oldest that have begun.")
        for saga in sagas { text.sample(saga.labels, saga.open) }
        text.family(
            "kassa_checkouts_at_step_oldest_seconds", .gauge,
            "How long the one waits that has waited longest.")
        for saga in sagas { text.sample(saga.labels, seconds(since: saga.oldest)) }
        text.family(
            "kassa_checkouts_stuck", .gauge,
            "Checkouts that need a person, of the oldest that have begun.")
        text.sample([:], sagas.reduce(0) { $0 + $1.stuck })
    }

    private func seconds(since moment: Timestamp) -> Double {
        Double(max(0, (at - moment).microseconds)) / 1_000_000
    }
}

extension ShopReadings.SagaStep {
    fileprivate var labels: MetricsText.Labels {
        ["step": step, "direction": direction]
    }
}

public import EventSourcing

/// A customer's order: `absent -> placed -> confirmed -> completed`, or closed before that.
///
/// While a cancellation is being tried the order is `cancelPending`: nothing else may go on until
/// the saga has either undone what was done (`close`) or found that it is too late
/// (`refuseCancellation`).
public struct Order: Decider, Hashable {
    public enum Phase: String, Hashable, Sendable {
        case absent, placed, confirmed, cancelPending, completed, rejected, cancelled, expired
    }

    public private(set) var phase = Phase.absent
    public private(set) var draft: Draft?
    /// Where a refused cancellation returns to; nil unless one is pending.
    public private(set) var cancellingFrom: Phase?

    public init() {}

    public var weight: Int { 1 + (draft?.lines.count ?? 0) / 16 }

    public func decide(_ command: Command) throws(Rejection) -> [Event] {
        switch (command, phase) {
        case (.place(let draft), .absent): return [.placed(draft)]
        // A repeat is no error: the fact is already on record.
        case (.place(let draft), _):
            guard draft == self.draft else { throw .alreadyPlaced }
            return []
        case (_, .absent): throw .notPlaced

        // Whatever became of it: who it is of may have been wrong all the time.
        case (.correct(let correction), _):
            guard draft?.corrected(correction) != draft else { throw .nothingToCorrect }
            return [.corrected(correction)]

        case (.confirm, .placed): return [.confirmed]
        case (.confirm, .confirmed), (.confirm, .completed): return []
        case (.confirm, .cancelPending):
            guard cancellingFrom == .confirmed else { throw .cancellationPending }
            return []

        case (.complete, .confirmed): return [.completed]
        case (.complete, .completed): return []
        case (.complete, .placed): throw .notConfirmed
        case (.complete, .cancelPending): throw .cancellationPending

        case (.requestCancellation(let reason), .placed),
            (.requestCancellation(let reason), .confirmed):
            return [.cancellationRequested(reason: reason)]
        case (.requestCancellation, .cancelPending): return []

        case (.refuseCancellation, .cancelPending): return [.cancellationRefused]
        case (.refuseCancellation, .placed), (.refuseCancellation, .confirmed),
            (.refuseCancellation, .completed):
            return []

        case (.close(let reason), .placed), (.close(let reason), .confirmed),
            (.close(let reason), .cancelPending):
            return [reason.event]
        case (.close(let reason), _) where reason.phase == phase: return []

        case (_, .completed), (_, .rejected), (_, .cancelled), (_, .expired): throw .ended(phase)
        }
    }

    public mutating func evolve(_ event: Event) {
        switch event {
        case .placed(let draft):
            phase = .placed
            self.draft = draft
        case .confirmed: phase = .confirmed
        case .completed: phase = .completed
        case .cancellationRequested:
            cancellingFrom = phase
            phase = .cancelPending
            return
        case .cancellationRefused: phase = cancellingFrom ?? phase
        case .rejected: phase = .rejected
        case .cancelled: phase = .cancelled
        case .expired: phase = .expired
        case .corrected(let correction):
            draft = draft?.corrected(correction)
            return
        }
        cancellingFrom = nil
    }
}

extension Order.CloseReason {
    fileprivate var event: Order.Event {
        switch self {
        case .rejected(let reason): .rejected(reason: reason)
        case .cancelled(let reason): .cancelled(reason: reason)
        case .expired(let reason): .expired(reason: reason)
        }
    }

    fileprivate var phase: Order.Phase {
        switch self {
        case .rejected: .rejected
        case .cancelled: .cancelled
        case .expired: .expired
        }
    }
}

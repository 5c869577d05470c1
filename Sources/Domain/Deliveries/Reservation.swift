public import EventSourcing

/// The stock held for one order: `absent -> made -> released`, or refused; all lines at once or
/// none. What is held too long without being packed expires.
public struct Reservation: Decider, Hashable {
    public enum Phase: String, Hashable, Sendable { case absent, made, refused, released, expired }

    public private(set) var phase = Phase.absent
    /// What is held, one line for each SKU; kept after the release.
    public private(set) var lines: [StockLine] = []
    /// Why nothing is held, where it was refused.
    public private(set) var shortages: [Shortage] = []

    public init() {}

    public var weight: Int { 1 + (lines.count + shortages.count) / 16 }

    public enum Command: Hashable, Sendable {
        /// Drop the command before folding its events: a second owner makes the fold copy all of
        /// `from`.
        case reserve(StepReference, [StockLine], from: Availability)
        case release(StepReference)
        /// It was held for so long that nobody can be waiting for it any more.
        case expire(held: Duration)
    }

    public enum Event: Hashable, Sendable {
        case made(StepReference, [StockLine])
        case refused(StepReference, [Shortage])
        case released(StepReference)
        case expired(held: Duration)
        /// The answer to a command that led to no new fact. Changes no state.
        case answered(StepReference, StepOutcome)
    }

    /// Commands are never rejected: refusals are events, as the saga must hear of them.
    public typealias Rejection = Never

    public func decide(_ command: Command) -> [Event] {
        switch (command, phase) {
        case (.reserve(let step, let lines, let availability), .absent):
            let shortages = availability.shortages(for: lines)
            guard shortages.isEmpty else { return [.refused(step, shortages)] }
            return [.made(step, StockLine.summing(lines))]
        case (.reserve(let step, let lines, _), .made):
            guard StockLine.summing(lines) == self.lines else {
                return [.answered(step, .refused("other lines are reserved"))]
            }
            return [.answered(step, .done)]
        case (.reserve(let step, _, _), .refused):
            return [.answered(step, .refused(Shortage.reason(shortages)))]
        case (.reserve(let step, _, _), .released):
            return [.answered(step, .refused("released"))]
        case (.reserve(let step, _, _), .expired):
            return [.answered(step, .refused(Self.expiry))]
        // Released before it was made: a reservation that comes later is refused.
        case (.release(let step), .absent), (.release(let step), .made): return [.released(step)]
        case (.release(let step), .refused), (.release(let step), .released),
            (.release(let step), .expired):
            return [.answered(step, .done)]
        case (.expire(let held), .made): return [.expired(held: held)]
        case (.expire, .absent), (.expire, .refused), (.expire, .released), (.expire, .expired):
            return []
        }
    }

    /// What whoever asks for an expired reservation is told.
    static let expiry = "the reservation has expired"

    public mutating func evolve(_ event: Event) {
        switch event {
        case .made(_, let lines):
            phase = .made
            self.lines = lines
        case .refused(_, let shortages):
            phase = .refused
            self.shortages = shortages
        case .released: phase = .released
        case .expired: phase = .expired
        case .answered: break
        }
    }
}

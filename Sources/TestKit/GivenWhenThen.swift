public import EventSourcing

/// The test language of deciders: `try given(Order.self,
/// .placed(draft)).when(.confirm).then(.confirmed)`.
public func given<D: Decider>(_ type: D.Type, _ events: D.Event...) -> Given<D> {
    Given(state: D(folding: events))
}

/// A decider in the state that some events led to.
public struct Given<D: Decider>: Sendable {
    public let state: D

    public init(state: D) { self.state = state }

    /// Decides `command`, and waits to be told what should come of it.
    public func when(_ command: D.Command) -> When<D> {
        do throws(D.Rejection) {
            return When(state: state, decision: .success(try state.decide(command)))
        } catch { return When(state: state, decision: .failure(error)) }
    }
}

/// What a command led to.
public struct When<D: Decider>: Sendable {
    let state: D
    let decision: Result<[D.Event], D.Rejection>

    /// - Returns: the state with the events folded in, to go on from.
    /// - Throws: `Mismatch` where other events or a rejection came.
    @discardableResult
    public func then(
        _ expected: D.Event..., file: StaticString = #fileID, line: UInt = #line
    ) throws(Mismatch) -> Given<D> {
        guard case .success(let events) = decision, events == expected else {
            throw Mismatch(expected: "\(expected)", found: found, file: file, line: line)
        }
        var next = state
        for event in events { next.evolve(event) }
        return Given(state: next)
    }

    /// The fact is on record already, or nobody waits for it: no event, no rejection.
    @discardableResult
    public func thenNothing(
        file: StaticString = #fileID, line: UInt = #line
    ) throws(Mismatch) -> Given<D> {
        try then(file: file, line: line)
    }

    /// - Throws: `Mismatch` where events or another rejection came.
    public func thenRejected(
        _ expected: D.Rejection, file: StaticString = #fileID, line: UInt = #line
    ) throws(Mismatch) where D.Rejection: Equatable {
        if case .failure(let rejection) = decision, rejection == expected { return }
        throw Mismatch(expected: "rejected: \(expected)", found: found, file: file, line: line)
    }

    private var found: String {
        switch decision {
        case .success(let events): "\(events)"
        case .failure(let rejection): "rejected: \(rejection)"
        }
    }
}

/// A decision was not the one expected.
public struct Mismatch: Error, CustomStringConvertible {
    public let expected: String
    public let found: String
    let file: StaticString
    let line: UInt

    public var description: String { "\(file):\(line): expected \(expected), found \(found)" }
}

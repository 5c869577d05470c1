/// How far a saga has come: a decider like every other, fed with its participants' outcomes and
/// with deadlines.
///
/// Steps run one at a time. A request for a step says that the one before it is done; going back,
/// that the one after it is undone. Until the pivot a refusal, a deadline or an abort turns it
/// back; the step then in flight is undone as well, since its outcome is unknown, unless it was
/// refused. After the pivot a step is asked for again until it is done. A step that the saga's own
/// service has carried out when the saga hears of the one before it is not recorded as asked for.
public struct SagaProgress<Definition: Saga>: Sendable {
    public enum Phase: Hashable, Sendable {
        case absent
        /// Waiting for the pending step's outcome, forwards or backwards.
        case waiting
        /// The pending step was refused where it must succeed; it is asked for again after a pause.
        case postponed
        case completed
        case compensated
    }

    public enum Command: Sendable {
        case start(id: String, Definition.Context)
        case outcome(StepReference, StepOutcome)
        /// The step is done, and so is the one after it, as `localRequest` asked for it.
        case passed(StepReference)
        case deadline(StepReference)
        case retry(StepReference)
        case abort(reason: String)
        /// An operator has the pending step asked for again, at once.
        case ask(Instruction)
        /// An operator takes the pending step as done, or as undone, whatever its participant says.
        case skip(step: String, Instruction)
        /// An operator has it go back.
        case compensate(Instruction)
    }

    public enum Event: Hashable, Sendable {
        case started(id: String, version: Int, Definition.Context)
        case requested(StepReference, Definition.Request)
        /// The turn: from here on the saga goes back. The reason is what the customer is told.
        case turned(reason: String)
        /// Asked to be undone, the pivot answered that it is done: the saga goes forward after all.
        case resumed
        case postponed(StepReference, reason: String, pause: Duration)
        case completed
        case compensated(reason: String)
        /// By hand: what follows was an operator's word, and not a participant's.
        case asked(StepReference, Instruction)
        case skipped(StepReference, Instruction)
        case sentBack(Instruction)
    }

    public enum Rejection: Error, Hashable {
        case alreadyStarted
        case notStarted
        /// The pivot is passed or the saga has ended.
        case tooLate
        case unknownVersion(Int)
        /// Another step is pending, or none.
        case notPending(step: String, pending: String?)
        /// It goes back already.
        case turnedAlready
    }

    public private(set) var phase = Phase.absent
    public private(set) var id = ""
    public private(set) var version = 0
    public private(set) var context: Definition.Context?
    /// The request whose outcome is awaited.
    public private(set) var pending: StepReference?
    /// Why the saga turned back; nil while it goes forward.
    public private(set) var reason: String?
    public private(set) var isPastPivot = false

    public init() {}

    public var isOpen: Bool { phase == .waiting || phase == .postponed }
    private var steps: [SagaStep<Definition.Context, Definition.Request>] {
        Definition.steps(version: version)
    }

    /// The step that is being asked for, or undone; nil before the start and after the end.
    public var current: SagaStep<Definition.Context, Definition.Request>? {
        pending.flatMap { pending in steps.first { $0.name == pending.step } }
    }

    /// How long the pending step's participant may take; nil where nothing is pending.
    public var deadline: Duration? { context.flatMap { current?.deadline($0) } }

    public func decide(_ command: Command) throws(Rejection) -> [Event] {
        switch command {
        case .start(let id, let context):
            guard phase == .absent else { throw .alreadyStarted }
            let steps = Definition.steps(version: Definition.version)
            guard let first = steps.first else { throw .unknownVersion(Definition.version) }
            let reference = StepReference(
                saga: id, step: first.name, direction: .forward, attempt: 1)
            return [
                .started(id: id, version: Definition.version, context),
                .requested(reference, first.request(context)),
            ]
        case .outcome(let reference, let outcome):
            // An attempt that was given up, or an outcome that came twice: passed over.
            guard isOpen, reference == pending else { return [] }
            return react(reference, outcome)
        case .passed(let reference):
            guard isOpen, reference == pending, let local = localStep(after: reference) else {
                return []
            }
            return proceed(after: local)
        case .deadline(let reference):
            guard phase == .waiting, reference == pending else { return [] }
            if reference.direction == .undo || isPastPivot {
                return [again(reference)].compactMap { $0 }
            }
            return turn(reason: "timed out: \(reference.step)", undoingFrom: index(of: reference))
        case .retry(let reference):
            guard phase == .postponed, reference == pending else { return [] }
            return [again(reference)].compactMap { $0 }
        case .abort(let reason):
            guard phase != .absent else { throw .notStarted }
            if self.reason != nil, isOpen { return [] }
            guard isOpen, !isPastPivot, let pending else { throw .tooLate }
            return turn(reason: reason, undoingFrom: index(of: pending))
        case .ask(let instruction):
            let pending = try awaited.get()
            return [.asked(pending, instruction)] + [again(pending)].compactMap(\.self)
        case .skip(let step, let instruction):
            let pending = try awaited.get()
            guard pending.step == step else {
                throw .notPending(step: step, pending: pending.step)
            }
            let rest =
                pending.direction == .forward
                ? proceed(after: index(of: pending))
                : undo(from: index(of: pending) - 1, reason: reason ?? "")
            return [.skipped(pending, instruction)] + rest
        case .compensate(let instruction):
            let pending = try awaited.get()
            guard reason == nil else { throw .turnedAlready }
            guard !isPastPivot else { throw .tooLate }
            return [.sentBack(instruction)]
                + turn(reason: instruction.why, undoingFrom: index(of: pending))
        }
    }

    /// The request whose outcome is awaited, of a saga that is under way.
    private var awaited: Result<StepReference, Rejection> {
        guard phase != .absent else { return .failure(.notStarted) }
        guard isOpen, let pending else { return .failure(.tooLate) }
        return .success(pending)
    }

    /// What the saga's own service is to do at once where `reference` has come out so: where that
    /// succeeds, `passed` tells the saga of both, and nothing is recorded of the asking.
    ///
    /// - Returns: nil where the saga does not go on with a step of its own service.
    public func localRequest(after reference: StepReference, _ outcome: StepOutcome)
        -> Definition.Request?
    {
        guard isOpen, reference == pending, outcome == .done,
            let local = localStep(after: reference), let context
        else { return nil }
        return steps[local].request(context)
    }

    /// The step after it, going forward, where the saga's own service carries it out.
    private func localStep(after reference: StepReference) -> Int? {
        let (known, next) = (steps, index(of: reference) + 1)
        guard reference.direction == .forward, next > 0, known.indices.contains(next),
            known[next].participant == nil
        else { return nil }
        return next
    }

    private func index(of reference: StepReference) -> Int {
        steps.firstIndex { $0.name == reference.step } ?? -1
    }

    private func react(_ reference: StepReference, _ outcome: StepOutcome) -> [Event] {
        let index = index(of: reference)
        // A step that this build does not know: it neither goes on nor back, an operator must look.
        guard index >= 0 else { return [] }
        switch (reference.direction, outcome) {
        case (.forward, .done): return proceed(after: index)
        case (.forward, .refused(let reason)):
            if isPastPivot { return [postpone(reference, reason)] }
            return turn(reason: reason, undoingFrom: index - 1)
        case (.undo, .done): return undo(from: index - 1, reason: reason ?? "")
        case (.undo, .refused(let reason)):
            // Only the pivot may say that it is too late to be undone.
            guard steps.indices.contains(index), steps[index].isPivot else {
                return [postpone(reference, reason)]
            }
            return [.resumed] + proceed(after: index)
        }
    }

    private func proceed(after index: Int) -> [Event] {
        guard index + 1 < steps.count else { return [.completed] }
        return [request(steps[index + 1], .forward, attempt: 1)].compactMap { $0 }
    }

    private func turn(reason: String, undoingFrom index: Int) -> [Event] {
        [.turned(reason: reason)] + undo(from: index, reason: reason)
    }

    private func undo(from index: Int, reason: String) -> [Event] {
        for step in steps.prefix(max(0, index + 1)).reversed() where step.undo != nil {
            return [request(step, .undo, attempt: 1)].compactMap { $0 }
        }
        return [.compensated(reason: reason)]
    }

    private func again(_ reference: StepReference) -> Event? {
        guard let current else { return nil }
        return request(current, reference.direction, attempt: reference.attempt + 1)
    }

    private func request(
        _ step: SagaStep<Definition.Context, Definition.Request>,
        _ direction: StepReference.Direction, attempt: Int
    ) -> Event? {
        guard let context, let make = direction == .forward ? step.request : step.undo else {
            return nil
        }
        let reference = StepReference(
            saga: id, step: step.name, direction: direction, attempt: attempt)
        return .requested(reference, make(context))
    }

    /// Pauses of 1, 2, 4 ... seconds, up to an hour, by attempt.
    private func postpone(_ reference: StepReference, _ reason: String) -> Event {
        let seconds = reference.attempt > 12 ? 3600 : min(3600, 1 << (reference.attempt - 1))
        return .postponed(reference, reason: reason, pause: .seconds(seconds))
    }

    public mutating func evolve(_ event: Event) {
        switch event {
        case .started(let id, let version, let context):
            self.id = id
            self.version = version
            self.context = context
            phase = .waiting
        case .requested(let reference, _):
            phase = .waiting
            pending = reference
            if reference.direction == .forward {
                let passed = steps.prefix(max(0, index(of: reference)))
                isPastPivot = passed.contains { $0.isPivot }
            }
        case .turned(let reason): self.reason = reason
        case .resumed:
            reason = nil
            isPastPivot = true
        case .postponed: phase = .postponed
        case .completed:
            phase = .completed
            pending = nil
        case .compensated(let reason):
            phase = .compensated
            pending = nil
            self.reason = reason
        case .asked, .skipped, .sentBack: break
        }
    }
}

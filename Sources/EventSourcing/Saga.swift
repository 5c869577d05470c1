/// Names one request of a saga: which step, in which direction, and the how manieth time.
public struct StepReference: Hashable, Sendable, CustomStringConvertible {
    public enum Direction: String, Hashable, Sendable { case forward, undo }
    /// The saga's id; for a checkout, the order's.
    public let saga: String
    /// The step's name in the saga's definition.
    public let step: String
    public let direction: Direction
    /// 1 for the first request in that direction.
    public let attempt: Int

    public init(saga: String, step: String, direction: Direction, attempt: Int) {
        self.saga = saga
        self.step = step
        self.direction = direction
        self.attempt = attempt
    }

    public var description: String { "\(saga)/\(step)/\(direction.rawValue)/\(attempt)" }

    /// What calls to the outside are made idempotent with: the same for every attempt at one
    /// direction of a step.
    public var effectKey: String { "\(saga)/\(step)/\(direction.rawValue)" }

    /// Appends the stored form as one JSON object.
    public func encode(to json: inout JSONWriter) {
        json.object { json in
            json.member("saga", saga)
            json.member("step", step)
            json.member("direction", direction.rawValue)
            json.member("attempt", Int64(attempt))
        }
    }

    public init(_ json: JSONObject) throws(JSONError) {
        saga = try json.string("saga")
        step = try json.string("step")
        guard let direction = Direction(rawValue: try json.string("direction")) else {
            throw json.error("direction", "must be forward or undo")
        }
        self.direction = direction
        guard let attempt = Int(exactly: try json.integer("attempt")),
            (1...1_000_000_000).contains(attempt)
        else {
            throw json.error("attempt", "must be 1 to 1000000000")
        }
        self.attempt = attempt
    }
}

/// What a participant says of a step it was asked for.
public enum StepOutcome: Hashable, Sendable {
    case done
    /// It was refused, and left nothing behind that needs undoing.
    case refused(String)
}

/// One step of a saga: what is asked, of which log's owner, within what time, and how it is taken
/// back.
public struct SagaStep<Context: Sendable, Request: Sendable>: Sendable {
    public let name: String
    /// The log of the participant that answers; nil for a step the saga's own service carries out
    /// at once.
    public let participant: LogName?
    /// How long the participant may be known alive, with the request read, and not have answered.
    public let deadline: @Sendable (Context) -> Duration
    public let request: @Sendable (Context) -> Request
    /// Nil for a step that leaves nothing to take back.
    public let undo: (@Sendable (Context) -> Request)?
    /// Once this step is done the saga only goes forward.
    public let isPivot: Bool

    public init(
        _ name: String, of participant: LogName?,
        within deadline: @escaping @Sendable (Context) -> Duration, isPivot: Bool = false,
        request: @escaping @Sendable (Context) -> Request,
        undo: (@Sendable (Context) -> Request)? = nil
    ) {
        self.name = name
        self.participant = participant
        self.deadline = deadline
        self.isPivot = isPivot
        self.request = request
        self.undo = undo
    }

    public init(
        _ name: String, of participant: LogName?, within deadline: Duration, isPivot: Bool = false,
        request: @escaping @Sendable (Context) -> Request,
        undo: (@Sendable (Context) -> Request)? = nil
    ) {
        self.init(
            name, of: participant, within: { _ in deadline }, isPivot: isPivot, request: request,
            undo: undo)
    }
}

/// A long-running piece of work across services: steps in order, with a way back until the pivot.
public protocol Saga: Sendable {
    /// What the steps' requests are made from; recorded once, when the saga starts.
    associatedtype Context: Hashable & Sendable
    /// What a participant is asked to do.
    associatedtype Request: Hashable & Sendable

    /// The version new sagas are started with. Those in flight keep theirs.
    static var version: Int { get }
    /// The steps of a version that was ever started; empty for one this build does not know.
    static func steps(version: Int) -> [SagaStep<Context, Request>]
}

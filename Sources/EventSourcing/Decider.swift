/// A thing that changes only by recorded events: the one way to change state in Kassa.
///
/// `decide` looks at the state and says which events a command leads to, or why it is refused;
/// `evolve` folds one event into the state. Both are pure: no clock, no randomness, no input or
/// output.
///
/// Source: Jérémie Chassaing, "Functional Event Sourcing Decider" (2021).
public protocol Decider: Sendable {
    associatedtype Command: Sendable
    associatedtype Event: StoredEvent
    associatedtype Rejection: Error

    /// The state before anything happened.
    init()

    /// The events that `command` leads to, in order; empty where the fact is already on record.
    ///
    /// - Throws: the rule that forbids the command. A refusal that others must hear of is an event.
    func decide(_ command: Command) throws(Rejection) -> [Event]

    /// Folds one recorded event into the state. Never fails: what was recorded has happened.
    mutating func evolve(_ event: Event)

    /// How many usual states this one takes the room of.
    var weight: Int { get }
}

extension Decider {
    public var weight: Int { 1 }

    /// The state after `events`, from the beginning.
    public init(folding events: some Sequence<Event>) {
        self.init()
        for event in events { evolve(event) }
    }
}

package import EventSourcing
package import EventStore

/// Why a message could not be applied.
package enum ReactionError: Error, CustomStringConvertible {
    /// The store failed; the message is not to blame.
    case store(StoreError)
    /// The message cannot be read, or its contents make no sense: it is parked.
    case poison(String)
    /// A schema version that a newer build knows: its source stops until that build runs.
    case newer(String)

    package var description: String {
        switch self {
        case .store(let error): error.description
        case .poison(let why), .newer(let why): why
        }
    }
}

/// What came of a call to the outside.
package enum EffectResult: Hashable, Sendable {
    /// The peer answered; what it said is the service's affair, JSON.
    case answered(String)
    /// No answer: the outcome is unknown, and the call may be tried again under its key.
    case noAnswer(String)
    /// This machine could not make the call, whoever it was for: it is made later, and not counted.
    case notMade(String)
}

/// The answer to a command.
package protocol ServiceAnswer: Sendable {
    /// What an idempotency key remembers of an accepted command; nil for a refusal, which is
    /// decided anew when repeated.
    var remembered: LedgerEntry? { get }
    /// The position that a reader must have seen to see this command's effect.
    var position: Position? { get }
    /// Why the command was refused; nil where it was not.
    var refusal: String? { get }
}

/// A command as whoever follows it speaks of it.
package struct CommandLabel: Hashable, Sendable {
    /// What is to be done, `place order`; as it goes into JSON.
    package let name: StaticString
    /// The stream that it is about: the request that it came with says the same.
    package let subject: StreamID

    package init(_ name: StaticString, _ subject: StreamID) {
        (self.name, self.subject) = (name, subject)
    }

    package static func == (a: CommandLabel, b: CommandLabel) -> Bool {
        a.name.description == b.name.description && a.subject == b.subject
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(subject) }
}

/// The heart of a service: synchronous and deterministic. Inputs go in; what it records goes into
/// the transaction.
///
/// The engine calls `keep` after each input that succeeded and `rollback` after one that did not.
package protocol ServiceCore: AnyObject, SendableMetatype {
    associatedtype Command: Sendable
    associatedtype Answer: ServiceAnswer

    static var log: LogName { get }
    /// What is published of the log.
    static var publication: Publication { get }
    /// What is read of others.
    static var sources: [Source] { get }

    /// Folds what is kept in memory: snapshots, and the log after them.
    func open(_ log: EventLog) throws(StoreError)

    /// What a command is called, and what it is about.
    static func label(of command: Command) -> CommandLabel

    /// Decides a command. A refusal is an answer.
    func handle(_ command: Command, in transaction: Transaction) throws(StoreError) -> Answer

    /// Renders the answer to a command that was accepted before.
    func render(_ entry: LedgerEntry, in transaction: Transaction) throws(StoreError) -> Answer

    /// Another service says how far it has read what this log publishes to it.
    func hasRead(_ participant: LogName, through position: Position)
    /// Does a piece of work that waited until others have read so far; called until there is none,
    /// or enough for one commit.
    ///
    /// - Returns: whether there was any.
    func carryOn(in transaction: Transaction) throws(StoreError) -> Bool
    /// The work that waits so; nil for a core where none does.
    var waiting: WaitingWork? { get }

    /// Applies a message of another service. Messages of types it does not know are passed over.
    func react(to message: Message, in transaction: Transaction) throws(ReactionError)

    /// A timer has come due.
    func fire(_ timer: Timer, in transaction: Transaction) throws(StoreError)

    /// A call to the outside has come back. This either finishes the effect or postpones it.
    func finish(_ effect: Effect, _ result: EffectResult, in transaction: Transaction)
        throws(StoreError)

    /// The last input's decisions stay.
    func keep()
    /// The last input's decisions are undone.
    func rollback()
    /// Writes snapshots of what is kept in memory, if it is time.
    func snapshot(in transaction: Transaction) throws(StoreError)
}

/// Carries out calls to the outside. Calls block, and come from several threads.
package protocol EffectHandler: Sendable {
    /// How many calls it makes together at most: where several cost little more than one.
    var most: Int { get }
    /// Called again with the same key after a crash or no answer; must then do nothing twice.
    func run(_ effect: Effect) -> EffectResult
    /// Makes `most` calls at most, none of which waits for another.
    ///
    /// - Returns: a result for each, in the same order.
    func run(_ effects: [Effect]) -> [EffectResult]
}

extension EffectHandler {
    package var most: Int { 1 }
    package func run(_ effects: [Effect]) -> [EffectResult] { effects.map(run) }
}

/// The commands of a service that takes none: there is no such value.
package struct NoCommand: Sendable {
    private init() {}
}

/// The answer of a service that takes no commands.
package struct NoAnswer: ServiceAnswer, Hashable {
    package var remembered: LedgerEntry? { nil }
    package var position: Position? { nil }
    package init() {}
}

extension ServiceAnswer {
    package var refusal: String? { nil }
}

extension ReactionError {
    /// Says of what could not be read whether it is the message's fault.
    package init(reading error: any Error) {
        if case UnreadableEvent.unknownSchema = error {
            self = .newer("\(error)")
        } else {
            self = .poison("\(error)")
        }
    }
}

extension ServiceCore {
    package func hasRead(_ participant: LogName, through position: Position) {}
    package func carryOn(in transaction: Transaction) -> Bool { false }
    package var waiting: WaitingWork? { nil }
}

extension ServiceCore where Command == NoCommand, Answer == NoAnswer {
    package static func label(of command: NoCommand) -> CommandLabel {
        CommandLabel("nothing", StreamID(log.value, "nothing"))
    }

    package func handle(_ command: NoCommand, in transaction: Transaction) -> NoAnswer {
        NoAnswer()
    }

    package func render(_ entry: LedgerEntry, in transaction: Transaction) -> NoAnswer {
        NoAnswer()
    }
}

import EventSourcing
package import EventStore

/// What batches did that their outputs do not tell.
package struct EngineTrail: Sendable {
    /// A command that was decided, or was to be.
    package struct Decided: Sendable {
        package let label: CommandLabel
        package let context: CommandContext
        /// Why it was not carried out; nil where it was.
        package internal(set) var failure: String?
    }

    /// A message that was taken in.
    package struct Handled: Sendable {
        package let message: Message
        /// Why it was parked; nil where it was applied.
        package let parked: String?
    }

    /// Where a commit began.
    struct Mark {
        fileprivate let decided: Int
        fileprivate let handled: Int
        fileprivate let finished: Int
    }

    package private(set) var decided: [Decided] = []
    package private(set) var handled: [Handled] = []
    /// The calls that came back.
    package private(set) var finished: [Effect] = []
    /// How many events were recorded.
    package private(set) var events = 0
    /// Those of them that no message and no call led to: a command did, a timer, or what waited.
    package private(set) var own: [StoredRecord] = []

    package init() {}

    package var isEmpty: Bool {
        decided.isEmpty && handled.isEmpty && finished.isEmpty && events == 0
    }

    mutating func decide(_ label: CommandLabel, _ context: CommandContext, failure: String?) {
        decided.append(Decided(label: label, context: context, failure: failure))
    }

    mutating func handle(_ message: Message, parkedBecause why: String? = nil) {
        handled.append(Handled(message: message, parked: why))
    }

    mutating func finish(_ effect: Effect) { finished.append(effect) }

    var mark: Mark {
        Mark(decided: decided.count, handled: handled.count, finished: finished.count)
    }

    /// What was done since then is not: of the commands that is worth a word.
    mutating func fail(since mark: Mark, because why: String) {
        for place in mark.decided..<decided.count { decided[place].failure = why }
        handled.removeSubrange(mark.handled...)
        finished.removeSubrange(mark.finished...)
    }

    mutating func commit(_ records: [StoredRecord], own: [Range<Int>]) {
        events += records.count
        for range in own { self.own += records[range] }
    }
}

extension EngineTrail {
    /// A line of the operators' log for each command, message and call.
    var lines: [LogLine] {
        decided.map { decided in
            LogLine(
                decided.failure.map { "\(decided.label.name): refused, \($0)" }
                    ?? "\(decided.label.name): done", .debug, about: decided.context.metadata,
                stream: decided.label.subject)
        }
            + handled.map { handled in
                let message = handled.message
                return LogLine(
                    "\(message.type.name): \(handled.parked == nil ? "taken in" : "parked")",
                    .debug,
                    about: message.metadata, stream: message.stream, event: message.identity)
            }
            + finished.map { effect in
                LogLine(
                    "call \(effect.kind) \(effect.key): came back", .debug,
                    about: effect.meaning ?? Metadata(stored: effect.metadata))
            }
    }
}

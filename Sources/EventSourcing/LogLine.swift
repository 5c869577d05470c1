/// A line of the log that operators read: what they should know, and what it is about. It has no
/// time and no form yet; who writes it gives it both.
///
/// A text alone is a warning: most of what is said is something that went wrong and is tried again.
package struct LogLine: Hashable, Sendable {
    package enum Level: String, CaseIterable, Comparable, Sendable {
        /// What went well: each request, command, message and call.
        case debug
        /// Starts, stops, recoveries, and what operators do.
        case info
        /// What is tried again, or mends itself.
        case warning
        /// What needs a person.
        case error

        package static func < (a: Level, b: Level) -> Bool { a.rank < b.rank }
        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    package let level: Level
    package let text: String
    /// Of the event, message, call or request that it is about.
    package var metadata: Metadata?
    package var stream: StreamID?
    package var event: EventIdentity?
    /// Whose line it is; nil for the process's own.
    package var service: String?
    /// Whether whoever says it sees to it that it is not said too often; others are not repeated
    /// within a minute.
    package var isRationed = false

    package init(
        _ text: String, _ level: Level = .warning, about metadata: Metadata? = nil,
        stream: StreamID? = nil, event: EventIdentity? = nil, service: String? = nil
    ) {
        (self.text, self.level, self.metadata) = (text, level, metadata)
        (self.stream, self.event, self.service) = (stream, event, service)
    }
}

extension LogLine: ExpressibleByStringInterpolation {
    package init(stringLiteral value: String) { self.init(value) }
}

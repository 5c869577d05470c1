package import EventSourcing
package import EventStore

/// The public form of one stored event on one channel.
package struct Published: Hashable, Sendable {
    package let channel: String
    package let type: EventType
    package let data: [UInt8]

    package init(channel: String, type: EventType, data: [UInt8]) {
        self.channel = channel
        self.type = type
        self.data = data
    }
}

/// What a log publishes of its events, and in what form: a pure mapping, type by type.
///
/// A type without a rule stays private. Public forms are contracts of their own: a stored schema
/// may change behind them.
package struct Publication: Sendable {
    package typealias Rule = @Sendable (StoredRecord) -> [Published]
    /// The channel of public facts.
    package static let facts = "facts"

    /// All channels, in the order one event's messages are published.
    package let channels: [String]
    private let rules: [String: Rule]
    private let restricted: [String: Set<String>]

    /// - Parameter restricted: types that are on some channels only, whatever the event: readers of
    ///   the others need not look at them.
    package init(
        channels: [String], rules: [String: Rule], restricted: [String: Set<String>] = [:]
    ) {
        self.channels = channels
        // Whatever a log is about, what operators did about its parked messages is a fact.
        self.rules =
            channels.contains(Self.facts)
            ? rules.merging(ParkedHistory.Event.rules) { own, _ in own } : rules
        self.restricted = restricted
    }

    /// The types that may be on a channel, by stored name.
    package func types(on channel: String) -> [String] {
        rules.keys.filter { restricted[$0]?.contains(channel) ?? true }.sorted()
    }

    /// The public forms of an event, in the order of `channels`.
    package func forms(of record: StoredRecord) -> [Published] {
        rules[record.type.name].map { $0(record) } ?? []
    }

    /// A fact, public as it is stored.
    package static let fact: Rule = { record in
        [Published(channel: facts, type: record.type, data: record.data)]
    }

    /// A fact without some of its members.
    package static func fact(without names: Set<String>) -> Rule {
        { record in
            guard let json = try? JSON(parsing: record.data), case .object(let members) = json
            else { return [] }
            var writer = JSONWriter(reserving: record.data.count)
            writer.value(.object(members.filter { !names.contains($0.name) }))
            return [Published(channel: facts, type: record.type, data: writer.bytes)]
        }
    }
}

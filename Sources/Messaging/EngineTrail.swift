package import EventStore

/// What batches did that their outputs do not tell, of what was committed alone.
package struct EngineTrail: Sendable {
    /// A message that was taken in.
    package struct Handled: Sendable {
        package let message: Message
        /// Why it was parked; nil where it was applied.
        package let parked: String?
    }

    package private(set) var handled: [Handled] = []
    /// How many events were recorded.
    package private(set) var events = 0
    /// Those of them that no message and no call led to: a command did, a timer, or what waited.
    package private(set) var own: [StoredRecord] = []

    package init() {}

    mutating func handle(_ message: Message, parkedBecause why: String? = nil) {
        handled.append(Handled(message: message, parked: why))
    }

    mutating func takeBack(to count: Int) { handled.removeSubrange(count...) }

    mutating func commit(_ records: [StoredRecord], own: [Range<Int>]) {
        events += records.count
        for range in own { self.own += records[range] }
    }
}

package import EventSourcing
package import EventStore

/// What happened in a run, by process: the newest of it to be read, and a hash over all of it.
package struct Timeline: Sendable {
    package struct Entry: Hashable, Sendable {
        package let step: Int
        package let at: Timestamp
        package let process: String
        package let what: String
    }

    /// So many of the newest are kept.
    private static let kept = 400

    package private(set) var entries: [Entry] = []
    private var digest = SHA256.hash([])
    private var pending: [UInt8] = []

    /// Of all that was noted and traced, in order: equal for two runs that did the same.
    package var hash: Digest {
        SHA256.hash(digest.bytes + pending)
    }

    /// Notes what a reader of the run wants to know.
    mutating func note(_ what: String, of process: String, step: Int, at now: Timestamp) {
        entries.append(Entry(step: step, at: now, process: process, what: what))
        if entries.count >= 2 * Self.kept { entries.removeFirst(Self.kept) }
        trace("\(step) \(now.microseconds) \(process) \(what)")
    }

    /// Takes in what only the hash needs.
    mutating func trace(_ text: String) {
        pending.append(contentsOf: text.utf8)
        pending.append(0)
        guard pending.count >= 4096 else { return }
        digest = SHA256.hash(digest.bytes + pending)
        pending.removeAll(keepingCapacity: true)
    }

    /// A line for each of the newest entries, the processes beside each other.
    package func text(last count: Int) -> String {
        let processes = entries.reduce(into: [String]()) {
            if !$0.contains($1.process) { $0.append($1.process) }
        }.sorted()
        let width = processes.map(\.utf8.count).max() ?? 0
        return entries.suffix(count).map { entry in
            let process =
                entry.process
                + String(
                    repeating: " ", count: width - entry.process.utf8.count)
            return "\(entry.at)  step \(entry.step)  \(process)  \(entry.what)"
        }.joined(separator: "\n")
    }
}

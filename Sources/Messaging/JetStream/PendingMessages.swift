import Net

/// What a consumer was handed and has not settled, by the messages' places in the stream.
struct PendingMessages {
    struct Entry {
        /// Its place in the stream.
        let stream: UInt64
        /// Of the consumer's deliveries the one it came with first.
        let consumer: UInt64
        var deliveries: Int64
        /// When it is to come again.
        var due: Moment
        fileprivate var isSettled = false

        init(stream: UInt64, consumer: UInt64, deliveries: Int64, due: Moment) {
            (self.stream, self.consumer) = (stream, consumer)
            (self.deliveries, self.due) = (deliveries, due)
        }
    }

    /// Settled ones stay in their places until there are many of them.
    private var entries: [Entry] = []
    private var head = 0
    private(set) var count = 0
    /// No entry is due before.
    private(set) var earliestDue = Moment.never

    var isEmpty: Bool { count == 0 }

    var all: [Entry] { entries[head...].filter { !$0.isSettled } }

    var first: Entry? { count > 0 ? entries[head] : nil }

    subscript(sequence: UInt64) -> Entry? {
        let at = place(of: sequence)
        guard at < entries.count, entries[at].stream == sequence, !entries[at].isSettled else {
            return nil
        }
        return entries[at]
    }

    /// Adds an entry, or puts it in the place of the one for the same message.
    mutating func put(_ entry: Entry) {
        earliestDue = min(earliestDue, entry.due)
        let at = place(of: entry.stream)
        if at < entries.count, entries[at].stream == entry.stream {
            if entries[at].isSettled { count += 1 }
            entries[at] = entry
        } else {
            entries.insert(entry, at: at)
            count += 1
        }
    }

    /// - Returns: whether it was there.
    @discardableResult
    mutating func settle(_ sequence: UInt64) -> Bool {
        guard self[sequence] != nil else { return false }
        entries[place(of: sequence)].isSettled = true
        count -= 1
        clean()
        return true
    }

    mutating func settle(through sequence: UInt64) {
        var at = head
        while at < entries.count, entries[at].stream <= sequence {
            if !entries[at].isSettled {
                entries[at].isSettled = true
                count -= 1
            }
            at += 1
        }
        clean()
    }

    /// The first one that is due.
    mutating func due(at now: Moment) -> Entry? {
        guard now >= earliestDue else { return nil }
        earliestDue = .never
        for entry in entries[head...] where !entry.isSettled {
            earliestDue = min(earliestDue, entry.due)
            if entry.due <= now { return entry }
        }
        return nil
    }

    private mutating func clean() {
        while head < entries.count, entries[head].isSettled { head += 1 }
        if count == 0 {
            entries.removeAll(keepingCapacity: true)
            (head, earliestDue) = (0, .never)
        } else if entries.count - count > 64, entries.count > 2 * count {
            entries.removeAll { $0.isSettled }
            head = 0
        }
    }

    private func place(of sequence: UInt64) -> Int {
        var (low, high) = (head, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].stream < sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

import Net

/// The requests of one connection in flight, answered in the order they came (RFC 9112, 9.3.2).
struct Pipeline {
    struct Entry {
        let isHead: Bool
        let version: HTTPVersion
        let keepsAlive: Bool
        let since: Moment
        var response: HTTPResponse?
    }

    private var entries: [Entry] = []
    private var firstNumber: UInt64 = 0

    /// Bytes of the answers that are there and whose turn has not come.
    private(set) var answeredBytes = 0

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }

    /// Whether the oldest has its answer.
    var isAnswered: Bool { entries.first?.response != nil }

    /// When the oldest was taken in, while it waits for its answer.
    var waitingSince: Moment? {
        entries.first.flatMap { $0.response == nil ? $0.since : nil }
    }

    /// The number of the oldest.
    var oldest: UInt64 { firstNumber }

    mutating func admit(_ entry: Entry) -> UInt64 {
        answeredBytes += entry.response?.body.count ?? 0
        entries.append(entry)
        return firstNumber + UInt64(entries.count - 1)
    }

    /// Only the first answer to a request in flight counts.
    mutating func answer(_ number: UInt64, _ response: HTTPResponse) {
        guard number >= firstNumber, number - firstNumber < UInt64(entries.count) else { return }
        let at = Int(number - firstNumber)
        guard entries[at].response == nil else { return }
        entries[at].response = response
        answeredBytes += response.body.count
    }

    /// The oldest, once it has its answer.
    mutating func popAnswered() -> (entry: Entry, response: HTTPResponse)? {
        guard let entry = entries.first, let response = entry.response else { return nil }
        entries.removeFirst()
        answeredBytes -= response.body.count
        firstNumber += 1
        return (entry, response)
    }
}

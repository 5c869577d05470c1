import Synchronization

/// What a server counts of its connections, readable from any thread. Made before the server, and
/// given to one.
package final class HTTPServerStatistics: Sendable {
    let open = Atomic<Int64>(0)
    let accepted = Atomic<Int64>(0)
    let refused = Atomic<Int64>(0)
    let unreadable = Atomic<Int64>(0)
    let late = Atomic<Int64>(0)
    let received = Atomic<Int64>(0)
    let unsent = Atomic<Int64>(0)

    package init() {}

    /// Connections that are open now.
    package var openConnections: Int64 { open.load(ordering: .relaxed) }
    /// Connections ever taken.
    package var acceptedConnections: Int64 { accepted.load(ordering: .relaxed) }
    /// Connections turned away because there were too many.
    package var refusedConnections: Int64 { refused.load(ordering: .relaxed) }
    /// Requests that no handler saw: malformed, too large or too slow.
    package var refusedRequests: Int64 { unreadable.load(ordering: .relaxed) }
    /// Requests whose handler did not answer within `answerTimeout`.
    package var timedOutRequests: Int64 { late.load(ordering: .relaxed) }

    /// Bytes that have come of requests which are not whole yet, now.
    package var receivedBytes: Int64 { received.load(ordering: .relaxed) }

    /// Bytes of answers that clients have not taken, now.
    package var unsentBytes: Int64 { unsent.load(ordering: .relaxed) }

    func add(_ counter: borrowing Atomic<Int64>, _ count: Int64 = 1) {
        // Of most connections nothing has changed.
        if count != 0 { counter.add(count, ordering: .relaxed) }
    }
}

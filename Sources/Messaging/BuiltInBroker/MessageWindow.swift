package import EventSourcing

/// A message as a stream holds it.
package struct StoredMessage: Sendable {
    /// Its place in the stream.
    package let sequence: UInt64
    /// When it was stored.
    package let time: Timestamp
    package let message: BrokerMessage
}

/// The newest messages of a stream in memory, with consecutive sequences.
package struct MessageWindow: Sendable {
    private struct Entry: Sendable {
        let message: BrokerMessage
        let time: Timestamp
    }

    /// Bytes that a message costs beside its content, roughly: four headers of arrays and strings,
    /// and its place here.
    private static func overhead(_ message: BrokerMessage) -> Int {
        message.meaning == nil ? 200 : 900
    }

    /// The oldest sequence held; `last + 1` when the window is empty.
    package private(set) var first: UInt64
    /// Content and overhead of what is held, in bytes.
    private(set) var bytes = 0
    private var storage: [Entry?] = []
    private var head = 0

    /// An empty window that goes on from `first`, which is at least 1.
    package init(first: UInt64 = 1) { self.first = max(first, 1) }

    package var count: Int { storage.count - head }
    package var last: UInt64 { first + UInt64(count) - 1 }
    package var newest: BrokerMessage? { self[last] }

    subscript(sequence: UInt64) -> BrokerMessage? {
        entry(sequence)?.message
    }

    private func entry(_ sequence: UInt64) -> Entry? {
        guard sequence >= first, sequence <= last else { return nil }
        return storage[head + Int(sequence - first)]
    }

    func stored(_ sequence: UInt64) -> StoredMessage? {
        entry(sequence).map {
            StoredMessage(sequence: sequence, time: $0.time, message: $0.message)
        }
    }

    package mutating func append(_ message: BrokerMessage, at time: Timestamp) {
        storage.append(Entry(message: message, time: time))
        bytes += message.size + Self.overhead(message)
    }

    package mutating func dropOldest() {
        guard count > 0 else { return }
        bytes -= storage[head].map { $0.message.size + Self.overhead($0.message) } ?? 0
        storage[head] = nil
        head += 1
        first += 1
        // Each place is moved at most once for each one freed.
        if head >= 1024, head * 2 >= storage.count {
            storage.removeFirst(head)
            head = 0
        }
    }

    /// Drops the oldest until at most this many bytes are held, but never the newest message.
    mutating func trim(toBytes limit: Int) {
        while bytes > limit, count > 1 { dropOldest() }
    }

    /// Drops everything before `sequence`.
    mutating func trim(before sequence: UInt64) {
        while first < sequence, count > 0 { dropOldest() }
    }
}

import NATS

/// The newest message of each subject of a stream, made when it is first asked for.
struct SubjectIndex {
    private var newest: [String: UInt64] = [:]
    /// How far it was looked.
    private var through: UInt64 = 0
    /// From where on all is known to be kept.
    private var first: UInt64 = 0

    /// The newest message of a subject; nil where none is kept.
    mutating func last(of subject: String, in stream: ServedStream) throws(BrokerError) -> UInt64? {
        try update(stream)
        return newest[subject]
    }

    /// The newest messages of all subjects that match, in order.
    mutating func newest(matching pattern: String, in stream: ServedStream) throws(BrokerError)
        -> [UInt64]
    {
        try update(stream)
        let pattern = SubjectPattern(pattern)
        return newest.filter { pattern.matches($0.key) }.map(\.value).sorted()
    }

    /// How many subjects have a message.
    mutating func count(in stream: ServedStream) throws(BrokerError) -> Int {
        try update(stream)
        return newest.count
    }

    /// The newest messages have just been stored.
    mutating func note(_ messages: [BrokerMessage], last: UInt64) {
        guard through > 0, through + UInt64(messages.count) == last else { return }
        for message in messages {
            through += 1
            newest[message.subject] = through
        }
    }

    /// A message is gone. Where it was the newest, all is looked at again.
    mutating func forget(_ message: StoredMessage) {
        if newest[message.message.subject] == message.sequence { self = SubjectIndex() }
    }

    private mutating func update(_ stream: ServedStream) throws(BrokerError) {
        if stream.last < through { self = SubjectIndex() }
        while through < stream.last {
            let (messages, seen) = try stream.read(
                from: through + 1, limit: 4096, wants: { _ in true })
            for message in messages { newest[message.message.subject] = message.sequence }
            through = max(seen, through + 1)
        }
        if first < stream.first {
            first = stream.first
            newest = newest.filter { $0.value >= first }
        }
    }
}

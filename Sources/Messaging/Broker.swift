/// A message as a broker carries it. Its meaning is the publisher's affair. An object, as many hold
/// it at once.
package final class BrokerMessage: Hashable, Sendable {
    /// Tokens joined by dots, `kassa.orders.facts.order.placed`; at most 255 bytes.
    package let subject: String
    /// Names a message for ever; a broker may use it to tell a repeated publish.
    package let id: String
    /// A header block as NATS has it, `NATS/1.0\r\nname: value\r\n\r\n`, at most 16 KiB.
    package let headers: [UInt8]
    /// At most `BrokerLimits.maximumPayload` bytes.
    package let payload: [UInt8]
    /// What the message says, where the publisher was this process: whoever gets it from memory
    /// need not read it again.
    let meaning: Bulletin?
    /// The bytes of all its parts: counted once, as whoever looks at old messages again would wait
    /// for each part.
    let size: Int

    package convenience init(subject: String, id: String, headers: [UInt8], payload: [UInt8]) {
        self.init(subject: subject, id: id, headers: headers, payload: payload, meaning: nil)
    }

    init(
        subject: String, id: String, headers: [UInt8], payload: [UInt8], meaning: Bulletin?
    ) {
        self.subject = subject
        self.id = id
        self.headers = headers
        self.payload = payload
        self.meaning = meaning
        size = subject.utf8.count + id.utf8.count + headers.count + payload.count
    }

    /// The message as it comes over a wire or from a file.
    package var bare: BrokerMessage {
        BrokerMessage(subject: subject, id: id, headers: headers, payload: payload)
    }

    package static func == (a: BrokerMessage, b: BrokerMessage) -> Bool {
        a.id == b.id && a.subject == b.subject && a.headers == b.headers && a.payload == b.payload
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

/// A message as a consumer gets it.
package struct Delivered: Hashable, Sendable {
    /// The message's place in its stream: 1 for the first ever published, without gaps in what is
    /// kept.
    package let sequence: UInt64
    /// 1 for the first delivery to this consumer, 2 for a redelivery, and so on.
    package let attempt: Int
    package let message: BrokerMessage

    package init(sequence: UInt64, attempt: Int, message: BrokerMessage) {
        self.sequence = sequence
        self.attempt = attempt
        self.message = message
    }
}

/// What a stream holds: a bounded window that loses its oldest messages.
package struct StreamState: Hashable, Sendable {
    /// The oldest sequence kept; `last + 1` when nothing is kept.
    package let first: UInt64
    /// The newest sequence ever given; 0 for a stream that was never published to, or lost all it
    /// had.
    package let last: UInt64
    /// The newest message, where it is still kept.
    package let newest: BrokerMessage?

    package init(first: UInt64, last: UInt64, newest: BrokerMessage?) {
        self.first = first
        self.last = last
        self.newest = newest
    }
}

/// How much of a stream a broker holds.
package struct StreamHoldings: Hashable, Sendable {
    package let stream: String
    package let messages: Int64
    /// Of its files.
    package let bytes: Int64

    package init(stream: String, messages: Int64, bytes: Int64) {
        self.stream = stream
        self.messages = messages
        self.bytes = bytes
    }
}

/// Names a consumer's place in a stream, and what it wants of it.
package struct Subscription: Hashable, Sendable {
    package let stream: String
    /// The durable name; the broker remembers what it acknowledged.
    package let consumer: String
    /// Only subjects that begin with these tokens and go on: `kassa.orders.facts` is NATS'
    /// `kassa.orders.facts.>`. An empty one wants all.
    package let filter: String

    package init(stream: String, consumer: String, filter: String) {
        self.stream = stream
        self.consumer = consumer
        self.filter = filter
    }
}

package enum BrokerError: Error, Hashable, CustomStringConvertible {
    /// The stream's last sequence is another one than the publisher expected; nothing was stored.
    case wrongLastSequence(expected: UInt64, actual: UInt64)
    /// A subject, header block or payload over the limit; nothing was stored.
    case tooLarge(String)
    /// The broker cannot be reached or its disk fails; what was published may or may not be stored.
    case unavailable(String)

    package var description: String {
        switch self {
        case .wrongLastSequence(let expected, let actual):
            "the stream's last sequence is \(actual), expected was \(expected); "
                + "ask what it holds and go on from there"
        case .tooLarge(let what): "\(what)"
        case .unavailable(let why): "the broker is unavailable: \(why); it is tried again"
        }
    }
}

/// A bounded window on the logs: ordered streams with one publisher each, and durable consumers
/// that pull.
///
/// It may lose everything at any time; the logs are the truth. Calls block, and may come from any
/// thread.
package protocol Broker: AnyObject, Sendable {
    /// Stores `messages` in order, all with consecutive sequences, and returns the last one's
    /// sequence.
    ///
    /// After a crash a prefix of them may be there. The stream is created on its first publish.
    /// - Throws: `wrongLastSequence` unless the stream's last sequence is `expectedLast`;
    ///   `tooLarge`; `unavailable`.
    func publish(_ messages: [BrokerMessage], to stream: String, expectedLast: UInt64)
        throws(BrokerError) -> UInt64

    /// What the stream holds; an unknown stream is empty.
    func state(of stream: String) throws(BrokerError) -> StreamState

    /// The next messages for the consumer in sequence order, at most `limit` and about 4 MiB; empty
    /// when there are none.
    ///
    /// A message handed out is not handed out again until it is nak'ed or its acknowledgement is
    /// overdue (30 s); then it and all after it come again, with a pause that doubles with each
    /// attempt up to 30 s. At most 4,096 are unacknowledged. A consumer that is new, or behind the
    /// window, begins with the oldest message kept. Waits up to `wait` for the first.
    func fetch(_ subscription: Subscription, limit: Int, wait: Duration) throws(BrokerError)
        -> [Delivered]

    /// Acknowledges all messages up to and with `sequence`. Durable: survives kill -9. A lower
    /// sequence than before is passed over.
    func acknowledge(_ subscription: Subscription, through sequence: UInt64) throws(BrokerError)

    /// Says that `sequence` and what was handed out after it were not taken; they come again after
    /// `delay`, in order.
    func reject(_ subscription: Subscription, from sequence: UInt64, delay: Duration)
        throws(BrokerError)
}

/// Limits that every broker holds to.
package enum BrokerLimits {
    package static let maximumSubject = 255
    package static let maximumHeaders = 16 * 1024
    package static let maximumPayload = 1024 * 1024
    package static let maximumUnacknowledged = 4096
    package static let acknowledgementWait = Duration.seconds(30)
}

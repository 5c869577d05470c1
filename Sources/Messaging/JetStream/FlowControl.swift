import EventSourcing
import NATS

/// Keeps a consumer that pushes from running ahead of its client: after so many bytes it asks, and
/// holds still until the client has read as far.
struct FlowControl {
    /// Bytes on their way after which the client is asked.
    private static let asksAfter = 256 * 1024
    /// Bytes on their way beyond which nothing is sent.
    private static let most = 1024 * 1024

    private var bytes = 0
    private var number: Int64 = 0
    /// What the client is to answer to, where it was asked.
    private(set) var asked: String?
    private var bytesWhenAsked = 0

    var isStalled: Bool { asked != nil && bytes > Self.most }

    /// - Returns: what the client is to be asked to answer to now.
    mutating func sent(_ count: Int, of stream: String, to consumer: String) -> String? {
        bytes += count
        guard asked == nil, bytes > Self.asksAfter else { return nil }
        number += 1
        let subject = "$JS.FC.\(stream).\(consumer).\(number)"
        (asked, bytesWhenAsked) = (subject, bytes)
        return subject
    }

    /// The client has read all that was sent before it was asked.
    mutating func answered(_ subject: String) {
        guard subject == asked else { return }
        bytes -= bytesWhenAsked
        asked = nil
    }
}

/// Counts what a consumer has before it, without counting anything twice.
struct CountedMessages {
    private var through: UInt64 = 0
    private var count: UInt64 = 0

    /// How many messages from `next` on are wanted; nil wants all.
    mutating func count(from next: UInt64, in stream: ServedStream, _ wants: ((String) -> Bool)?)
        throws(BrokerError) -> UInt64
    {
        let last = stream.last
        let next = max(next, stream.first)
        guard next <= last else { return 0 }
        if wants == nil, stream.gaps.count == 0 { return last + 1 - next }
        let wants = wants ?? { _ in true }
        if through + 1 < next { (through, count) = (next - 1, 0) }
        while through < last {
            let (found, seen) = try stream.read(
                from: through + 1, limit: 4096, wants: wants)
            count += UInt64(found.count)
            through = max(seen, through + 1)
        }
        return count
    }

    /// A message that is wanted is gone.
    mutating func forget(_ sequence: UInt64, from next: UInt64) {
        if sequence >= next, sequence <= through, count > 0 { count -= 1 }
    }

    /// So many of what was counted have been taken out to be delivered.
    mutating func pass(_ taken: Int, through sequence: UInt64) {
        if sequence <= through {
            count -= min(count, UInt64(taken))
        } else {
            (through, count) = (sequence, 0)
        }
    }
}

/// What a client says of a message that it was handed.
enum AcknowledgementWord: Equatable {
    case done, terminate, inProgress
    /// It is to come again after a while.
    case again(after: Duration)
    /// Done, and the next one is asked for.
    case next([UInt8])

    init?(_ bytes: [UInt8]) {
        let text = String(decoding: bytes.prefix(5), as: UTF8.self)
        switch true {
        case bytes.isEmpty, text == "+ACK", text == "+OK": self = .done
        case text == "+WPI": self = .inProgress
        case text == "+TERM": self = .terminate
        case text.hasPrefix("+NXT"):
            let rest = bytes.dropFirst(4).drop { $0 == 0x20 }
            self = .next(Array(rest))
        case text.hasPrefix("-NAK"):
            let rest = bytes.dropFirst(4).drop { $0 == 0x20 }
            let delay = (try? JSON(parsing: rest))?["delay"]?.integer ?? 0
            // A day at most: a message is not to be lost by a slip of the pen.
            self = .again(after: .nanoseconds(min(max(delay, 0), 86_400_000_000_000)))
        default: return nil
        }
    }
}

extension ConsumerConfiguration {
    /// Nanoseconds until a message comes again after so many deliveries.
    func wait(after attempt: Int64) -> Int64 {
        guard !backoff.isEmpty else { return wait }
        return max(backoff[min(Int(clamping: attempt) - 1, backoff.count - 1)], 1_000_000)
    }
}

extension BrokerMessage {
    /// Bytes on the wire, roughly as clients count them.
    var wireSize: Int { subject.utf8.count + headers.count + payload.count }

    /// As it goes to a client.
    func published(reply: String?, headersOnly: Bool = false) -> ClientOperation.Publish {
        var headers = wireHeaders
        if headersOnly {
            headers = WireHeaders.adding([("Nats-Msg-Size", String(payload.count))], to: headers)
        }
        return ClientOperation.Publish(
            subject: subject, reply: reply, headers: headers, payload: headersOnly ? [] : payload)
    }

    /// The header block with the message's id, which publishers in this process keep apart.
    var wireHeaders: [UInt8] {
        guard !id.isEmpty, !WireHeaders.contain("Nats-Msg-Id: ", headers) else { return headers }
        return WireHeaders.adding([("Nats-Msg-Id", id)], to: headers)
    }
}

extension Timestamp {
    /// Since 1970, saturating.
    var nanoseconds: Int64 {
        let (product, overflow) = microseconds.multipliedReportingOverflow(by: 1000)
        return overflow ? (microseconds < 0 ? .min : .max) : product
    }
}

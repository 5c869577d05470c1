import EventSourcing
import Messaging

/// Somebody who is no relay, and publishes to a log's stream what nobody can take for the log's.
enum Stranger {
    /// - Parameters:
    ///   - newest: what the stream holds.
    ///   - foreign: what the stream of another log holds.
    static func message(
        on log: String, _ newest: BrokerMessage?, foreign: BrokerMessage?,
        _ random: inout SeededRandom
    ) -> BrokerMessage {
        let message: BrokerMessage? =
            switch random.below(4) {
            case 0: nil
            case 1: foreign?.bare
            default: newest.map { spoiled($0, &random) }
            }
        let id = "stranger-\(random.next())"
        guard let message, !isOf(log, message) else {
            // Neither a header block nor anything else.
            return BrokerMessage(
                subject: log, id: id, headers: bytes(&random), payload: bytes(&random))
        }
        return BrokerMessage(
            subject: message.subject, id: id, headers: message.headers, payload: message.payload)
    }

    private static func isOf(_ log: String, _ message: BrokerMessage) -> Bool {
        (try? Bulletin(message))?.source.log.value == log
    }

    private static func bytes(_ random: inout SeededRandom) -> [UInt8] {
        (0..<random.below(60)).map { _ in UInt8(random.below(256)) }
    }

    /// The message with one header changed, or with less of its payload.
    private static func spoiled(_ message: BrokerMessage, _ random: inout SeededRandom)
        -> BrokerMessage
    {
        var lines = message.headers.split(separator: 0x0A, omittingEmptySubsequences: false)
            .map { Array($0) }
        guard lines.count > 3 else { return message }
        let (at, kind) = (1 + random.below(lines.count - 3), random.below(6))
        let name = Array(lines[at].prefix { $0 != UInt8(ascii: ":") })
        switch kind {
        case 0: lines.remove(at: at)
        case 1: lines[at] = name + ": none\r".utf8
        case 2: lines[at] = name + ": 0\r".utf8
        case 3: lines[at] = name + [UInt8(ascii: ":"), 0xFF, 0x0D]
        case 4: lines[at] = name + [0x0D]
        default: lines[at].insert(0x01, at: 0)
        }
        let kept = kind == 0 ? random.below(message.payload.count + 1) : message.payload.count
        return BrokerMessage(
            subject: message.subject, id: message.id,
            headers: Array(lines.joined(separator: [0x0A])),
            payload: Array(message.payload.prefix(kept)))
    }
}

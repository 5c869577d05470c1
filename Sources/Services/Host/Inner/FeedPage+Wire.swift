import EventSourcing
import EventStore
package import Messaging

/// A page of a feed on its way between processes: a line of JSON, and then the messages as the
/// broker carries them, each a length of its headers and of its payload, 32 bits big-endian, and
/// both.
extension FeedPage {
    package var bytes: [UInt8] {
        var json = JSONWriter(reserving: 200)
        json.object { json in
            json.member("after", after.value)
            json.member("through", through.value)
            json.member("epoch", epoch.value)
            json.member("leaf", leaf.hex)
            json.member("hasMore", hasMore)
            json.member("messages", Int64(messages.count))
        }
        var bytes = json.bytes
        bytes.append(UInt8(ascii: "\n"))
        for message in messages {
            let carried = Bulletin.event(message).brokerMessage
            bytes.append(length: carried.headers.count)
            bytes.append(length: carried.payload.count)
            bytes += carried.headers
            bytes += carried.payload
        }
        return bytes
    }

    /// Reads what `bytes` wrote.
    ///
    /// - Throws: `MalformedMessage` for anything else.
    package init(_ bytes: [UInt8]) throws(MalformedMessage) {
        let end = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        var rest = bytes[min(end + 1, bytes.count)...]
        do {
            let json = try JSONObject(try JSON(parsing: Array(bytes[..<end])))
            guard let leaf = Digest(hex: try json.string("leaf")) else {
                throw json.error("leaf", "is no SHA-256 hash")
            }
            var messages: [Message] = []
            let count = try json.integer("messages")
            guard count >= 0 else { throw json.error("messages", "must not be negative") }
            for _ in 0..<count { messages.append(try Message.cut(from: &rest)) }
            guard rest.isEmpty else { throw MalformedMessage(reason: "a page goes on at its end") }
            self.init(
                after: Position(try json.integer("after")), messages: messages,
                through: Position(try json.integer("through")),
                epoch: Epoch(try json.integer("epoch")), leaf: leaf,
                hasMore: try json.flag("hasMore"))
        } catch let error as MalformedMessage {
            throw error
        } catch { throw MalformedMessage(reason: "a page of a feed: \(error)") }
    }
}

extension Message {
    /// - Returns: the message that `rest` begins with, and takes it off.
    fileprivate static func cut(from rest: inout ArraySlice<UInt8>) throws(MalformedMessage)
        -> Message
    {
        guard let headers = rest.takeLength(), let payload = rest.takeLength(),
            headers + payload <= rest.count
        else { throw MalformedMessage(reason: "a page of a feed ends in a message") }
        let middle = rest.startIndex + headers
        let carried = BrokerMessage(
            subject: "", id: "", headers: Array(rest[..<middle]),
            payload: Array(rest[middle..<(middle + payload)]))
        rest = rest[(middle + payload)...]
        guard case .event(let message) = try Bulletin(carried) else {
            throw MalformedMessage(reason: "a page of a feed holds a watermark")
        }
        return message
    }
}

extension [UInt8] {
    fileprivate mutating func append(length: Int) {
        for shift in [24, 16, 8, 0] { append(UInt8(truncatingIfNeeded: length >> shift)) }
    }
}

extension ArraySlice<UInt8> {
    /// Takes 32 bits off, big-endian; nil where fewer are left.
    fileprivate mutating func takeLength() -> Int? {
        guard count >= 4 else { return nil }
        defer { self = dropFirst(4) }
        return prefix(4).reduce(0) { $0 << 8 | Int($1) }
    }
}

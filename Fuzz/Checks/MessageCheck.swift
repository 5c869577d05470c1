import EventSourcing
import Messaging

/// Messages from a broker: whatever is read, published and read again is the same.
///
/// Input: the bytes of the headers, up to the first empty line; then the payload.
enum MessageCheck {
    static func run(_ bytes: [UInt8]) throws(Broken) {
        let end = headersEnd(bytes)
        let carried = BrokerMessage(
            subject: "s", id: "i", headers: Array(bytes[..<end]), payload: Array(bytes[end...]))
        guard let read = try? Bulletin(carried) else { return }
        let published = read.brokerMessage
        switch result(published) {
        case .success(let again):
            try expect(
                again == read && again.brokerMessage == published,
                "\(read) was written and is read as \(again)")
        case .failure(let error):
            throw Broken("\(published) was written and cannot be read: \(error)")
        }
    }

    private static func result(_ carried: BrokerMessage) -> Result<Bulletin, MalformedMessage> {
        Result { () throws(MalformedMessage) in try Bulletin(carried) }
    }

    private static func headersEnd(_ bytes: [UInt8]) -> Int {
        let mark = Array("\r\n\r\n".utf8)
        guard bytes.count >= mark.count else { return bytes.count }
        for at in 0...bytes.count - mark.count where bytes[at..<at + mark.count] == mark[...] {
            return at + mark.count
        }
        return bytes.count
    }
}

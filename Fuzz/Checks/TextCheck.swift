import Domain
import EventSourcing
import EventStore
import Projections

/// Texts that clients hand back or write: whatever is read is written as the same text again.
enum TextCheck {
    static func run(_ bytes: [UInt8]) throws(Broken) {
        try checkBase64URL(bytes)
        try checkForged(bytes)
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        try checkNames(text)
        try checkTime(text)
        try checkCursor(text)
        try same(ConsistencyToken(text)?.description, text, "a consistency token")
        if SealedText.isSealed(text), let key = SealingKey([UInt8](repeating: 7, count: 32)) {
            try expect((try? SealedText.open(text, key: key)) == nil, "a forged seal opens")
        }
    }

    private static func checkBase64URL(_ bytes: [UInt8]) throws(Broken) {
        let text = Base64URL.encode(bytes)
        try expect(Base64URL.decode(text.utf8) == bytes, "\(text) is other bytes")
        guard let decoded = Base64URL.decode(bytes) else { return }
        try expect(
            Base64URL.encode(decoded).utf8.elementsEqual(bytes), "base64url in two forms")
    }

    /// A token whose checksum is right, whatever else it is.
    private static func checkForged(_ bytes: [UInt8]) throws(Broken) {
        let content = [1] + bytes
        let text = Base64URL.encode(content + SHA256.hash(content).bytes.prefix(4))
        guard let token = ConsistencyToken(text) else { return }
        try same(token.description, text, "a consistency token")
        var merged = ConsistencyToken()
        merged.merge(token)
        try expect(merged == token, "\(token) merged with nothing is \(merged)")
        merged.merge(token)
        try expect(merged == token, "\(token) merged with itself is \(merged)")
    }

    private static func checkNames(_ text: String) throws(Broken) {
        try same(EventIdentity(text)?.description, text, "an event's identity")
        try same(StreamID(text)?.description, text, "a stream")
        try same(Int64(strictDecimal: text.utf8)?.description, text, "a number")
        try same(SKU(text)?.value, text, "a SKU")
        try same(CustomerID(text)?.value, text, "a customer")
        try same(OrderID(text)?.value, text, "an order")
        try same(Currency(text)?.code, text, "a currency")
        guard let digest = Digest(hex: text) else { return }
        try expect(Digest(hex: digest.hex) == digest, "\(text) is another digest")
    }

    private static func checkTime(_ text: String) throws(Broken) {
        guard let time = Timestamp(text) else { return }
        try expect(Timestamp(time.description) == time, "\(text) is written as \(time)")
    }

    private static func checkCursor(_ text: String) throws(Broken) {
        let seal = CursorSeal(key: [UInt8](repeating: 7, count: 32))
        try expect(seal.open(text, for: ["q"]) == nil, "a forged cursor opens")
        let fields = text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { String($0) }
        let cursor = seal.seal(fields, for: ["q"])
        guard cursor.utf8.count <= 1000 else { return }
        try expect(seal.open(cursor, for: ["q"]) == fields, "\(fields) is another cursor")
        try expect(seal.open(cursor, for: ["r"]) == nil, "a cursor opens for another query")
    }

    private static func same(
        _ written: String?, _ text: String, _ what: String
    ) throws(Broken) {
        guard let written else { return }
        try expect(written.utf8.elementsEqual(text.utf8), "\(what): \(text) became \(written)")
    }
}

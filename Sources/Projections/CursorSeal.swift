import EventSourcing
import EventStore

/// Makes cursors that nobody else can make, each for one query alone, and reads them again.
package struct CursorSeal: Sendable {
    private static let version: UInt8 = 1
    /// The most bytes of a cursor's text.
    private static let maximum = 1000
    private let key: [UInt8]

    /// - Parameter key: 32 bytes that no client knows.
    package init(key: [UInt8]) { self.key = key }

    /// base64url of: version, then each field's length in two bytes and the field, then a tag over
    /// them and the query.
    ///
    /// - Parameters:
    ///   - fields: where the next page begins; each at most 65,535 bytes.
    ///   - query: all that the pages have in common.
    package func seal(_ fields: [String], for query: [String]) -> String {
        var bytes = [Self.version]
        for field in fields {
            let count = UInt16(truncatingIfNeeded: field.utf8.count)
            bytes += [UInt8(count >> 8), UInt8(count & 0xFF)]
            bytes += Array(field.utf8).prefix(Int(count))
        }
        return Base64URL.encode(bytes + tag(bytes, query).bytes)
    }

    /// The fields that `seal` was given for the same query under the same key; nil for any other
    /// text.
    package func open(_ text: String, for query: [String]) -> [String]? {
        guard text.utf8.count <= Self.maximum, let bytes = Base64URL.decode(text.utf8),
            bytes.count > Digest.byteCount, bytes[0] == Self.version
        else { return nil }
        let content = Array(bytes.dropLast(Digest.byteCount))
        let tags = zip(bytes.suffix(Digest.byteCount), tag(content, query).bytes)
        // All bytes are looked at: how long it takes tells nothing of the tag.
        guard tags.reduce(0 as UInt8, { $0 | ($1.0 ^ $1.1) }) == 0 else { return nil }
        var fields: [String] = []
        var rest = content.dropFirst()
        while let high = rest.popFirst() {
            guard let low = rest.popFirst() else { return nil }
            let count = Int(high) << 8 | Int(low)
            guard rest.count >= count,
                let field = String(validating: rest.prefix(count), as: UTF8.self)
            else { return nil }
            fields.append(field)
            rest.removeFirst(count)
        }
        return fields
    }

    private func tag(_ bytes: [UInt8], _ query: [String]) -> Digest {
        HMAC.sha256(Fingerprint.of([bytes] + query.map { Array($0.utf8) }), key: key)
    }
}

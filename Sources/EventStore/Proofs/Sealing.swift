/// A key for sealing: 32 bytes.
package struct SealingKey: Hashable, Sendable {
    package let bytes: [UInt8]

    /// Nil unless there are exactly 32 bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        self.bytes = Array(bytes)
    }

    /// The key of one message's tag: half of the stream's first block (RFC 8439, section 2.6).
    init(firstBlockOf stream: inout ChaCha20) {
        var block = [UInt8](repeating: 0, count: 64)
        stream.apply(to: &block)
        bytes = Array(block.prefix(32))
    }
}

/// A number used once for a key: 12 bytes. Two texts under one key and nonce give both away.
package struct SealingNonce: Hashable, Sendable {
    /// The number of bytes in a nonce.
    package static let byteCount = 12
    package let bytes: [UInt8]

    /// Nil unless there are exactly 12 bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = Array(bytes)
    }
}

/// Why something sealed could not be opened.
package enum SealingError: Error, Equatable, CustomStringConvertible {
    /// The text does not have the form `sealed:v1:<base64url>`, or is too short.
    case malformed
    /// It was changed, or sealed under another key, nonce or additional data.
    case notAuthentic

    package var description: String {
        switch self {
        case .malformed: "the text is not of the form sealed:v1:<base64url>"
        case .notAuthentic: "the sealed text was changed, or belongs to another key or place"
        }
    }
}

/// Authenticated encryption, ChaCha20-Poly1305. Source: RFC 8439, section 2.8.
package enum AEAD {
    /// The number of bytes that sealing adds.
    package static let tagByteCount = 16

    /// The ciphertext and then the tag.
    ///
    /// - Parameters:
    ///   - plaintext: less than 256 GiB, which is more than an array here can hold in practice.
    ///   - additional: bytes that are not kept but must be the same when it is opened.
    package static func seal(
        _ plaintext: some Collection<UInt8>, key: SealingKey, nonce: SealingNonce,
        additional: some Collection<UInt8>
    ) -> [UInt8] {
        var text = Array(plaintext)
        var stream = ChaCha20(key: key, nonce: nonce, counter: 0)
        let authenticator = SealingKey(firstBlockOf: &stream)
        stream.apply(to: &text)
        return text + tag(of: text, additional: Array(additional), key: authenticator)
    }

    /// The plaintext of what `seal` made.
    ///
    /// - Throws: `.malformed` for fewer than 16 bytes, `.notAuthentic` where the tag does not fit.
    package static func open(
        _ sealed: some Collection<UInt8>, key: SealingKey, nonce: SealingNonce,
        additional: some Collection<UInt8>
    ) throws(SealingError) -> [UInt8] {
        guard sealed.count >= tagByteCount else { throw .malformed }
        var text = Array(sealed.dropLast(tagByteCount))
        var stream = ChaCha20(key: key, nonce: nonce, counter: 0)
        let authenticator = SealingKey(firstBlockOf: &stream)
        let expected = tag(of: text, additional: Array(additional), key: authenticator)
        // All bytes are compared, so that the time taken does not tell where a forged tag is wrong.
        let difference = zip(expected, sealed.suffix(tagByteCount)).reduce(UInt8(0)) {
            $0 | ($1.0 ^ $1.1)
        }
        guard difference == 0 else { throw .notAuthentic }
        stream.apply(to: &text)
        return text
    }

    private static func tag(of text: [UInt8], additional: [UInt8], key: SealingKey) -> [UInt8] {
        var authenticator = Poly1305(key: key)
        authenticator.absorb(additional[...])
        authenticator.absorb(text[...])
        authenticator.absorb(UInt64(additional.count), UInt64(text.count), top: 1)
        return authenticator.finish()
    }
}

/// Personal data as it is stored: `sealed:v1:<base64url(nonce, ciphertext, tag)>`.
///
/// The text survives in the log when its customer is erased; without the key it says nothing but
/// its length.
package enum SealedText {
    private static let prefix = "sealed:v1:"

    /// Whether `text` claims to be sealed; only `open` tells if it is.
    package static func isSealed(_ text: String) -> Bool { text.utf8.starts(with: prefix.utf8) }

    /// Seals `text`.
    ///
    /// - Parameters:
    ///   - nonce: never used before with this key.
    ///   - place: what the text belongs to, such as a stream and a member. Elsewhere it does not
    ///     open.
    package static func seal(
        _ text: String, key: SealingKey, nonce: SealingNonce, place: String = ""
    ) -> String {
        let sealed = AEAD.seal(text.utf8, key: key, nonce: nonce, additional: place.utf8)
        return prefix + Base64URL.encode(nonce.bytes + sealed)
    }

    /// The text that was sealed with the same key and place.
    ///
    /// - Throws: `.malformed` for another form, `.notAuthentic` for a changed text, another key or
    ///   place.
    package static func open(
        _ sealed: String, key: SealingKey, place: String = ""
    ) throws(SealingError) -> String {
        guard isSealed(sealed),
            let bytes = Base64URL.decode(sealed.utf8.dropFirst(prefix.utf8.count)),
            let nonce = SealingNonce(bytes.prefix(SealingNonce.byteCount))
        else { throw .malformed }
        let plain = try AEAD.open(
            bytes.dropFirst(SealingNonce.byteCount), key: key, nonce: nonce,
            additional: place.utf8)
        guard let text = String(validating: plain, as: UTF8.self) else { throw .malformed }
        return text
    }
}

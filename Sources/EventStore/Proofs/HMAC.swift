/// Message authentication with SHA-256. Source: RFC 2104.
package enum HMAC {
    /// SHA-256's block, in bytes.
    private static let block = 64

    /// The tag of `bytes` under a key of any length; one as long as a digest is long enough.
    package static func sha256(_ bytes: [UInt8], key: [UInt8]) -> Digest {
        var key = key.count > block ? SHA256.hash(key).bytes : key
        key += Array(repeating: 0, count: block - key.count)
        let inner = SHA256.hash(key.map { $0 ^ 0x36 }, bytes)
        return SHA256.hash(key.map { $0 ^ 0x5C }, inner.bytes)
    }
}

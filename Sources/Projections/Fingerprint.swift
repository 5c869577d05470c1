import EventStore

/// What a repeated request is told from another by: SHA-256 over its parts, each behind its length.
package enum Fingerprint {
    package static func of(_ parts: [[UInt8]]) -> [UInt8] {
        var bytes: [UInt8] = []
        for part in parts {
            withUnsafeBytes(of: UInt64(part.count).bigEndian) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: part)
        }
        return SHA256.hash(bytes).bytes
    }
}

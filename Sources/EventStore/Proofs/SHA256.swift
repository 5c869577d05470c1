internal import CPlatform

/// SHA-256, by the processor's instructions where it has them. Source: FIPS 180-4.
package enum SHA256 {
    /// The digest of `bytes`, with `prefix` in front where one is given.
    package static func hash(_ bytes: UnsafeRawBufferPointer, prefix: UInt8? = nil) -> Digest {
        Digest { out in
            kassa_sha256(
                prefix.map(Int32.init) ?? -1, bytes.baseAddress, bytes.count, nil, 0,
                out.baseAddress)
        }
    }

    /// The digest of `first` and then `second`, with `prefix` in front where one is given.
    package static func hash(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, prefix: UInt8? = nil
    ) -> Digest {
        Digest { out in
            kassa_sha256(
                prefix.map(Int32.init) ?? -1, first.baseAddress, first.count, second.baseAddress,
                second.count, out.baseAddress)
        }
    }

    /// The digest of `bytes`; they are copied only where they do not lie in one piece.
    package static func hash(_ bytes: some Collection<UInt8>, prefix: UInt8? = nil) -> Digest {
        let digest = bytes.withContiguousStorageIfAvailable { storage in
            hash(UnsafeRawBufferPointer(storage), prefix: prefix)
        }
        return digest ?? Array(bytes).withUnsafeBytes { hash($0, prefix: prefix) }
    }

    /// The digest of `first` and then `second`, without joining them.
    package static func hash(
        _ first: some Collection<UInt8>, _ second: some Collection<UInt8>, prefix: UInt8? = nil
    ) -> Digest {
        let digest = first.withContiguousStorageIfAvailable { first in
            second.withContiguousStorageIfAvailable { second in
                hash(
                    UnsafeRawBufferPointer(first), UnsafeRawBufferPointer(second), prefix: prefix)
            }
        }
        return (digest ?? nil) ?? hash(Array(first) + Array(second), prefix: prefix)
    }

    /// The digest that the portable code computes: what tests hold the processor's against.
    package static func portableHash(
        _ first: [UInt8], _ second: [UInt8] = [], prefix: UInt8? = nil
    ) -> Digest {
        Digest { out in
            first.withUnsafeBytes { first in
                second.withUnsafeBytes { second in
                    kassa_sha256_portable(
                        prefix.map(Int32.init) ?? -1, first.baseAddress, first.count,
                        second.baseAddress, second.count, out.baseAddress)
                }
            }
        }
    }

    /// Whether this processor has the instructions.
    package static var isAccelerated: Bool { kassa_sha256_is_accelerated() }
}

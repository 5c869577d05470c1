internal import CPlatform

/// SHA-256, by the fastest way the processor has. Source: FIPS 180-4.
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

    /// The digests of the messages that lie one behind the other in `bytes`, each up to its
    /// `ends`; every one has `prefix` in front, where one is given. Several are computed at once.
    package static func hash(
        many bytes: UnsafeRawBufferPointer, ends: [Int], prefix: UInt8? = nil, by way: Way? = nil
    ) -> [Digest] {
        precondition(
            (ends.last ?? 0) <= bytes.count && ends.first ?? 0 >= 0
                && zip(ends, ends.dropFirst()).allSatisfy { $0 <= $1 },
            "the messages lie one behind the other within the bytes")
        // The one empty array is shared by all threads, and would be written to.
        guard !ends.isEmpty else { return [] }
        return [Digest](unsafeUninitializedCapacity: ends.count) { out, count in
            count = ends.count
            let prefix = prefix.map(Int32.init) ?? -1
            if let way {
                kassa_sha256_many_by(
                    way.code, prefix, bytes.baseAddress, ends, count, out.baseAddress)
            } else {
                kassa_sha256_many(prefix, bytes.baseAddress, ends, count, out.baseAddress)
            }
        }
    }

    /// The digest of each pair of `digests`, the first and the second, the third and the fourth
    /// and so on, with `prefix` in front; of an odd number the last one is left out.
    package static func hash(pairs digests: [Digest], prefix: UInt8) -> [Digest] {
        guard digests.count > 1 else { return [] }
        return [Digest](unsafeUninitializedCapacity: digests.count / 2) { out, count in
            count = digests.count / 2
            kassa_sha256_pairs(Int32(prefix), digests, count, out.baseAddress)
        }
    }

    /// How it is computed; all ways give the same.
    package enum Way: CaseIterable, Sendable {
        case portable
        case bmi2
        case sha
        case avx2
        case avx512

        /// Those that processor and system have what they need for.
        package static var available: [Way] { allCases.filter { kassa_sha256_has($0.code) } }

        fileprivate var code: kassa_sha256_way {
            switch self {
            case .portable: KASSA_SHA256_PORTABLE
            case .bmi2: KASSA_SHA256_BMI2
            case .sha: KASSA_SHA256_SHA
            case .avx2: KASSA_SHA256_AVX2
            case .avx512: KASSA_SHA256_AVX512
            }
        }
    }

    /// The digest of `first` and then `second` by one `way`, which must be available: what tests
    /// hold the others against.
    package static func hash(
        _ first: [UInt8], _ second: [UInt8] = [], prefix: UInt8? = nil, by way: Way
    ) -> Digest {
        Digest { out in
            first.withUnsafeBytes { first in
                second.withUnsafeBytes { second in
                    kassa_sha256_by(
                        way.code, prefix.map(Int32.init) ?? -1, first.baseAddress, first.count,
                        second.baseAddress, second.count, out.baseAddress)
                }
            }
        }
    }
}

/// The Merkle tree over a log's leaves. Source: RFC 9162, section 2.1.
package enum MerkleTree {
    /// The largest number of leaves; a serialised frontier that claims more is refused.
    package static let maximumSize: Int64 = 1 << 62

    /// The root over no leaves: the digest of nothing (section 2.1.1).
    package static let emptyRoot = SHA256.hash([])

    /// A leaf's digest: SHA-256 of 0x00 and the bytes.
    package static func leaf(_ bytes: UnsafeRawBufferPointer) -> Digest {
        SHA256.hash(bytes, prefix: 0)
    }

    /// A leaf's digest: SHA-256 of 0x00 and the bytes.
    package static func leaf(_ bytes: some Collection<UInt8>) -> Digest {
        SHA256.hash(bytes, prefix: 0)
    }

    /// The digests of the leaves that lie one behind the other in `bytes`, each up to its `ends`:
    /// those `leaf` gives, several computed at once.
    package static func leaves(_ bytes: [UInt8], ends: [Int]) -> [Digest] {
        bytes.withUnsafeBytes { SHA256.hash(many: $0, ends: ends, prefix: 0) }
    }

    /// The nodes over each two of `level`, from the first on.
    static func nodes(over level: [Digest]) -> [Digest] { SHA256.hash(pairs: level, prefix: 1) }

    /// A node's digest: SHA-256 of 0x01 and the two below it.
    package static func node(_ left: Digest, _ right: Digest) -> Digest {
        left.withUnsafeBytes { left in
            right.withUnsafeBytes { right in SHA256.hash(left, right, prefix: 1) }
        }
    }

    /// The root over the leaves of `range`, read once and in order; memory is logarithmic.
    ///
    /// - Throws: what `leaf` throws.
    package static func root<Failure: Error>(
        over range: Range<Int64>, leaf: (Int64) throws(Failure) -> Digest
    ) throws(Failure) -> Digest {
        var frontier = MerkleFrontier()
        var index = range.lowerBound
        while index < range.upperBound {
            frontier.append(leaf: try leaf(index))
            index += 1
        }
        return frontier.root
    }

    /// The size of the left subtree of a tree of `size` > 1 leaves: the largest power of two below
    /// it.
    static func split(_ size: Int64) -> Int64 {
        1 << (Int64.bitWidth - 1 - (size - 1).leadingZeroBitCount)
    }
}

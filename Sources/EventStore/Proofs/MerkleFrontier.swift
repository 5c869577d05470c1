/// What must be kept of a Merkle tree to go on appending to it: its size, and the roots of its
/// complete subtrees, one for each bit set in the size, largest first. At most 63 digests, whatever
/// the size.
package struct MerkleFrontier: Hashable, Sendable {
    /// The number of leaves.
    package private(set) var size: Int64 = 0
    /// The roots of the complete subtrees, from the first leaf on.
    package private(set) var peaks: [Digest] = []

    /// The tree without leaves.
    package init() {}

    /// Adds the digest of the next leaf. Amortised two hashes.
    package mutating func append(leaf: Digest) {
        var node = leaf
        var rest = size
        while rest & 1 == 1, let left = peaks.popLast() {
            node = MerkleTree.node(left, node)
            rest >>= 1
        }
        peaks.append(node)
        size += 1
    }

    /// Adds the digests of the next leaves, as one after the other would; level by level, as the
    /// nodes of one level are computed several at once.
    package mutating func append(leaves: [Digest]) {
        var level = leaves
        var rest = size
        // What stays on the right of its level, from the leaves up.
        var right: [Digest] = []
        while !level.isEmpty {
            if rest & 1 == 1, let left = peaks.popLast() { level.insert(left, at: 0) }
            if level.count & 1 == 1, let last = level.popLast() { right.append(last) }
            level = MerkleTree.nodes(over: level)
            rest >>= 1
        }
        peaks.append(contentsOf: right.reversed())
        size += Int64(leaves.count)
    }

    /// The tree's root (RFC 9162, section 2.1.1): a hash for each peak but one.
    package var root: Digest {
        guard var root = peaks.last else { return MerkleTree.emptyRoot }
        for peak in peaks.dropLast().reversed() { root = MerkleTree.node(peak, root) }
        return root
    }

    /// The stored form: the size as 8 bytes, big endian, and the peaks.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + peaks.count * Digest.byteCount)
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: size >> Int64(shift)))
        }
        for peak in peaks { peak.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return bytes
    }

    /// Reads the stored form; nil where the size is out of range or does not fit the number of
    /// peaks.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count >= 8 else { return nil }
        let size = bytes.prefix(8).reduce(into: UInt64(0)) { $0 = $0 << 8 | UInt64($1) }
        guard size <= UInt64(MerkleTree.maximumSize),
            bytes.count == 8 + size.nonzeroBitCount * Digest.byteCount
        else { return nil }
        var rest = bytes.dropFirst(8)
        while !rest.isEmpty {
            guard let peak = Digest(rest.prefix(Digest.byteCount)) else { return nil }
            peaks.append(peak)
            rest = rest.dropFirst(Digest.byteCount)
        }
        self.size = Int64(size)
    }
}

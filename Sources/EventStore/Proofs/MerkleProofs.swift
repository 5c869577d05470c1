/// The proof that a leaf is the one at `index` of a tree of `size` leaves. Source: RFC 9162,
/// section 2.1.3.
package struct InclusionProof: Hashable, Sendable {
    /// The leaf's place, from 0.
    package let index: Int64
    package let size: Int64
    /// The siblings on the way from the leaf to the root.
    package let path: [Digest]

    /// A proof that came from elsewhere: true only once `verify` says so.
    package init(index: Int64, size: Int64, path: [Digest]) {
        self.index = index
        self.size = size
        self.path = path
    }

    /// Whether the path leads from `leaf` to `root` (section 2.1.3.2).
    ///
    /// `index` and `size` are part of the claim: compare them with what was asked for.
    package func verify(leaf: Digest, root: Digest) -> Bool {
        guard index >= 0, index < size else { return false }
        var (node, last, result) = (index, size - 1, leaf)
        for sibling in path {
            guard last > 0 else { return false }
            if node & 1 == 1 || node == last {
                result = MerkleTree.node(sibling, result)
                while node & 1 == 0, node != 0 {
                    node >>= 1
                    last >>= 1
                }
            } else {
                result = MerkleTree.node(result, sibling)
            }
            node >>= 1
            last >>= 1
        }
        return last == 0 && result == root
    }
}

/// The proof that a tree of `to` leaves begins with the tree of `from` leaves. Source: RFC 9162,
/// section 2.1.4.
package struct ConsistencyProof: Hashable, Sendable {
    package let from: Int64
    package let to: Int64
    /// Nodes that both roots follow from. Empty where the sizes are equal or `from` is 0.
    package let path: [Digest]

    /// A proof that came from elsewhere: true only once `verify` says so.
    package init(from: Int64, to: Int64, path: [Digest]) {
        self.from = from
        self.to = to
        self.path = path
    }

    /// Whether the path leads to both roots (section 2.1.4.2).
    ///
    /// The RFC leaves out two cases: every tree begins with the empty one, and is consistent with
    /// itself.
    package func verify(fromRoot: Digest, toRoot: Digest) -> Bool {
        guard from >= 0, from <= to else { return false }
        if from == to { return path.isEmpty && fromRoot == toRoot }
        if from == 0 { return path.isEmpty && fromRoot == MerkleTree.emptyRoot }
        var rest = path[...]
        guard let head = from & (from - 1) == 0 ? fromRoot : rest.popFirst(), !path.isEmpty else {
            return false
        }
        var (node, last, first, second) = (from - 1, to - 1, head, head)
        while node & 1 == 1 {
            node >>= 1
            last >>= 1
        }
        for sibling in rest {
            guard last > 0 else { return false }
            if node & 1 == 1 || node == last {
                first = MerkleTree.node(sibling, first)
                second = MerkleTree.node(sibling, second)
                while node & 1 == 0, node != 0 {
                    node >>= 1
                    last >>= 1
                }
            } else {
                second = MerkleTree.node(second, sibling)
            }
            node >>= 1
            last >>= 1
        }
        return last == 0 && first == fromRoot && second == toRoot
    }
}

extension MerkleTree {
    /// Proves that the leaf at `index` is in the tree of the first `size` leaves (section 2.1.3.1).
    ///
    /// Reads every leaf below `size` but that one, once each.
    ///
    /// - Returns: nil where `index` is not in the tree.
    /// - Throws: what `leaf`, which answers with the digest of the leaf at an index, throws.
    package static func inclusionProof<Failure: Error>(
        of index: Int64, size: Int64, leaf: (Int64) throws(Failure) -> Digest
    ) throws(Failure) -> InclusionProof? {
        guard index >= 0, index < size, size <= maximumSize else { return nil }
        var range = 0..<size
        var path: [Digest] = []
        while range.upperBound - range.lowerBound > 1 {
            let middle = range.lowerBound + split(range.upperBound - range.lowerBound)
            let (left, right) = (range.lowerBound..<middle, middle..<range.upperBound)
            path.append(try root(over: index < middle ? right : left, leaf: leaf))
            range = index < middle ? left : right
        }
        return InclusionProof(index: index, size: size, path: path.reversed())
    }

    /// Proves that the tree of the first `to` leaves begins with that of the first `from` (section
    /// 2.1.4.1).
    ///
    /// Reads every leaf below `to` at most once.
    ///
    /// - Returns: nil where `from` is negative or greater than `to`.
    /// - Throws: what `leaf`, which answers with the digest of the leaf at an index, throws.
    package static func consistencyProof<Failure: Error>(
        from: Int64, to: Int64, leaf: (Int64) throws(Failure) -> Digest
    ) throws(Failure) -> ConsistencyProof? {
        guard from >= 0, from <= to, to <= maximumSize else { return nil }
        var range = 0..<to
        var path: [Digest] = []
        // The old tree ends at `from`: go down towards that border until a subtree ends there.
        while from > 0, range.upperBound != from {
            let middle = range.lowerBound + split(range.upperBound - range.lowerBound)
            let (left, right) = (range.lowerBound..<middle, middle..<range.upperBound)
            path.append(try root(over: from <= middle ? right : left, leaf: leaf))
            range = from <= middle ? left : right
        }
        // A subtree that starts at 0 is the old tree itself, whose root the verifier knows.
        if from > 0, range.lowerBound > 0 { path.append(try root(over: range, leaf: leaf)) }
        return ConsistencyProof(from: from, to: to, path: path.reversed())
    }

    /// As above, over leaves held in memory.
    package static func inclusionProof(
        of index: Int64, in leaves: some RandomAccessCollection<Digest>
    ) -> InclusionProof? {
        inclusionProof(of: index, size: Int64(leaves.count)) { leaves[at: $0] }
    }

    /// As above, over leaves held in memory; nil also where there are fewer than `to`.
    package static func consistencyProof(
        from: Int64, to: Int64, in leaves: some RandomAccessCollection<Digest>
    ) -> ConsistencyProof? {
        guard to <= leaves.count else { return nil }
        return consistencyProof(from: from, to: to) { leaves[at: $0] }
    }
}

extension RandomAccessCollection {
    fileprivate subscript(at offset: Int64) -> Element {
        self[index(startIndex, offsetBy: Int(offset))]
    }
}

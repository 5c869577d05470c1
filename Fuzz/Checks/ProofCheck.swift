import EventStore

/// Merkle proofs: each one that is made is good, none with a changed digest is, and whatever comes
/// from elsewhere only ever says yes or no.
///
/// Input: how many leaves; which one is proved; the old tree's size; which digest is changed, and
/// how; then the bytes of a proof that came from elsewhere.
enum ProofCheck {
    static func run(_ bytes: [UInt8]) throws(Broken) {
        var input = FuzzInput(bytes)
        let count = Int(input.byte()) % 130
        let index = Int64(input.byte())
        let old = Int64(input.byte())
        let (place, change) = (Int(input.byte()), input.byte())
        let leaves = (0..<count).map { MerkleTree.leaf([UInt8($0)]) }
        let root = root(leaves[...])
        try checkFrontier(leaves, root)
        if let proof = MerkleTree.inclusionProof(of: index, in: leaves) {
            let leaf = leaves[Int(index)]
            try expect(proof.verify(leaf: leaf, root: root), "\(proof) does not hold")
            if let path = changed(proof.path, place, change) {
                let forged = InclusionProof(index: index, size: proof.size, path: path)
                try expect(!forged.verify(leaf: leaf, root: root), "\(forged) holds")
            }
        }
        if let proof = MerkleTree.consistencyProof(from: old, to: Int64(count), in: leaves) {
            let before = self.root(leaves[..<Int(old)])
            try expect(
                proof.verify(fromRoot: before, toRoot: root), "\(proof) does not hold")
            if let path = changed(proof.path, place, change) {
                let forged = ConsistencyProof(from: old, to: Int64(count), path: path)
                try expect(!forged.verify(fromRoot: before, toRoot: root), "\(forged) holds")
            }
        }
        try checkForeign(&input)
    }

    /// The root as RFC 9162, section 2.1.1, defines it.
    private static func root(_ leaves: ArraySlice<Digest>) -> Digest {
        guard leaves.count > 1 else { return leaves.first ?? MerkleTree.emptyRoot }
        var size = 1
        while size * 2 < leaves.count { size *= 2 }
        return MerkleTree.node(root(leaves.prefix(size)), root(leaves.dropFirst(size)))
    }

    /// The path with one byte of one digest changed; nil where nothing is.
    private static func changed(_ path: [Digest], _ place: Int, _ change: UInt8) -> [Digest]? {
        guard !path.isEmpty, change != 0 else { return nil }
        var path = path
        let at = place % path.count
        var bytes = path[at].bytes
        bytes[place % bytes.count] ^= change
        guard let digest = Digest(bytes) else { return nil }
        path[at] = digest
        return path
    }

    private static func checkFrontier(_ leaves: [Digest], _ root: Digest) throws(Broken) {
        var frontier = MerkleFrontier()
        for leaf in leaves { frontier.append(leaf: leaf) }
        try expect(frontier.root == root, "the frontier has another root than the tree")
        try expect(MerkleFrontier(frontier.bytes) == frontier, "a kept frontier is another one")
    }

    private static func checkForeign(_ input: inout FuzzInput) throws(Broken) {
        let first = Int64(truncatingIfNeeded: input.number(8))
        let second = Int64(truncatingIfNeeded: input.number(8))
        let rest = input.rest()
        let path = pieces(rest, [Digest.byteCount]).compactMap { Digest($0) }
        let unknown = MerkleTree.leaf(rest)
        let inclusion = InclusionProof(index: first, size: second, path: path)
        try expect(
            !inclusion.verify(leaf: unknown, root: MerkleTree.emptyRoot), "\(inclusion) holds")
        let consistency = ConsistencyProof(from: first, to: second, path: path)
        let holds = consistency.verify(fromRoot: MerkleTree.emptyRoot, toRoot: unknown)
        try expect(!holds || (first == 0 && path.isEmpty), "\(consistency) holds")
        guard var frontier = MerkleFrontier(rest) else { return }
        try expect(frontier.bytes == rest, "a frontier in two forms")
        _ = frontier.root
        frontier.append(leaf: unknown)
        _ = frontier.root
    }
}

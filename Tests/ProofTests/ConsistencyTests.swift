import EventStore
import Testing

@Suite struct ConsistencyTests {
    /// RFC 9162, section 2.1.4.1, word for word.
    static func naivePath(_ from: Int, _ leaves: ArraySlice<Digest>, _ known: Bool) -> [Digest] {
        if from == leaves.count { return known ? [] : [naiveRoot(leaves)] }
        var split = 1
        while split * 2 < leaves.count { split *= 2 }
        let (left, right) = (leaves.prefix(split), leaves.dropFirst(split))
        return from <= split
            ? naivePath(from, left, known) + [naiveRoot(right)]
            : naivePath(from - split, right, false) + [naiveRoot(left)]
    }

    @Test func `every tree is proved to begin with every smaller one`() throws {
        let all = leaves(70)
        let roots = (0...70).map { naiveRoot(all[..<$0]) }
        for to in 0...70 {
            for from in 0...to {
                let proof = try #require(
                    MerkleTree.consistencyProof(from: Int64(from), to: Int64(to), in: all))
                if from > 0 {
                    #expect(proof.path == Self.naivePath(from, all[..<to], true))
                }
                #expect(proof.verify(fromRoot: roots[from], toRoot: roots[to]))
            }
        }
    }

    @Test func `whatever is changed, the proof fails`() throws {
        let all = leaves(33)
        for to in [1, 2, 3, 7, 8, 21, 33] {
            let toRoot = naiveRoot(all[..<to])
            for from in 0...to {
                let fromRoot = naiveRoot(all[..<from])
                let proof = try #require(
                    MerkleTree.consistencyProof(from: Int64(from), to: Int64(to), in: all))
                func verifies(_ path: [Digest]) -> Bool {
                    ConsistencyProof(from: proof.from, to: proof.to, path: path)
                        .verify(fromRoot: fromRoot, toRoot: toRoot)
                }
                #expect(!proof.verify(fromRoot: try tampered(fromRoot, from), toRoot: toRoot))
                if from > 0 {
                    #expect(!proof.verify(fromRoot: fromRoot, toRoot: try tampered(toRoot, to)))
                }
                #expect(!verifies(proof.path + [toRoot]))
                for at in proof.path.indices {
                    var path = proof.path
                    path[at] = try tampered(path[at], at + from)
                    #expect(!verifies(path))
                    path.remove(at: at)
                    #expect(!verifies(path))
                }
            }
        }
    }

    @Test func `a rewritten past is found out`() throws {
        var all = leaves(21)
        let honest = naiveRoot(all[..<13])
        all[4] = MerkleTree.leaf("another event 4".utf8)
        let proof = try #require(MerkleTree.consistencyProof(from: 13, to: 21, in: all))
        #expect(!proof.verify(fromRoot: honest, toRoot: naiveRoot(all[...])))
    }

    @Test func `sizes out of order have no proof, and a claim to one fails`() {
        let all = leaves(4)
        #expect(MerkleTree.consistencyProof(from: 3, to: 2, in: all) == nil)
        #expect(MerkleTree.consistencyProof(from: -1, to: 2, in: all) == nil)
        #expect(MerkleTree.consistencyProof(from: 1, to: 5, in: all) == nil)
        let root = naiveRoot(all[...])
        for (from, to): (Int64, Int64) in [(-1, 4), (5, 4), (.min, .max), (.max, .min), (3, 4)] {
            let claim = ConsistencyProof(from: from, to: to, path: [])
            #expect(!claim.verify(fromRoot: root, toRoot: root))
        }
    }

    @Test func `a leaf that cannot be read fails the proof with its error`() {
        struct Unreadable: Error {}
        let all = leaves(8)
        func read(_ index: Int64) throws(Unreadable) -> Digest {
            guard index != 5 else { throw Unreadable() }
            return all[Int(index)]
        }
        #expect(throws: Unreadable.self) {
            try MerkleTree.consistencyProof(from: 3, to: 8, leaf: read)
        }
        #expect(throws: Unreadable.self) {
            try MerkleTree.inclusionProof(of: 0, size: 8, leaf: read)
        }
    }
}

import EventStore
import Testing

/// The leaves that Certificate Transparency's implementations test with, and the roots over the
/// first n.
enum CertificateTransparency {
    static let leaves: [[UInt8]] = [
        [], [0x00], [0x10], [0x20, 0x21], [0x30, 0x31], [0x40, 0x41, 0x42, 0x43],
        Array(0x50...0x57), Array(0x60...0x6F),
    ]
    static let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
}

/// RFC 9162, section 2.1.1, word for word.
func naiveRoot(_ leaves: ArraySlice<Digest>) -> Digest {
    if leaves.isEmpty { return SHA256.hash([]) }
    if leaves.count == 1, let leaf = leaves.first { return leaf }
    var split = 1
    while split * 2 < leaves.count { split *= 2 }
    let middle = leaves.startIndex + split
    let below = naiveRoot(leaves[..<middle]).bytes + naiveRoot(leaves[middle...]).bytes
    return SHA256.hash([1] + below)
}

func leaves(_ count: Int) -> [Digest] {
    (0..<count).map { MerkleTree.leaf("event \($0)".utf8) }
}

func frontier(_ leaves: some Sequence<Digest>) -> MerkleFrontier {
    var frontier = MerkleFrontier()
    for leaf in leaves { frontier.append(leaf: leaf) }
    return frontier
}

/// The digest with one bit turned over.
func tampered(_ digest: Digest, _ salt: Int) throws -> Digest {
    var bytes = digest.bytes
    bytes[salt % 32] ^= 1 << UInt8(salt % 8)
    return try #require(Digest(bytes))
}

@Suite struct FrontierTests {
    @Test(arguments: 0...8)
    func `the roots are those of certificate transparency`(size: Int) {
        let leaves = CertificateTransparency.leaves.prefix(size).map { MerkleTree.leaf($0) }
        #expect(frontier(leaves).root.hex == CertificateTransparency.roots[size])
    }

    @Test func `appending gives the root of the definition at every size`() {
        let all = leaves(70)
        var frontier = MerkleFrontier()
        #expect(frontier.root == naiveRoot([]))
        for (index, leaf) in all.enumerated() {
            frontier.append(leaf: leaf)
            #expect(frontier.size == Int64(index + 1))
            #expect(frontier.peaks.count == (index + 1).nonzeroBitCount)
            #expect(frontier.root == naiveRoot(all[...index]))
        }
    }

    @Test func `appending many leaves is appending one after the other`() {
        var random = Seeded(seed: 3)
        for start in 0..<40 {
            var (many, single) = (frontier(leaves(start)), frontier(leaves(start)))
            for _ in 0..<4 {
                let count = Int(random.next() % 90)
                let more = (0..<count).map { MerkleTree.leaf("\(start), \($0)".utf8) }
                many.append(leaves: more)
                for leaf in more { single.append(leaf: leaf) }
                #expect(many == single)
            }
        }
    }

    @Test func `leaves computed together are those computed alone`() {
        let messages = (0..<40).map { Array(String(repeating: "é", count: $0 * 7).utf8) }
        var (bytes, ends): ([UInt8], [Int]) = ([], [])
        for message in messages {
            bytes += message
            ends.append(bytes.count)
        }
        #expect(MerkleTree.leaves(bytes, ends: ends) == messages.map { MerkleTree.leaf($0) })
        #expect(MerkleTree.leaves([], ends: []) == [])
    }

    @Test func `a frontier read back goes on as if it had never been stored`() throws {
        let all = leaves(70)
        for size in 0..<70 {
            let before = frontier(all.prefix(size))
            var after = try #require(MerkleFrontier(before.bytes))
            #expect(after == before)
            after.append(leaf: all[size])
            #expect(after.root == naiveRoot(all[...size]))
        }
    }

    @Test func `a malformed frontier is refused`() {
        let good = frontier(leaves(5)).bytes
        #expect(MerkleFrontier(good) != nil)
        for cut in 0..<good.count { #expect(MerkleFrontier(good.prefix(cut)) == nil) }
        #expect(MerkleFrontier(good + [0]) == nil)
        #expect(MerkleFrontier(good + [UInt8](repeating: 0, count: 32)) == nil)
        let huge = [UInt8](repeating: 0xFF, count: 8 + 64 * 32)
        #expect(MerkleFrontier(huge) == nil)
        #expect(MerkleFrontier([0x7F] + huge.dropFirst().dropLast(32)) == nil)
        #expect(MerkleFrontier([0x40, 0, 0, 0, 0, 0, 0, 1] + huge.prefix(64)) == nil)
    }
}

@Suite struct InclusionTests {
    /// RFC 9162, section 2.1.3.1, word for word.
    static func naivePath(_ index: Int, _ leaves: ArraySlice<Digest>) -> [Digest] {
        if leaves.count <= 1 { return [] }
        var split = 1
        while split * 2 < leaves.count { split *= 2 }
        let (left, right) = (leaves.prefix(split), leaves.dropFirst(split))
        return index < split
            ? naivePath(index, left) + [naiveRoot(right)]
            : naivePath(index - split, right) + [naiveRoot(left)]
    }

    @Test func `every leaf of every tree is proved, by the path of the definition`() throws {
        let all = leaves(70)
        for size in 1...70 {
            let tree = all[..<size]
            let root = naiveRoot(tree)
            for index in 0..<size {
                let proof = try #require(MerkleTree.inclusionProof(of: Int64(index), in: tree))
                #expect(proof.path == Self.naivePath(index, tree))
                #expect(proof.verify(leaf: all[index], root: root))
            }
        }
    }

    @Test func `whatever is changed, the proof fails`() throws {
        let all = leaves(33)
        for size in [1, 2, 3, 7, 8, 21, 33] {
            let tree = all[..<size]
            let root = naiveRoot(tree)
            for index in 0..<size {
                let proof = try #require(MerkleTree.inclusionProof(of: Int64(index), in: tree))
                func verifies(_ path: [Digest], index: Int64? = nil, size: Int64? = nil) -> Bool {
                    InclusionProof(
                        index: index ?? proof.index, size: size ?? proof.size, path: path
                    ).verify(leaf: all[index.map(Int.init) ?? Int(proof.index)], root: root)
                }
                #expect(!proof.verify(leaf: try tampered(all[index], index), root: root))
                #expect(!proof.verify(leaf: all[index], root: try tampered(root, index)))
                #expect(!verifies(proof.path + [root]))
                #expect(!verifies(proof.path.dropLast() + [root]) || size == 1)
                for at in proof.path.indices {
                    var path = proof.path
                    path[at] = try tampered(path[at], at + index)
                    #expect(!verifies(path))
                    path.remove(at: at)
                    #expect(!verifies(path))
                }
                for other in 0..<size where other != index {
                    let moved = InclusionProof(
                        index: Int64(other), size: proof.size, path: proof.path)
                    #expect(!moved.verify(leaf: all[index], root: root))
                }
            }
        }
    }

    @Test func `a place outside the tree has no proof, and a claim to one fails`() {
        let all = leaves(4)
        #expect(MerkleTree.inclusionProof(of: 4, in: all) == nil)
        #expect(MerkleTree.inclusionProof(of: -1, in: all) == nil)
        #expect(MerkleTree.inclusionProof(of: 0, in: [Digest]()) == nil)
        for index: Int64 in [-1, 1, .max, .min] {
            let claim = InclusionProof(index: index, size: 1, path: [])
            #expect(!claim.verify(leaf: all[0], root: all[0]))
        }
    }
}

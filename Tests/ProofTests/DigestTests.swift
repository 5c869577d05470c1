import EventStore
import Testing

@Suite struct DigestTests {
    /// FIPS 180-4 examples, and the empty message.
    static let vectors: [(String, String)] = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ]

    @Test(arguments: vectors)
    func `a message has the digest that the standard says`(message: String, hex: String) {
        #expect(SHA256.hash(message.utf8).hex == hex)
        #expect(SHA256.portableHash(Array(message.utf8)).hex == hex)
    }

    @Test func `the processor's instructions and the portable code agree at every length`() {
        var random = Seeded(seed: 1)
        for length in 0...300 {
            let bytes = random.bytes(length)
            let cut = length == 0 ? 0 : Int(random.next() % UInt64(length + 1))
            let (first, second) = (Array(bytes[..<cut]), Array(bytes[cut...]))
            let whole = SHA256.portableHash(bytes)
            #expect(SHA256.hash(bytes) == whole)
            #expect(SHA256.hash(first, second) == whole)
            #expect(SHA256.portableHash(first, second) == whole)
            let prefixed = SHA256.portableHash([7] + bytes)
            #expect(SHA256.hash(bytes, prefix: 7) == prefixed)
            #expect(SHA256.hash(first, second, prefix: 7) == prefixed)
        }
    }

    @Test func `bytes that do not lie in one piece have the same digest`() {
        let scattered = [[UInt8]](repeating: [1, 2, 3], count: 40).joined()
        #expect(SHA256.hash(Array(scattered)) == SHA256.hash(AnyCollection(Array(scattered))))
    }

    @Test func `a digest is read from its text and from its bytes`() throws {
        let digest = SHA256.hash("abc".utf8)
        #expect(Digest(hex: digest.hex) == digest)
        #expect(Digest(digest.bytes) == digest)
        #expect(try #require(Digest(hex: digest.hex)).hashValue == digest.hashValue)
    }

    @Test(arguments: [
        "", "00", String(repeating: "0", count: 63), String(repeating: "0", count: 65),
        String(repeating: "0", count: 66), String(repeating: "A", count: 64),
        String(repeating: "g", count: 64), "+" + String(repeating: "0", count: 63),
    ])
    func `what is not 64 lower-case digits is no digest`(text: String) {
        #expect(Digest(hex: text) == nil)
    }

    @Test func `digests compare byte by byte, the first byte first`() throws {
        let zeros = [UInt8](repeating: 0, count: 31)
        let small = try #require(Digest([0] + zeros.dropLast() + [9]))
        let large = try #require(Digest([1] + zeros))
        #expect(small < large)
        #expect(!(large < small))
        #expect(Digest(zeros) == nil)
    }
}

/// Numbers that are the same in every run. Source: Steele, Lea, Flood, SplitMix64 (2014).
struct Seeded {
    var seed: UInt64

    mutating func next() -> UInt64 {
        seed &+= 0x9E37_79B9_7F4A_7C15
        var z = seed
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}

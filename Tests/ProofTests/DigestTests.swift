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
        for way in SHA256.Way.available {
            #expect(SHA256.hash(Array(message.utf8), by: way).hex == hex)
            let twice = Array(message.utf8) + Array(message.utf8)
            let digests = SHA256.many(twice, ends: [message.utf8.count, twice.count], by: way)
            #expect(digests.map(\.hex) == [hex, hex])
        }
    }

    @Test func `every way of computing agrees with the portable code at every length`() {
        #expect(SHA256.Way.available.contains(.portable))
        var random = Seeded(seed: 1)
        for length in 0...300 {
            let bytes = random.bytes(length)
            let cut = length == 0 ? 0 : Int(random.next() % UInt64(length + 1))
            let (first, second) = (Array(bytes[..<cut]), Array(bytes[cut...]))
            let whole = SHA256.hash(bytes, by: .portable)
            #expect(SHA256.hash(bytes) == whole)
            #expect(SHA256.hash(first, second) == whole)
            let prefixed = SHA256.hash([7] + bytes, by: .portable)
            #expect(SHA256.hash(bytes, prefix: 7) == prefixed)
            #expect(SHA256.hash(first, second, prefix: 7) == prefixed)
            for way in SHA256.Way.available {
                #expect(SHA256.hash(first, second, by: way) == whole)
                #expect(SHA256.hash(first, second, prefix: 7, by: way) == prefixed)
                // Neighbours of the same length, and a long one that ends alone.
                let ends = [length, length, 2 * length, 2 * length + 200]
                let digests = SHA256.many(
                    bytes + bytes + bytes.prefix(100) + [UInt8](repeating: 9, count: 200),
                    ends: ends, prefix: 7, by: way)
                #expect(digests[0] == prefixed && digests[2] == prefixed)
                #expect(digests[1] == SHA256.hash([7], by: .portable))
            }
        }
    }

    @Test func `many messages of mixed lengths have the digests of each alone, every way`() {
        var random = Seeded(seed: 2)
        for lot in 0..<60 {
            let count = lot % 10 == 0 ? lot / 10 : Int(random.next() % 100) + 1
            let longest = [1, 60, 130, 700][lot % 4]
            let messages = (0..<count).map { _ in
                random.bytes(Int(random.next() % UInt64(longest)))
            }
            var (bytes, ends): ([UInt8], [Int]) = ([], [])
            for message in messages {
                bytes += message
                ends.append(bytes.count)
            }
            let prefix: UInt8? = lot % 3 == 0 ? nil : UInt8(lot)
            let alone = messages.map { SHA256.hash($0, prefix: prefix, by: .portable) }
            for way in SHA256.Way.available.map(Optional.some) + [nil] {
                #expect(SHA256.many(bytes, ends: ends, prefix: prefix, by: way) == alone)
            }
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

extension SHA256 {
    static func many(_ bytes: [UInt8], ends: [Int], prefix: UInt8? = nil, by way: Way?) -> [Digest]
    {
        bytes.withUnsafeBytes { hash(many: $0, ends: ends, prefix: prefix, by: way) }
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

import EventStore
import Testing

/// The bytes of hexadecimal digits, which tests write by hand.
func bytes(_ hex: String) -> [UInt8] {
    let nibbles = hex.utf8.map { UInt8($0 < 0x40 ? $0 - 0x30 : $0 - 0x57) }
    return stride(from: 0, to: nibbles.count, by: 2).map { nibbles[$0] << 4 | nibbles[$0 + 1] }
}

@Suite struct SealingTests {
    let key: SealingKey
    let nonce: SealingNonce
    init() throws {
        key = try #require(SealingKey(Array(0..<32)))
        nonce = try #require(SealingNonce(Array(0..<12)))
    }

    struct Vector: Sendable {
        var section, key, nonce, additional, text, sealed: String
    }

    /// RFC 8439, sections 2.8.2 and A.5.
    static let vectors = [
        Vector(
            section: "2.8.2",
            key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
            nonce: "070000004041424344454647", additional: "50515253c0c1c2c3c4c5c6c7",
            text: "Ladies and Gentlemen of the class of '99: If I could offer you only one tip "
                + "for the future, sunscreen would be it.",
            sealed: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                + "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                + "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
                + "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"),
        Vector(
            section: "A.5",
            key: "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
            nonce: "000000000102030405060708", additional: "f33388860000000000004e91",
            text: "Internet-Drafts are draft documents valid for a maximum of six months and "
                + "may be updated, replaced, or obsoleted by other documents at any time. It is "
                + "inappropriate to use Internet-Drafts as reference material or to cite them "
                + "other than as /“work in progress./”",
            sealed: "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
                + "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
                + "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
                + "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
                + "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
                + "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
                + "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
                + "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
                + "a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38"),
    ]

    @Test(arguments: vectors)
    func `sealing and opening give what the standard says`(vector: Vector) throws {
        let key = try #require(SealingKey(bytes(vector.key)))
        let nonce = try #require(SealingNonce(bytes(vector.nonce)))
        let (additional, sealed) = (bytes(vector.additional), bytes(vector.sealed))
        let text = Array(vector.text.utf8)
        #expect(AEAD.seal(text, key: key, nonce: nonce, additional: additional) == sealed)
        #expect(try AEAD.open(sealed, key: key, nonce: nonce, additional: additional) == text)
    }

    /// RFC 8439, sections 2.5.2 and A.3 (7 to 11): sums at the border of the prime.
    static let tags: [(key: String, message: String, tag: String)] = {
        func block(_ first: String, _ rest: String = "00") -> String {
            first + String(repeating: rest, count: 16 - first.utf8.count / 2)
        }
        let zeros = block("00")
        let ones = block("ff", "ff")
        let long = block("e33594d7505e43b9") + block("3394d7505e4379cd01") + zeros
        let key = "01000000000000000400000000000000"
        return [
            (
                "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b",
                "43727970746f6772617068696320466f72756d2052657365617263682047726f7570",
                "a8061dc1305136c6c22b8baf0c0127a9"
            ),
            (block("02") + zeros, ones, block("03")),
            (block("02") + ones, block("02"), block("03")),
            (block("01") + zeros, ones + block("f0", "ff") + block("11"), block("05")),
            (block("01") + zeros, ones + block("fb", "fe") + block("01", "01"), zeros),
            (block("02") + zeros, block("fd", "ff"), block("fa", "ff")),
            (key + zeros, long + block("01"), "14000000000000005500000000000000"),
            (key + zeros, long, block("13")),
        ]
    }()

    @Test(arguments: tags)
    func `a message has the tag that the standard says`(
        key: String, message: String, tag: String
    ) throws {
        let key = try #require(SealingKey(bytes(key)))
        #expect(Poly1305.tag(of: bytes(message), key: key) == bytes(tag))
    }

    @Test func `what is sealed opens, at every length`() throws {
        var random = Seeded(seed: 2)
        for length in 0...200 {
            let text = random.bytes(length)
            let additional = random.bytes(length % 37)
            let sealed = AEAD.seal(text, key: key, nonce: nonce, additional: additional)
            #expect(sealed.count == length + AEAD.tagByteCount)
            let opened = try AEAD.open(sealed, key: key, nonce: nonce, additional: additional)
            #expect(opened == text)
        }
    }

    @Test func `one bit changed anywhere, and it does not open`() throws {
        let additional = Array("order-1/name".utf8)
        let sealed = AEAD.seal("Zoë".utf8, key: key, nonce: nonce, additional: additional)
        for bit in 0..<sealed.count * 8 {
            var changed = sealed
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: SealingError.notAuthentic) {
                try AEAD.open(changed, key: key, nonce: nonce, additional: additional)
            }
        }
        let otherKey = try #require(SealingKey(Array(1...32)))
        #expect(throws: SealingError.notAuthentic) {
            try AEAD.open(sealed, key: otherKey, nonce: nonce, additional: additional)
        }
        #expect(throws: SealingError.notAuthentic) {
            try AEAD.open(sealed, key: key, nonce: nonce, additional: [])
        }
        #expect(throws: SealingError.malformed) {
            try AEAD.open(sealed.prefix(15), key: key, nonce: nonce, additional: additional)
        }
    }

    @Test func `a key or nonce of another length is refused`() {
        for length in 0...40 {
            let bytes = [UInt8](repeating: 1, count: length)
            #expect((SealingKey(bytes) != nil) == (length == 32))
            #expect((SealingNonce(bytes) != nil) == (length == 12))
        }
    }

    @Test func `a sealed text has one stored form, and opens at its place only`() throws {
        let sealed = SealedText.seal(
            "Zoë, 1 rue de l’Été", key: key, nonce: nonce, place: "customer-7/name")
        // Made with another implementation, Python's cryptography.
        #expect(
            sealed == "sealed:v1:AAECAwQFBgcICQoL05TLqwU3lGDF9lrT_HguDyvwKyTYAG4Q04p76ppJZgJwUeSov"
                + "RbSEA")
        #expect(SealedText.isSealed(sealed))
        #expect(
            try SealedText.open(sealed, key: key, place: "customer-7/name")
                == "Zoë, 1 rue de l’Été")
        #expect(throws: SealingError.notAuthentic) {
            try SealedText.open(sealed, key: key, place: "customer-8/name")
        }
    }

    @Test(arguments: [
        "", "sealed:v1", "sealed:v1:", "sealed:v2:AAAA", "Zoë", "sealed:v1:AAECAwQFBgcICQoL",
        "sealed:v1:AAECAwQFBgcICQoL05TLqwU3lGDF9lrT_HguDyvwKyTYAG4Q04p76ppJZgJwUeSovRbSEA==",
        "sealed:v1: AECAwQFBgcICQoL05TLqwU3lGDF9lrT_HguDyvwKyTYAG4Q04p76ppJZgJwUeSovRbSEA",
    ])
    func `a text of another form is malformed`(text: String) {
        #expect(throws: SealingError.malformed) { try SealedText.open(text, key: key) }
    }
}

@Suite struct Base64URLTests {
    /// RFC 4648, section 10, without the padding.
    @Test(arguments: [
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"),
        ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
    ])
    func `the vectors of the standard go both ways`(plain: String, text: String) {
        #expect(Base64URL.encode(Array(plain.utf8)) == text)
        #expect(Base64URL.decode(text.utf8) == Array(plain.utf8))
    }

    @Test func `all bytes come back`() {
        let bytes = Array(UInt8.min...UInt8.max)
        #expect(Base64URL.decode(Base64URL.encode(bytes).utf8) == bytes)
    }

    @Test(arguments: [
        "Z", "Zm9vY", "Zh", "Zm9", "Zg==", "Zm8=", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v", "Zmév",
    ])
    func `a second text for the same bytes is refused`(text: String) {
        #expect(Base64URL.decode(text.utf8) == nil)
    }
}

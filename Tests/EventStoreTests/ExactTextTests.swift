import EventStore
import Testing

/// Keys are equal where their bytes are, whether or not they are kept as a number.
@Suite struct ExactTextTests {
    private static let identifier = "01a3185c-500a-7c82-9744-6122eb79632c"

    @Test func `an identifier is another key with any other byte at any place`() {
        let known = ExactText(Self.identifier)
        #expect(known == ExactText(Self.identifier))
        #expect(known.hashValue == ExactText(Self.identifier).hashValue)
        let bytes = Array(Self.identifier.utf8)
        for place in bytes.indices {
            for other in 0..<128 as Range<UInt8> where other != bytes[place] {
                var changed = bytes
                changed[place] = other
                let text = String(decoding: changed, as: UTF8.self)
                #expect(known != ExactText(text), "\(text)")
            }
        }
    }

    @Test(arguments: [
        "", "00000000-0000-0000-0000-000000000000", "01A3185C-500A-7C82-9744-6122EB79632C",
        "01a3185c500a7c8297446122eb79632c", "01a3185c-500a-7c82-9744-6122eb79632c-", "mug",
        "caf\u{E9}", "cafe\u{301}",
    ])
    func `what is no identifier, or the one of zeros, equals itself alone`(text: String) {
        let others = [
            "", "00000000-0000-0000-0000-000000000000", Self.identifier, "caf\u{E9}",
            "cafe\u{301}",
        ].filter { !$0.utf8.elementsEqual(text.utf8) }
        #expect(ExactText(text) == ExactText(text))
        for other in others { #expect(ExactText(text) != ExactText(other), "\(other)") }
    }
}

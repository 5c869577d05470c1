import Projections
import Testing

@Suite struct CursorTests {
    private let seal = CursorSeal(key: Array(0..<32))
    private let query = ["/v1/orders", "c-1", "", "1"]

    @Test(arguments: [["1700000000000000", "o-1"], ["", ""], ["-5", "größe", "x"], []])
    func `a cursor is read as it was made`(fields: [String]) {
        let text = seal.seal(fields, for: query)
        #expect(seal.open(text, for: query) == fields)
        #expect(text.utf8.allSatisfy { $0 != 0x2B && $0 != 0x2F && $0 != 0x3D })
    }

    @Test func `a cursor for another query or under another key is none`() {
        let text = seal.seal(["1", "o-1"], for: query)
        for other in [
            [], ["/v1/orders", "c-1", "1", ""], ["/v1/orders", "c-1", "", "2"],
            ["/v1/orders", "c-1", ""], ["/v1/orders", "c-1", "", "1", ""],
            ["/v1/ordersc", "-1", "", "1"],
        ] {
            #expect(seal.open(text, for: other) == nil)
        }
        #expect(CursorSeal(key: Array(1..<33)).open(text, for: query) == nil)
    }

    @Test func `an altered cursor is none`() {
        let bytes = Array(seal.seal(["1", "o-1"], for: query).utf8)
        for at in bytes.indices {
            var altered = bytes
            altered[at] = altered[at] == 0x41 ? 0x42 : 0x41
            #expect(seal.open(String(decoding: altered, as: UTF8.self), for: query) == nil)
        }
        for length in 0..<bytes.count {
            let cut = String(decoding: bytes.prefix(length), as: UTF8.self)
            #expect(seal.open(cut, for: query) == nil)
        }
        for text in ["", "A", "AQ", "é", String(repeating: "A", count: 2000)] {
            #expect(seal.open(text, for: query) == nil)
        }
    }
}

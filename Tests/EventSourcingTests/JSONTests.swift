import EventSourcing
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        #"{"a":1,"b":[true,false,null,"x\"y\\\n"],"c":{"d":-9223372036854775808}}"#,
        #"[1.5,2e10,123456789012345678901234567890]"#, #""é\u0001""#,
    ])
    func `a text survives parsing and writing`(text: String) throws {
        #expect(try JSON(parsing: text).text == text)
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,}", "01", "-", "1.", "tru", "\"\\ud800\"", "\"\u{0001}\"",
        "{} {}",
        "{\"a\":1,\"a\":2}", "+1", "\"abc", "{a:1}", "[1 2]", "\"\\x\"", "1e", "nul",
        String(repeating: "[", count: 100_000),
    ])
    func `a text that is no JSON is refused with a place`(text: String) {
        #expect(throws: JSONError.self) { try JSON(parsing: text) }
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        #expect(throws: JSONError.self) { try JSON(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test func `names that are equal only by Unicode equivalence are two names`() throws {
        let json = try JSON(parsing: "{\"\u{00E9}\":1,\"e\u{0301}\":2}")
        #expect(json["\u{00E9}"] == .integer(1))
        #expect(json["e\u{0301}"] == .integer(2))
    }

    @Test func `an unknown member is named by its pointer`() throws {
        let object = try JSONObject(try JSON(parsing: #"{"a/b":1}"#), at: "/lines/0")
        #expect(
            throws: JSONError(pointer: "/lines/0/a~1b", reason: "is not known here; known are a")
        ) {
            try object.allow(only: ["a"])
        }
    }

    @Test func `whatever encloses it, an object knows its pointer`() throws {
        let json = try JSON(
            parsing: #"{"a/b":{"rows":[{},{"c~d":{"e":[{"f":"x"},7]}}]},"none":[]}"#)
        let whole = try JSONObject(json)
        #expect(whole.pointer.isEmpty && whole.path("x") == "/x")
        let outer = try whole.object("a/b")
        #expect(outer.pointer == "/a~1b")
        let rows = try outer.objects("rows")
        #expect(rows.map(\.pointer) == ["/a~1b/rows/0", "/a~1b/rows/1"])
        let inner = try rows[1].object("c~d")
        #expect(inner.pointer == "/a~1b/rows/1/c~0d")
        let reason = "must be an object"
        #expect(throws: JSONError(pointer: "/a~1b/rows/1/c~0d/e/1", reason: reason)) {
            try inner.objects("e")
        }
        #expect(throws: JSONError(pointer: "/a~1b/rows/1/c~0d/e/0/f", reason: reason)) {
            let first = try JSONObject(try inner.array("e")[0], at: inner.path("e") + "/0")
            _ = try first.object("f")
        }
        #expect(throws: JSONError(pointer: "/a~1b/rows/0/f", reason: "is missing")) {
            try rows[0].object("f")
        }
        #expect(try JSONObject(json, at: "/x").objects("none").isEmpty)
        #expect(throws: JSONError(pointer: "/x/none", reason: reason)) {
            try JSONObject(json, at: "/x").object("none")
        }
    }
}

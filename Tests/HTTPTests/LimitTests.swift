import HTTP
import Testing

@Suite struct LimitTests {
    static func limits() -> MessageLimits {
        var limits = MessageLimits()
        limits.target = 64
        limits.fieldLine = 64
        limits.fieldBytes = 256
        limits.fields = 8
        limits.body = 16
        return limits
    }

    func status(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        let whole = parse(bytes, limits: LimitTests.limits())
        let bytewise = parse(bytes, pieces: 1, limits: LimitTests.limits())
        #expect(whole == bytewise)
        return whole.error?.status.code
    }

    @Test func `a target has a limit`() {
        func request(_ count: Int) -> String {
            "GET /" + String(repeating: "a", count: count - 1) + " HTTP/1.1\r\nHost: h\r\n\r\n"
        }
        #expect(status(request(64)) == nil)
        #expect(status(request(65)) == 414)
        #expect(status(String(repeating: "a", count: 500)) == 414)
    }

    @Test func `fields have limits`() {
        func request(_ fields: String) -> String { "GET / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n" }
        let line = "A: " + String(repeating: "a", count: 61) + "\r\n"
        #expect(status(request(line)) == nil)
        #expect(status(request("a" + line)) == 431)
        #expect(status(request(line + line + line)) == nil)
        #expect(status(request(line + line + line + line)) == 431)
        #expect(status(request(String(repeating: "A: b\r\n", count: 7))) == nil)
        #expect(status(request(String(repeating: "A: b\r\n", count: 8))) == 431)
        #expect(status(request(String(repeating: "a", count: 100))) == 431)
    }

    @Test func `a body has a limit`() {
        let head = "PUT / HTTP/1.1\r\nHost: h\r\n"
        #expect(status(head + "Content-Length: 16\r\n\r\n0123456789abcdef") == nil)
        #expect(status(head + "Content-Length: 17\r\n\r\n") == 413)
        #expect(status(head + "Content-Length: 9223372036854775807\r\n\r\n") == 413)
        let chunked = head + "Transfer-Encoding: chunked\r\n\r\n"
        #expect(status(chunked + "8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n") == nil)
        #expect(status(chunked + "8\r\n01234567\r\n9\r\n") == 413)
        #expect(status(chunked + "7FFFFFFFFFFFFFFF\r\n") == 413)
        #expect(status(chunked + "1\r\na\r\n7FFFFFFFFFFFFFFF\r\n") == 413)
    }

    @Test func `extensions and trailers have limits`() {
        let head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        #expect(status(head + "1;" + String(repeating: "a", count: 300)) == 400)
        let trailer = "A: " + String(repeating: "a", count: 60) + "\r\n"
        #expect(status(head + "0\r\n" + String(repeating: trailer, count: 3) + "\r\n") == nil)
        #expect(status(head + "0\r\n" + String(repeating: trailer, count: 5)) == 431)
        let chunk = "1;" + String(repeating: "a", count: 200) + "\r\na\r\n"
        var limits = LimitTests.limits()
        limits.body = 1000
        let many = Array((head + String(repeating: chunk, count: 100)).utf8)
        #expect(parse(many, limits: limits).error == .malformedChunk)
    }
}

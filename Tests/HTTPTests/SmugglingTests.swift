import HTTP
import Testing

/// What makes two parsers disagree on where a request ends (RFC 9112, 11.2).
@Suite struct SmugglingTests {
    @Test(arguments: [
        "+5", "-5", "-0", "5, 5", "5,6", "0x5", "5 5", "", "5a", "\u{0665}", "1e1",
        "99999999999999999999",
    ])
    func `a length is digits alone`(length: String) {
        let text = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(length)\r\n\r\nhello"
        #expect(parse(text).error == .invalidContentLength)
    }

    @Test(arguments: ["5", "6"])
    func `a length is said once`(second: String) {
        let text =
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: \(second)\r\n\r\n"
        #expect(parse(text).error == .invalidContentLength)
    }

    @Test(arguments: [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: x\r\nContent-Length: 0",
    ])
    func `a length and a coding exclude each other`(fields: String) {
        #expect(parse("POST / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n\r\n").error == .lengthAndCoding)
    }

    @Test(
        arguments: [
            ("Transfer-Encoding: gzip", .unsupportedTransferCoding),
            ("Transfer-Encoding: gzip, chunked", .unsupportedTransferCoding),
            ("Transfer-Encoding: chunked, identity", .unsupportedTransferCoding),
            ("Transfer-Encoding: chun\u{212A}ed", .unsupportedTransferCoding),
            ("Transfer-Encoding: xchunked", .unsupportedTransferCoding),
            ("Transfer-Encoding: chunked;q=1", .unsupportedTransferCoding),
            ("Transfer-Encoding: \"chunked\"", .unsupportedTransferCoding),
            ("Transfer-Encoding: chunked, chunked", .invalidTransferEncoding),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", .invalidTransferEncoding),
            ("Transfer-Encoding:", .invalidTransferEncoding),
            ("Transfer-Encoding : chunked", .spaceBeforeColon),
            ("Transfer-Encoding\u{B}: chunked", .malformedField),
            ("Transfer-Encoding: \u{B}chunked", .malformedField),
        ] as [(String, MessageError)])
    func `the only coding is chunked`(field: String, error: MessageError) {
        #expect(parse("POST / HTTP/1.1\r\nHost: h\r\n\(field)\r\n\r\n0\r\n\r\n").error == error)
    }

    @Test func `a coding in HTTP 1_0 is refused`() {
        let text = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        #expect(parse(text).error == .invalidTransferEncoding)
    }

    @Test(arguments: [
        "+3\r\nabc\r\n", "-3\r\n", "0x3\r\nabc\r\n", "\r\n", "g\r\n", " 3\r\n", "3 \r\nabc\r\n",
        "3 ;x\r\nabc\r\n", "3\nabc\r\n", "3\r\nabcd\r\n", "3\r\nabc\n", "3\r\nabc0\r\n\r\n",
        ";x\r\n",
        "FFFFFFFFFFFFFFFFF\r\n", "8000000000000000\r\n", "3;\u{0}\r\nabc\r\n", "3;a\rb\r\nabc\r\n",
    ])
    func `a malformed chunk is refused`(chunk: String) {
        let text = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
        let (requests, error) = parse(text)
        #expect(requests.isEmpty)
        #expect(error?.status == 400)
    }

    @Test func `nothing is read after an error`() {
        var parser = RequestParser()
        parser.append("GET / HTTP/3\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
        for _ in 0..<3 {
            #expect(throws: MessageError.unsupportedVersion) { try parser.next() }
        }
    }
}

import HTTP
import Testing

@Suite struct FeedingTests {
    static let stream = Array(
        ("GET /a?b=%20c HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"
            + "\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello\r\nabcd"
            + "PUT /c HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n"
            + "\r\n5;a=b\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nT: u\r\n\r\n"
            + "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").utf8)

    @Test(arguments: [1, 2, 3, 5, 7, 11, 64])
    func `pieces of any size give the same requests`(size: Int) {
        let whole = parse(FeedingTests.stream)
        #expect(whole.requests.count == 4)
        #expect(whole.error == nil)
        #expect(parse(FeedingTests.stream, pieces: size) == whole)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `damaged requests never trap, and give the same in any pieces`(seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        let alphabet = Array("\r\n :;,/?%0123abcfHTP.1+-\u{0}\t".utf8) + [0xFF, 0xC3]
        for _ in 0..<200 {
            var bytes = FeedingTests.stream
            for _ in 0...Int.random(in: 0...4, using: &generator) {
                let at = Int.random(in: 0..<bytes.count, using: &generator)
                let byte = alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[at] = byte
                case 1: bytes.insert(byte, at: at)
                default: bytes.remove(at: at)
                }
            }
            let whole = parse(bytes)
            #expect(parse(bytes, pieces: 1) == whole)
            let size = Int.random(in: 2...90, using: &generator)
            #expect(parse(bytes, pieces: size) == whole)
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `random bytes never trap`(seed: UInt64) throws {
        var generator = SeededGenerator(state: seed)
        for _ in 0..<200 {
            let count = Int.random(in: 0..<400, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let whole = parse(bytes)
            #expect(whole == parse(bytes, pieces: 1))
            var parser = ResponseParser(answersHead: false, limits: .init())
            parser.append("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
            parser.append(bytes)
            _ = try? parser.next()
            _ = try? parser.close()
        }
    }
}

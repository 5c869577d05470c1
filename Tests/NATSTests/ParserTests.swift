import NATS
import Testing

@Suite struct ParserTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let text: String
        let operations: [ClientOperation]
        init(_ text: String, _ operations: ClientOperation...) {
            (self.text, self.operations) = (text, operations)
        }
        var testDescription: String { text.debugDescription }
    }

    private static func publish(
        _ subject: String, reply: String? = nil, headers: String = "", _ payload: String
    ) -> ClientOperation {
        .publish(
            .init(
                subject: subject, reply: reply, headers: Array(headers.utf8),
                payload: Array(payload.utf8)))
    }

    private static func subscribe(_ subject: String, _ queue: String?, _ sid: String)
        -> ClientOperation
    {
        .subscribe(subject: subject, queue: queue, sid: sid)
    }

    static let cases = [
        Case("PING\r\n", .ping), Case("PONG\r\n", .pong), Case("ping\r\npOnG\r\n", .ping, .pong),
        Case("PING\nPONG\n", .ping, .pong), Case("\tPING \t\r\n", .ping),
        Case("\n\nPING\r\n\n", .ping), Case("PING and more\r\n", .ping),
        Case("CONNECT {}\r\n", .connect(Array("{}".utf8))),
        Case("connect\t {\"a\": 1}\r\n", .connect(Array("{\"a\": 1}".utf8))),
        Case("CONNECT\r\n", .connect([])),
        Case("SUB a.* 7\r\n", subscribe("a.*", nil, "7")),
        Case("sub\ta.>\tgroup\tx\r\n", subscribe("a.>", "group", "x")),
        Case("  Sub   a   9  \n", subscribe("a", nil, "9")),
        Case("UNSUB 7\r\n", .unsubscribe(sid: "7", max: nil)),
        Case("unsub 7 0\r\n", .unsubscribe(sid: "7", max: nil)),
        Case("UnSub\t7\t999999999\n", .unsubscribe(sid: "7", max: 999_999_999)),
        Case("PUB a 5\r\nhello\r\n", publish("a", "hello")),
        Case("PUB a.b reply.to 2\r\nhi\r\n", publish("a.b", reply: "reply.to", "hi")),
        Case("pub\ta\t0\n\r\nPING\r\n", publish("a", ""), .ping),
        Case("PUB a 007\r\n1234567\r\n", publish("a", "1234567")),
        Case(
            "PUB a 8\r\n\r\nPING\r\n\r\nPUB b 1\r\nx\r\n", publish("a", "\r\nPING\r\n"),
            publish("b", "x")),
        Case(
            "HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
            publish("a", headers: "NATS/1.0\r\n\r\n", "hi")),
        Case(
            "hpub a to 12 12\r\nNATS/1.0\r\n\r\n\r\nPONG\r\n",
            publish("a", reply: "to", headers: "NATS/1.0\r\n\r\n", ""), .pong),
        Case("HPUB a 0 2\r\nhi\r\n", publish("a", "hi")),
        Case("SUB später 1\r\n", subscribe("später", nil, "1")),
    ]

    @Test(arguments: cases)
    func `an operation is read as it was meant, however its bytes are cut`(case: Case) {
        var expected = Reading()
        expected.operations = `case`.operations
        #expect(Reading.all(`case`.text) == [expected])
    }

    @Test(arguments: cases)
    func `an operation that has not come in full is waited for`(case: Case) {
        let bytes = Array(`case`.text.utf8)[...]
        for length in bytes.indices {
            let reading = Reading([bytes.prefix(length)])
            #expect(reading.fault == nil)
            #expect(`case`.operations.starts(with: reading.operations))
            #expect(length + 2 > bytes.count || reading != Reading([bytes]))
        }
    }

    @Test(arguments: [
        ("NOPE\r\n", ClientFault.unknownOperation), (" \t\r\n", .unknownOperation),
        ("PUBX a 1\r\n", .unknownOperation), ("PUBLISHES\r\n", .unknownOperation),
        ("PINGS\r\n", .unknownOperation), ("+OK\r\n", .unknownOperation),
        ("PUB a 2\r\nhi!\r\n", .unknownOperation), ("PUB a 2\r\nhi\n\n", .unknownOperation),
        ("PUB a 2\r\nh\r\n\r\n", .unknownOperation),
        ("PUB a 65\r\n", .payload), ("HPUB a 1 65\r\n", .payload),
        ("PUB a 999999999\r\n", .payload),
        ("SUB \(String(repeating: "a", count: 43)) 1\r\n", .controlLine),
        ("SUB \(String(repeating: "a", count: 90)) 1\r\n", .controlLine),
        ("PING\(String(repeating: " ", count: 45))\r\n", .controlLine),
    ])
    func `a fault is said, however the bytes are cut, and what was before it is done`(
        text: String, fault: ClientFault
    ) {
        var limits = ClientParser.Limits()
        (limits.controlLine, limits.payload) = (48, 64)
        var expected = Reading()
        (expected.operations, expected.fault) = ([.ping], fault)
        #expect(Reading.all("PING\r\n" + text, limits) == [expected])
    }

    @Test(arguments: [
        "PUB\r\n", "PUB a\r\n", "PUB a b c 1\r\n", "PUB a x\r\n", "PUB a -1\r\n", "PUB a +1\r\n",
        "PUB a 1.5\r\n", "PUB a 1000000000\r\n", "PUB a 99999999999999999999999\r\n",
        "HPUB\r\n", "HPUB a 1\r\n", "HPUB a 3 2\r\n", "HPUB a x 2\r\n", "HPUB a 1 x\r\n",
        "HPUB a b c 1 1\r\n", "HPUB a -1 2\r\n", "SUB\r\n", "SUB a\r\n", "SUB a b c d\r\n",
        "UNSUB\r\n", "UNSUB 1 x\r\n", "UNSUB 1 -1\r\n", "UNSUB 1 2 3\r\n",
    ])
    func `a line that cannot be read ends the connection without a word`(text: String) {
        let readings = Reading.all("PONG\r\n" + text)
        #expect(readings.count == 1)
        for reading in readings {
            #expect(reading.operations == [.pong])
            guard case .silent(let reason)? = reading.fault else {
                Issue.record("\(reading)")
                continue
            }
            #expect(!reason.isEmpty && reading.fault?.reason == reason)
        }
    }

    /// Whoever speaks another protocol may wait for our answer before he ends a line.
    @Test(arguments: [
        "GET / HTTP/1.1", "X", "\u{16}\u{3}\u{1}", "{", "PUBX", "PIX", "UNSUBS", "CONNECTION",
        "\tX", "PINGPONG", "SUBS ",
    ])
    func `what is none of the operations is refused without a line's end`(text: String) {
        #expect(Reading([Array(text.utf8)[...]]).fault == .unknownOperation)
    }

    @Test(arguments: ["CONNECT", "PUB", "HPUB", "SUB", "UNSUB", "PING", "PONG"])
    func `the beginning of an operation is waited for`(name: String) {
        for length in 0...name.count {
            for text in [String(name.prefix(length)), name.prefix(length).lowercased()] {
                #expect(Reading([Array(text.utf8)[...]]) == Reading())
                #expect(Reading([Array(" \t\(text)".utf8)[...]]) == Reading())
            }
        }
        #expect(Reading([Array("\(name)\r".utf8)[...]]) == Reading())
    }

    @Test func `a line and a payload may be as long as the limits say`() {
        var limits = ClientParser.Limits()
        (limits.controlLine, limits.payload) = (48, 64)
        let subject = String(repeating: "a", count: 42)
        let payload = String(repeating: "b", count: 64)
        var expected = Reading()
        expected.operations = [Self.subscribe(subject, nil, "1"), Self.publish("a", payload)]
        let text = "SUB \(subject) 1\r\nPUB a 64\r\n\(payload)\r\n"
        #expect(Reading.all(text, limits) == [expected])
    }

    @Test func `a line without an end is given up once it is over the limit`() {
        var limits = ClientParser.Limits()
        limits.controlLine = 48
        var parser = ClientParser(limits: limits)
        var fed = 0
        var fault: ClientFault?
        while fault == nil, fed < 1000 {
            let byte = fed < 4 ? Array("SUB ".utf8)[fed] : UInt8(ascii: "a")
            withUnsafeBytes(of: byte) { parser.append($0) }
            fed += 1
            do throws(ClientFault) { #expect(try parser.next() == nil) } catch { fault = error }
        }
        #expect(fault == .controlLine)
        #expect(fed <= 50 && parser.heldBytes == fed)
    }

    @Test(arguments: [1, 7, 1000, 4096, 70_000, 300_000])
    func `a long connection is read to its end, whatever the pieces`(size: Int) {
        var numbers = Numbers(seed: 5)
        var expected = Reading()
        var text = ""
        for number in 0..<400 {
            let payload = String(repeating: "x", count: numbers.below(2000))
            text += "PUB a.\(number) \(payload.utf8.count)\r\n\(payload)\r\nPING\r\n"
            expected.operations += [Self.publish("a.\(number)", payload), .ping]
        }
        let bytes = Array(text.utf8)
        let pieces = stride(from: 0, to: bytes.count, by: size).map {
            bytes[$0..<min($0 + size, bytes.count)]
        }
        #expect(Reading(pieces) == expected)
    }
}

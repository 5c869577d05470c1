import NATS
import Testing

/// Lines that are no operations, in pieces.
@Suite struct LineTests {
    @Test(arguments: ["\r\nPING\r\n", "PING\r\n\r\n", "\n\r\n\nPING\n"])
    func `an empty line is passed over, also where it comes in pieces`(text: String) {
        var expected = Reading()
        expected.operations = [.ping]
        #expect(Reading.all(text) == [expected])
    }

    @Test func `what is none of the operations has one fault, however long and however cut`() {
        var limits = ClientParser.Limits()
        limits.controlLine = 48
        for text in [String(repeating: "x", count: 60) + "\r\n", "GET /\(limits)\r\n"] {
            #expect(Reading.all(text, limits).count == 1)
        }
    }

    @Test(arguments: ["PING-", "CONNECT-", "-"])
    func `a hyphen begins no line's end`(text: String) {
        #expect(Reading([Array(text.utf8)[...]]).fault == .unknownOperation)
    }
}

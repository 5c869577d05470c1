import EventSourcing
import Testing

@Suite struct ValueTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_827_696_123_456, "2000-02-29T12:34:56.123456Z"),
            (4_102_444_799_000_000, "2099-12-31T23:59:59.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] as [(Int64, String)])
    func `a moment is written in ISO 8601 and read back`(microseconds: Int64, text: String) {
        #expect(Timestamp(microseconds: microseconds).description == text)
        #expect(Timestamp(text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "2026-02-29T00:00:00Z", "2026-01-01", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
        "2026-01-01T00:00:00+1", "x",
    ])
    func `what is no moment is refused`(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func `a moment beyond the calendar is written as the nearest one`() {
        // What could not be written again is not read.
        #expect(Timestamp("0000-12-31T23:59:59Z") == nil)
        #expect(Timestamp("0001-01-01T00:00:00+00:01") == nil)
        #expect(Timestamp("9999-12-31T23:59:59-00:01") == nil)
        #expect(Timestamp("0001-01-01T00:00:00Z") != nil)
        #expect(Timestamp(microseconds: .min).description == "0001-01-01T00:00:00.000000Z")
        #expect(Timestamp(microseconds: .max).description == "9999-12-31T23:59:59.999999Z")
    }

    @Test func `an offset is taken into account`() {
        #expect(Timestamp("2026-01-01T01:30:00.5+01:30") == Timestamp("2026-01-01T00:00:00.500Z"))
    }

    @Test(arguments: [
        "orders/1/0", "orders/+1/2", "orders/1", "/1/2", "orders/01/2",
        "orders/1/99999999999999999999",
    ])
    func `what is no event identity is refused`(text: String) {
        #expect(EventIdentity(text) == nil)
    }

    @Test func `an event identity is written and read back`() {
        let identity = EventIdentity(log: LogName("orders"), epoch: .first, position: Position(42))
        #expect(EventIdentity(identity.description) == identity)
    }
}

import EventSourcing
import Messaging
import Testing

/// Limits take what they say, and nothing else.
@Suite struct LimitLossTests {
    @Test func `a message that was taken out does not count towards its subject's limit`() throws {
        let shop = try Shop()
        try shop.create("S", #","max_msgs_per_subject":2"#)
        try shop.store(1...2)
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":2}"#)
        try shop.store(3...3)
        #expect(try shop.contents().map(\.text) == ["1", "3"])
    }

    @Test(arguments: [false, true])
    func `a stream that refuses what is new loses nothing old`(together: Bool) throws {
        let shop = try Shop()
        try shop.create("S", #","max_bytes":970,"discard":"new""#)
        let inbox = try shop.subscribe()
        for number in 10..<60 {
            try shop.say("a.b", "message \(number)", reply: inbox)
            if !together { shop.work() }
        }
        shop.work()
        let answers = try shop.heard(inbox).map { try JSONObject(try JSON(parsing: $0.payload)) }
        let stored = try answers.filter { $0["error"] == nil }.map { Int(try $0.integer("seq")) }
        #expect(answers.count == 50 && (5..<50).contains(stored.count))
        #expect(try shop.contents().map(\.sequence) == stored)
    }

    /// The first is as a broker is set up, with smaller numbers.
    @Test(arguments: [
        SegmentBroker.Settings(segmentBytes: 4096, cachedBytes: 4096),
        SegmentBroker.Settings(segmentBytes: 4096, cachedBytes: 0),
    ])
    func `the newest message is kept, whatever the bytes that are`(
        settings: SegmentBroker.Settings
    ) throws {
        let shop = try Shop(settings: settings)
        try shop.create("S", #","max_bytes":4500"#)
        let text = String(repeating: "x", count: 900)
        for round in 0..<12 {
            // One alone, or three that are stored with one write.
            for _ in 0..<(round % 2 == 0 ? 1 : 2) { try shop.say("a.b", text) }
            let last = try shop.store("a.b", text)
            #expect(try shop.state().last == last)
            #expect(try shop.message(#"{"seq":\#(last)}"#)?.sequence == last, "\(last)")
        }
    }

    @Test func `a stream has the bytes of what it keeps, also after a purge`() throws {
        let settings = SegmentBroker.Settings(segmentBytes: 1024, cachedBytes: 1 << 20)
        let shop = try Shop(settings: settings)
        func bytes(_ name: String) throws -> Int64 {
            try shop.request("STREAM.INFO.\(name)").object("state").integer("bytes")
        }
        for name in ["S", "T"] { try shop.create(name, subjects: "\(name).*") }
        for number in 100..<200 { try shop.store("S.a", "\(number)") }
        try shop.request("STREAM.PURGE.S", #"{"seq":51}"#)
        for number in 150..<200 { try shop.store("T.a", "\(number)") }
        #expect(try shop.contents("S").map(\.text) == shop.contents("T").map(\.text))
        #expect(try bytes("S") == bytes("T"))
    }

    @Test func `so many messages are kept after a start as well`() throws {
        let shop = try Shop()
        try shop.create("S", #","max_msgs":3"#)
        try shop.store(1...7)
        let after = try shop.killed()
        #expect(try after.state() == Shop.State(3, first: 5, last: 7))
        #expect(try after.contents().map(\.text) == ["5", "6", "7"])
    }

    @Test func `a message is stored once, however many of a stream's subjects are its own`() throws
    {
        let shop = try Shop()
        // Whoever refuses such a stream stores nothing twice either.
        let config = #"{"name":"S","subjects":["a.*","a.b","*.c","a.>"]}"#
        guard (try? shop.request("STREAM.CREATE.S", config.replacing("\"*.c\",", with: ""))) != nil
        else { return }
        try shop.store("a.b", "x")
        #expect(try shop.contents().map(\.text) == ["x"])
    }
}

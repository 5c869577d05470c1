import EventSourcing
import TestKit
import Testing

/// What a stream keeps: limits, messages that are taken out, and purges.
@Suite struct KeepingTests {
    let shop: Shop
    init() throws { shop = try Shop() }

    private func texts() throws -> [String] { try shop.contents().map(\.text) }

    @Test func `so many messages are kept, the newest`() throws {
        try shop.create("S", #","max_msgs":3"#)
        try shop.store(1...7)
        #expect(try shop.state() == Shop.State(3, first: 5, last: 7))
        #expect(try texts() == ["5", "6", "7"])
    }

    @Test func `so many messages of each subject are kept`() throws {
        try shop.create("S", #","max_msgs_per_subject":2"#)
        for number in 1...4 {
            try shop.store("a.b", "b\(number)")
            try shop.store("a.c", "c\(number)")
        }
        try shop.store("a.d", "d")
        #expect(try texts() == ["b3", "c3", "b4", "c4", "d"])
        try shop.store("a.c", "c5")
        // A gap: it lies between messages that are kept.
        #expect(try texts() == ["b3", "b4", "c4", "d", "c5"])
        let state = try shop.request("STREAM.INFO.S", #"{"deleted_details":true}"#).object("state")
        #expect(try state.integer("num_deleted") == 1)
        #expect(try state.array("deleted") == [.integer(6)])
        #expect(try state.integer("num_subjects") == 3)
        let after = try shop.killed()
        #expect(try after.contents() == shop.contents())
        try after.store("a.b", "b5")
        #expect(try after.contents().map(\.text) == ["b4", "c4", "d", "c5", "b5"])
    }

    @Test func `so many bytes are kept, and the newest message at least`() throws {
        try shop.create("S", #","max_bytes":1000"#)
        let text = String(repeating: "x", count: 100)
        for _ in 0..<20 { try shop.store("a.b", text) }
        let state = try shop.state()
        #expect(state.last == 20 && (5...9).contains(state.messages))
        let info = try shop.request("STREAM.INFO.S").object("state")
        #expect(try info.integer("bytes") <= 1000)
        #expect(try shop.contents().count == state.messages)
        #expect(try shop.killed().state() == state)
    }

    @Test func `what is too old goes`() throws {
        try shop.create("S", #","max_age":10000000000"#)
        try shop.store(1...2)
        shop.runtime.advance(by: .seconds(6))
        try shop.store(3...3)
        shop.runtime.advance(by: .seconds(5))
        shop.work(after: .seconds(1))
        #expect(try texts() == ["3"])
        #expect(try shop.state() == Shop.State(1, first: 3, last: 3))
        shop.runtime.advance(by: .seconds(6))
        shop.work(after: .seconds(1))
        #expect(try shop.state() == Shop.State(0, first: 4, last: 3))
        #expect(try shop.store("a.b") == 4)
        shop.runtime.advance(by: .seconds(11))
        #expect(try shop.killed().state() == Shop.State(0, first: 5, last: 4))
    }

    @Test func `a message that is too large is refused`() throws {
        try shop.create("S", #","max_msg_size":10"#)
        #expect(try shop.store("a.b", "1234567890") == 1)
        #expect(throws: Shop.Refusal(code: 400, number: 10054)) {
            try shop.store("a.b", "12345678901")
        }
        // A header block of 18 bytes counts.
        #expect(throws: Shop.Refusal(code: 400, number: 10054)) {
            try shop.store("a.b", "", [("x", "y")])
        }
        #expect(try shop.state().last == 1)
    }

    @Test func `a full stream may refuse what is new`() throws {
        try shop.create("S", #","max_msgs":3,"discard":"new""#)
        let inbox = try shop.subscribe()
        for number in 1...5 { try shop.say("a.b", "\(number)", reply: inbox) }
        shop.work()
        let refused = try shop.heard(inbox).filter { $0.text.contains("10077") }
        #expect(refused.count == 2)
        #expect(throws: Shop.Refusal(code: 503, number: 10077)) { try shop.store("a.b") }
        #expect(try texts() == ["1", "2", "3"])
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":2}"#)
        #expect(try shop.store("a.b", "4") == 4)
        #expect(try texts() == ["1", "3", "4"])
    }

    @Test func `a message that was taken out stays out`() throws {
        try shop.create()
        try shop.store(1...6)
        for sequence in [3, 4, 1, 6] {
            #expect(
                try shop.request("STREAM.MSG.DELETE.S", #"{"seq":\#(sequence)}"#).flag("success"))
        }
        #expect(try shop.state() == Shop.State(2, first: 2, last: 6))
        #expect(try texts() == ["2", "5"])
        for sequence in [1, 3, 6, 7] {
            #expect(throws: Shop.Refusal(code: 404, number: 10043)) {
                try shop.request("STREAM.MSG.DELETE.S", #"{"seq":\#(sequence)}"#)
            }
        }
        for query in ["{}", #"{"seq":0}"#, #"{"seq":-1}"#] {
            #expect(throws: Shop.Refusal(code: 400, number: 10003)) {
                try shop.request("STREAM.MSG.DELETE.S", query)
            }
        }
        let after = try shop.killed()
        #expect(try after.state() == shop.state() && after.contents() == shop.contents())
        #expect(try after.store("a.b") == 7)
        #expect(try after.message(#"{"last_by_subj":"a.b"}"#)?.sequence == 7)
    }

    @Test func `what may not be taken out or purged stays`() throws {
        try shop.create("S", #","deny_delete":true,"deny_purge":true"#)
        try shop.store(1...2)
        #expect(throws: Shop.Refusal(code: 400, number: 10110)) {
            try shop.request("STREAM.MSG.DELETE.S", #"{"seq":1}"#)
        }
        #expect(throws: Shop.Refusal(code: 400, number: 10110)) {
            try shop.request("STREAM.PURGE.S")
        }
        #expect(try texts() == ["1", "2"])
    }

    @Test(arguments: [
        ("", 0...0), ("{}", 0...0), (#"{"seq":4}"#, 4...9), (#"{"seq":99}"#, 0...0),
        (#"{"keep":2}"#, 8...9), (#"{"keep":99}"#, 1...9), (#"{"seq":1}"#, 1...9),
    ])
    func `a purge takes out what it says`(query: String, kept: ClosedRange<Int>) throws {
        try shop.create()
        try shop.store(1...9)
        let expected = kept == 0...0 ? [] : kept.map { "\($0)" }
        let answer = try shop.request("STREAM.PURGE.S", query)
        #expect(try Int(answer.integer("purged")) == 9 - expected.count)
        #expect(try texts() == expected)
        let after = try shop.killed()
        #expect(try after.contents() == shop.contents())
        #expect(try after.store("a.b") == 10 && shop.store("a.b") == 10)
    }

    @Test(arguments: [
        (#""filter":"a.x""#, [2, 3, 5, 6]), (#""filter":"a.x","keep":1"#, [2, 3, 5, 6, 7]),
        (#""filter":"a.x","seq":4"#, [2, 3, 4, 5, 6, 7]), (#""filter":"a.>""#, []),
        (#""filter":"a.y","seq":3,"keep":9"#, Array(1...7)), (#""filter":"b""#, Array(1...7)),
    ])
    func `a purge may be of some subjects`(query: String, kept: [Int]) throws {
        try shop.create()
        for number in 1...7 { try shop.store(number % 3 == 1 ? "a.x" : "a.y", "\(number)") }
        try shop.request("STREAM.PURGE.S", "{\(query)}")
        #expect(try shop.contents().map(\.sequence) == kept)
        #expect(try shop.killed().contents() == shop.contents())
    }

    @Test func `a purge that is two in one is refused`() throws {
        try shop.create()
        try shop.store(1...3)
        #expect(throws: Shop.Refusal(code: 400, number: 10003)) {
            try shop.request("STREAM.PURGE.S", #"{"seq":2,"keep":1}"#)
        }
        #expect(try shop.state().messages == 3)
    }

    @Test func `messages are counted by their subjects`() throws {
        try shop.create()
        for number in 1...7 { try shop.store(number % 3 == 1 ? "a.x" : "a.y.\(number)") }
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":4}"#)
        let state = try shop.request("STREAM.INFO.S", #"{"subjects_filter":"a.*"}"#).object("state")
        #expect(try state.object("subjects").members == [.init("a.x", .integer(2))])
        #expect(try state.integer("num_subjects") == 5)
    }
}

import EventSourcing
import TestKit
import Testing

@Suite struct StreamTests {
    let shop: Shop
    init() throws { shop = try Shop() }

    @Test func `a stream is made, told of, listed and removed`() throws {
        let made = try shop.create()
        #expect(try made.flag("did_create"))
        let config = try made.object("config")
        #expect(try config.string("name") == "S" && config.string("retention") == "limits")
        #expect(try config.array("subjects") == [.string("a.>")])
        #expect(try shop.state() == Shop.State(0, first: 1, last: 0))
        // The same once more is no error, and makes nothing.
        #expect(try !shop.create().flag("did_create"))
        try shop.create("T", subjects: "b")
        let names = try shop.request("STREAM.NAMES").array("streams")
        #expect(names == [.string("S"), .string("T")])
        let some = try shop.request("STREAM.NAMES", #"{"subject":"a.x"}"#)
        #expect(try some.array("streams") == [.string("S")] && some.integer("total") == 1)
        #expect(try shop.request("STREAM.LIST", #"{"offset":1}"#).objects("streams").count == 1)
        #expect(try shop.request("INFO").integer("streams") == 2)
        #expect(try shop.request("STREAM.DELETE.S").flag("success"))
        #expect(throws: Shop.Refusal(code: 404, number: 10059)) { try shop.state() }
        #expect(throws: Shop.Refusal(code: 404, number: 10059)) {
            try shop.request("STREAM.DELETE.S")
        }
        // Nobody takes its subjects any more, and a new one begins anew.
        #expect(throws: Shop.Unanswered.self) { try shop.store("a.b") }
        try shop.create()
        #expect(try shop.store("a.b") == 1)
    }

    @Test(arguments: [
        (#"{"name":"S","subjects":["a.>","c"]}"#, 10058), (#"{"name":"S"}"#, 10058),
        (#"{"name":"S","subjects":["a.>"],"max_msgs":1}"#, 10058),
        (#"{"name":"T","subjects":["a.>"]}"#, 10056), ("{", 10025), ("[]", 10025),
        (#"{"name":"S","subjects":"a"}"#, 10025), (#"{"name":"S","subjects":[1]}"#, 10025),
        (#"{"name":"S","max_msgs":"1"}"#, 10025), (#"{"name":"S","discard":"all"}"#, 10025),
    ])
    func `another stream of the same name is refused`(config: String, number: Int) throws {
        try shop.create()
        let code = #expect(throws: Shop.Refusal.self) {
            try shop.request("STREAM.CREATE.S", config)
        }
        #expect(code == Shop.Refusal(code: 400, number: number))
        #expect(try shop.request("STREAM.NAMES").array("streams") == [.string("S")])
    }

    @Test(arguments: [
        (#""subjects":["a.>"]"#, 10065), (#""subjects":["a.*"]"#, 10065),
        (#""subjects":["x",">"]"#, 10052), (#""subjects":["x","x"]"#, 10052),
        (#""subjects":["x..y"]"#, 10052), (#""subjects":["$JS.API.INFO"]"#, 10052),
        (#""subjects":["$JS.*.INFO"]"#, 10052), (#""retention":"workqueue""#, 10052),
        (#""mirror":{"name":"S"}"#, 10052), (#""sources":[{"name":"S"}]"#, 10052),
        (#""num_replicas":3"#, 10074), (#""max_age":1000"#, 10052),
        (#""max_age":1000000000,"duplicate_window":2000000000"#, 10052),
        (#""storage":"tape""#, 10025),
    ])
    func `what cannot be is refused, and nothing is made`(members: String, number: Int) throws {
        try shop.create()
        let refusal = #expect(throws: Shop.Refusal.self) {
            try shop.request("STREAM.CREATE.T", #"{"name":"T",\#(members)}"#)
        }
        #expect(refusal?.number == number)
        shop.work(after: .seconds(1))
        #expect(try shop.request("STREAM.NAMES").array("streams") == [.string("S")])
        #expect(try shop.killed().request("STREAM.NAMES").integer("total") == 1)
    }

    @Test func `a publish is answered with its place, and is there to be read`() throws {
        try shop.create()
        #expect(try shop.store("a.b", "one") == 1)
        #expect(try shop.store("a.c.d", "two", [("x", "y")]) == 2)
        #expect(throws: Shop.Unanswered.self) { try shop.store("b", "elsewhere") }
        // Without a place to answer to it is stored as well.
        try shop.say("a.e", "three")
        let expected = [
            Shop.Stored(sequence: 1, subject: "a.b", text: "one"),
            Shop.Stored(sequence: 2, subject: "a.c.d", text: "two"),
            Shop.Stored(sequence: 3, subject: "a.e", text: "three"),
        ]
        #expect(try shop.contents() == expected)
        let got = try shop.request("STREAM.MSG.GET.S", #"{"seq":2}"#).object("message")
        #expect(try got.string("hdrs") == "TkFUUy8xLjANCng6IHkNCg0K")
        #expect(try shop.message(#"{"last_by_subj":"a.>"}"#) == expected[2])
        #expect(try shop.message(#"{"last_by_subj":"a.b"}"#) == expected[0])
        #expect(try shop.message(#"{"next_by_subj":"a.*","seq":2}"#) == expected[2])
        #expect(try shop.message(#"{"next_by_subj":"a.c.d"}"#) == expected[1])
        #expect(try shop.message(#"{"next_by_subj":"a.b","seq":2}"#) == nil)
        #expect(try shop.message(#"{"seq":4}"#) == nil)
        #expect(try shop.message(#"{"last_by_subj":"b"}"#) == nil)
        for query in ["{}", #"{"seq":1,"last_by_subj":"a.b"}"#, #"{"seq":-1}"#] {
            #expect(throws: Shop.Refusal(code: 400, number: 10003)) {
                try shop.request("STREAM.MSG.GET.S", query)
            }
        }
    }

    @Test func `a message is got directly where the stream allows it`() throws {
        try shop.create("S", #","allow_direct":true"#)
        try shop.create("T", subjects: "t")
        try shop.store("a.b", "one", [("x", "y")])
        try shop.store("a.c", "two")
        let one = try shop.ask("$JS.API.DIRECT.GET.S", #"{"seq":1}"#)
        #expect(one.text == "one" && one.header("x") == "y" && one.header("Nats-Stream") == "S")
        #expect(one.header("Nats-Subject") == "a.b" && one.header("Nats-Sequence") == "1")
        #expect(try shop.ask("$JS.API.DIRECT.GET.S.a.c").text == "two")
        #expect(try shop.ask("$JS.API.DIRECT.GET.S.a.x").status == 404)
        #expect(try shop.ask("$JS.API.DIRECT.GET.S", #"{"seq":9}"#).status == 404)
        #expect(try shop.ask("$JS.API.DIRECT.GET.S").status == 408)
        #expect(try shop.ask("$JS.API.DIRECT.GET.S", "{").status == 408)
        #expect(throws: Shop.Unanswered.self) { try shop.ask("$JS.API.DIRECT.GET.T.t") }
    }

    @Test func `an id is taken once within its time`() throws {
        try shop.create("S", #","duplicate_window":10000000000"#)
        func store(_ text: String, id: String) throws -> (Int, Bool) {
            let answer = try shop.ask("a.b", text, headers: [("Nats-Msg-Id", id)])
            let json = try JSONObject(try JSON(parsing: answer.payload))
            return (Int(try json.integer("seq")), try json.flag("duplicate"))
        }
        #expect(try store("one", id: "x") == (1, false))
        #expect(try store("two", id: "y") == (2, false))
        #expect(try store("other", id: "x") == (1, true))
        shop.runtime.advance(by: .seconds(6))
        #expect(try store("three", id: "z") == (3, false))
        shop.runtime.advance(by: .seconds(5))
        shop.work(after: .seconds(1))
        #expect(try store("new", id: "x") == (4, false))
        #expect(try store("other", id: "z") == (3, true))
        #expect(try shop.contents().map(\.text) == ["one", "two", "three", "new"])
    }

    @Test func `the first of two with one id that come together is stored`() throws {
        try shop.create()
        let inbox = try shop.subscribe()
        for text in ["one", "two"] {
            try shop.say("a.b", text, headers: [("Nats-Msg-Id", "x")], reply: inbox)
        }
        shop.work()
        let answers = try shop.heard(inbox).map { try JSONObject(try JSON(parsing: $0.payload)) }
        #expect(try answers.map { try $0.integer("seq") } == [1, 1])
        #expect(try answers.count { try $0.flag("duplicate") } == 1)
        #expect(try shop.contents().map(\.text) == ["one"])
    }

    struct Expectation: CustomTestStringConvertible, Sendable {
        let name, right, wrong: String
        let number: Int
        var testDescription: String { name }
    }

    @Test(arguments: [
        Expectation(name: "Stream", right: "S", wrong: "T", number: 10060),
        Expectation(name: "Last-Sequence", right: "3", wrong: "2", number: 10071),
        Expectation(name: "Last-Sequence", right: "3", wrong: "x", number: 10071),
        Expectation(name: "Last-Subject-Sequence", right: "2", wrong: "3", number: 10071),
        Expectation(name: "Last-Subject-Sequence", right: "2", wrong: "0", number: 10071),
        Expectation(name: "Last-Msg-Id", right: "m3", wrong: "m2", number: 10070),
    ])
    func `a publish may say what it expects`(expectation: Expectation) throws {
        try shop.create()
        for (number, subject) in [(1, "a.b"), (2, "a.b"), (3, "a.c")] {
            try shop.store(subject, "", [("Nats-Msg-Id", "m\(number)")])
        }
        let name = "Nats-Expected-\(expectation.name)"
        #expect(throws: Shop.Refusal(code: 400, number: expectation.number)) {
            try shop.store("a.b", "no", [(name, expectation.wrong)])
        }
        #expect(try shop.store("a.b", "yes", [(name, expectation.right)]) == 4)
        #expect(try shop.contents().map(\.text) == ["", "", "", "yes"])
    }

    @Test func `what is expected of the last message counts what has just come`() throws {
        try shop.create()
        let inbox = try shop.subscribe()
        for (subject, last) in [("a.b", 0), ("a.b", 1), ("a.b", 1), ("a.c", 0), ("a.b", 2)] {
            try shop.say(
                subject, "\(last)",
                headers: [("Nats-Expected-Last-Subject-Sequence", "\(last)")], reply: inbox)
        }
        shop.work()
        #expect(try shop.contents().map(\.text) == ["0", "1", "0", "2"])
    }

    @Test func `a stream that does not answer stores without a word`() throws {
        try shop.create("S", #","no_ack":true"#)
        #expect(throws: Shop.Unanswered.self) { try shop.store("a.b", "x") }
        #expect(try shop.contents().map(\.text) == ["x"])
    }

    @Test func `a stream's settings can be changed, but not to what is another's`() throws {
        try shop.create()
        try shop.create("T", subjects: "t")
        try shop.store(1...4)
        func update(_ members: String) throws {
            try shop.request("STREAM.UPDATE.S", #"{"name":"S",\#(members)}"#)
        }
        try update(#""subjects":["x"],"max_msgs":2"#)
        #expect(try shop.state() == Shop.State(2, first: 3, last: 4))
        #expect(throws: Shop.Unanswered.self) { try shop.store("a.b") }
        #expect(try shop.store("x") == 5)
        #expect(throws: Shop.Refusal(code: 400, number: 10065)) { try update(#""subjects":["t"]"#) }
        #expect(throws: Shop.Refusal(code: 500, number: 10052)) {
            try update(#""subjects":["x"],"storage":"memory""#)
        }
        #expect(try shop.store("x") == 6)
        let after = try shop.killed()
        #expect(try after.store("x") == 7)
        #expect(try after.contents().map(\.subject) == ["x", "x"])
    }
}

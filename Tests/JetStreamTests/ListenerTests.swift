import EventSourcing
import Messaging
import NATS
import Testing

/// What a listener can do with the shop's streams and consumers, and what it cannot.
@Suite struct ListenerTests {
    private static let login = Login.shop(secret: "secret", listeners: true)
    private static let refusal = Shop.Refusal(code: 403, number: 0)
    private static let all = #","ack_policy":"all""#
    private let shop: Shop

    init() throws {
        shop = try Shop(login: Self.login)
        try shop.create("kassa-orders", subjects: "kassa.orders.>", #","allow_direct":true"#)
        try shop.store(1...4, to: "kassa.orders.x")
        try shop.consumer("C", of: "kassa-orders", Self.all)
    }

    /// Has a listener try it, and looks whether all is as it was.
    private func refused(_ what: String, _ body: () throws -> Void) throws {
        let (contents, progress) = (
            try shop.contents("kassa-orders"), try shop.progress("C", of: "kassa-orders")
        )
        #expect(throws: Self.refusal, "\(what)") { try shop.asListener(body) }
        #expect(try shop.contents("kassa-orders") == contents, "\(what)")
        #expect(try shop.progress("C", of: "kassa-orders") == progress, "\(what)")
    }

    @Test func `a listener reads the shop's streams`() throws {
        try shop.asListener {
            #expect(try shop.contents("kassa-orders").map(\.text) == ["1", "2", "3", "4"])
            let names = try shop.request("STREAM.NAMES").array("streams")
            #expect(names == [.string("kassa-orders")])
            #expect(try shop.request("STREAM.LIST").array("streams").count == 1)
            #expect(try shop.request("INFO").integer("streams") == 1)
            let direct = try shop.ask("$JS.API.DIRECT.GET.kassa-orders", #"{"seq":2}"#)
            #expect(direct.text == "2")
            #expect(try shop.progress("C", of: "kassa-orders")["num_pending"] == 4)
        }
    }

    @Test func `a listener has consumers of its own on the shop's streams`() throws {
        try shop.asListener {
            try shop.consumer("L", of: "kassa-orders")
            let got = try shop.pull(2, from: "L", of: "kassa-orders")
            #expect(numbers(got) == [1, 2])
            #expect(try shop.answer(got[0]))
            try shop.consumer(
                "L", of: "kassa-orders", #","ack_policy":"explicit","max_ack_pending":7"#)
            #expect(try shop.progress("L", of: "kassa-orders")["floor"] == 1)
            try shop.request("CONSUMER.DELETE.kassa-orders.L")
        }
        #expect(try numbers(shop.pull(9, from: "C", of: "kassa-orders")) == [1, 2, 3, 4])
    }

    @Test func `a listener has streams of its own`() throws {
        try shop.asListener {
            try shop.create("mine", subjects: "mine.>")
            try shop.store(1...3, to: "mine.x")
            try shop.request("STREAM.MSG.DELETE.mine", #"{"seq":2}"#)
            try shop.request("STREAM.UPDATE.mine", #"{"name":"mine","subjects":["m.>"]}"#)
            #expect(try shop.contents("mine").map(\.text) == ["1", "3"])
            try shop.request("STREAM.PURGE.mine")
            try shop.request("STREAM.DELETE.mine")
        }
    }

    @Test(arguments: [
        ("STREAM.CREATE.kassa-x", #"{"name":"kassa-x","subjects":["x"]}"#),
        ("STREAM.CREATE.x", #"{"name":"x","subjects":["kassa.x"]}"#),
        ("STREAM.CREATE.x", #"{"name":"x","subjects":["*.x"]}"#),
        ("STREAM.CREATE.x", #"{"name":"x","subjects":["_KASSA.>"]}"#),
        ("STREAM.UPDATE.kassa-orders", #"{"name":"kassa-orders","subjects":["x"]}"#),
        ("STREAM.PURGE.kassa-orders", ""), ("STREAM.DELETE.kassa-orders", ""),
        ("STREAM.MSG.DELETE.kassa-orders", #"{"seq":2}"#),
    ])
    func `the shop's streams are not a listener's to change`(operation: String, payload: String)
        throws
    {
        try refused(operation) { try shop.request(operation, payload) }
    }

    @Test func `a stream is the shop's by what it takes as well`() throws {
        try shop.create("log", subjects: "kassa.log.>")
        for operation in ["PURGE", "DELETE"] {
            try refused(operation) { try shop.request("STREAM.\(operation).log") }
        }
        let other = #"{"name":"log","subjects":["log"]}"#
        try refused("UPDATE") { try shop.request("STREAM.UPDATE.log", other) }
        try refused("to the shop's") {
            try shop.create("mine", subjects: "mine")
            try shop.request("STREAM.UPDATE.mine", #"{"name":"mine","subjects":["kassa.m"]}"#)
        }
    }

    @Test func `nothing that a listener publishes gets into the shop's streams`() throws {
        #expect(throws: Received.Malformed.self) {
            try shop.asListener { try shop.store("kassa.orders.x", "no") }
        }
        try shop.create("kassa-bills", subjects: "bills")
        try refused("bills") { try shop.store("bills", "no") }
        #expect(try shop.store("bills", "yes") == 1 && shop.store("kassa.orders.x") == 5)
    }

    @Test func `the shop's consumers are not a listener's to change or to remove`() throws {
        try refused("delete") { try shop.request("CONSUMER.DELETE.kassa-orders.C") }
        try refused("change") {
            try shop.consumer(
                "C", of: "kassa-orders", #","ack_policy":"all","max_ack_pending":1"#)
        }
    }

    @Test func `the shop's consumers are not a listener's to pull from`() throws {
        try shop.asListener {
            let inbox = try shop.begin(
                #"{"batch":1,"no_wait":true}"#, from: "C", of: "kassa-orders")
            #expect(try shop.heard(inbox).map(\.status) == [409])
        }
        #expect(try shop.progress("C", of: "kassa-orders")["delivered"] == 0)
    }

    @Test(arguments: ["+ACK", "-NAK", "+TERM", "+WPI", "+NXT"])
    func `what a listener says of the shop's messages changes nothing`(word: String) throws {
        let got = try shop.pull(2, from: "C", of: "kassa-orders")
        let before = try shop.progress("C", of: "kassa-orders")
        let isTaken = try shop.asListener { try shop.answer(got[1], word) }
        #expect(!isTaken)
        #expect(try shop.progress("C", of: "kassa-orders") == before)
        try shop.answer(got[1])
        #expect(try shop.progress("C", of: "kassa-orders")["floor"] == 2)
    }

    @Test func `a listener does not say for the shop how far it has read`() throws {
        let inbox = try shop.subscribe("_KASSA.p")
        try shop.consumer(
            "P", of: "kassa-orders",
            #","deliver_subject":"_KASSA.p","flow_control":true,"idle_heartbeat":1000000000"#)
        let text = String(repeating: "x", count: 400_000)
        for _ in 0..<6 { try shop.store("kassa.orders.x", text) }
        shop.work()
        let asked = try #require(try shop.heard(inbox).first { $0.status == 100 }?.reply)
        let stalled = try shop.progress("P", of: "kassa-orders")["delivered"] ?? 0
        #expect(stalled < 10)
        try shop.asListener {
            try shop.say(asked)
            shop.work()
        }
        #expect(try shop.progress("P", of: "kassa-orders")["delivered"] == stalled)
        try shop.say(asked)
        shop.work()
        #expect(try shop.progress("P", of: "kassa-orders")["delivered"] ?? 0 > stalled)
    }

    /// An answer without content, sent to where the shop acknowledges, would be one.
    @Test func `no answer to a listener acknowledges in the shop's name`() throws {
        let got = try shop.pull(2, from: "C", of: "kassa-orders")
        try shop.asListener {
            try shop.consumer("L", of: "kassa-orders")
            let mine = try shop.pull(1, from: "L", of: "kassa-orders")
            try shop.say(mine[0].reply ?? "", "+ACK", reply: got[1].reply)
            shop.work()
            #expect(try shop.progress("L", of: "kassa-orders")["floor"] == 1)
        }
        #expect(try shop.progress("C", of: "kassa-orders")["floor"] == 0)
    }

    @Test(arguments: ["kassa.orders.x", "_KASSA.x"])
    func `no consumer of a listener delivers where the shop's messages are`(subject: String) throws
    {
        try refused(subject) {
            try shop.create("mine", subjects: "mine")
            try shop.consumer("L", of: "mine", #","deliver_subject":"\#(subject)""#)
        }
        try shop.create("mine", subjects: "mine")
        try shop.consumer("P", of: "mine", #","deliver_subject":"\#(subject)""#)
    }

    /// What asks a client how far it has read is a request, and goes where messages are pushed to.
    @Test func `no consumer of a listener has the server ask in the shop's name`() throws {
        try shop.asListener {
            try shop.create("mine", subjects: "mine")
            let target = "$JS.API.STREAM.DELETE.kassa-orders"
            _ = try shop.subscribe(target)
            try shop.consumer(
                "L", of: "mine",
                #","deliver_subject":"\#(target)","flow_control":true,"idle_heartbeat":1000000000"#)
            let text = String(repeating: "x", count: 100_000)
            for _ in 0..<4 { try shop.store("mine", text) }
            shop.work(after: .seconds(2))
            #expect(try shop.progress("L", of: "mine")["delivered"] == 4)
        }
        #expect(try shop.state("kassa-orders").messages == 4)
    }

    @Test func `whose a consumer is survives a restart`() throws {
        try shop.asListener { try shop.consumer("L", of: "kassa-orders") }
        let after = try shop.killed()
        try after.asListener {
            try after.request("CONSUMER.DELETE.kassa-orders.L")
            #expect(throws: Self.refusal) { try after.request("CONSUMER.DELETE.kassa-orders.C") }
        }
    }

    @Test func `a consumer from before is not the shop's until the shop makes it`() throws {
        let before = try Shop()
        try before.create("kassa-orders", subjects: "kassa.orders.>")
        try before.consumer("C", of: "kassa-orders", Self.all)
        try before.consumer("D", of: "kassa-orders", Self.all)
        let after = try Shop(try before.folder.copy(), login: Self.login)
        try after.consumer("C", of: "kassa-orders", Self.all)
        try after.asListener {
            try after.request("CONSUMER.DELETE.kassa-orders.D")
            #expect(throws: Self.refusal) { try after.request("CONSUMER.DELETE.kassa-orders.C") }
        }
    }

    @Test func `a name that a listener has taken is the shop's, with a consumer made anew`() throws
    {
        try shop.asListener {
            try shop.consumer("N", of: "kassa-orders", Self.all)
            try shop.answer(try shop.pull(3, from: "N", of: "kassa-orders")[2])
        }
        let info = try shop.request("CONSUMER.INFO.kassa-orders.N")
        #expect(try info.flag("kassa_listeners"))
        #expect(try !shop.request("CONSUMER.INFO.kassa-orders.C").flag("kassa_listeners"))
        let made = try shop.consumer("N", of: "kassa-orders", Self.all)
        #expect(try !made.flag("kassa_listeners"))
        #expect(try numbers(shop.pull(9, from: "N", of: "kassa-orders")) == [1, 2, 3, 4])
        try shop.consumer("N", of: "kassa-orders", Self.all)
        #expect(try shop.progress("N", of: "kassa-orders")["delivered"] == 4)
        #expect(throws: Self.refusal) {
            try shop.asListener { try shop.request("CONSUMER.DELETE.kassa-orders.N") }
        }
    }

    @Test func `listeners leave streams and consumers to the shop`() throws {
        try shop.asListener {
            for number in 0..<256 {
                _ = try? shop.create("s\(number)", subjects: "s\(number)")
                _ = try? shop.consumer("L\(number)", of: "kassa-orders")
            }
        }
        #expect(try shop.request("STREAM.NAMES").integer("total") == 128)
        #expect(try shop.request("CONSUMER.NAMES.kassa-orders").integer("total") == 128)
        try shop.create("kassa-payments", subjects: "kassa.payments.>")
        try shop.consumer("D", of: "kassa-orders")
    }
}

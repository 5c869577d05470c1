import EventSourcing
import Messaging
import NATS
import TestKit
import Testing

/// What a consumer hands out is settled by whoever got it, and by nothing else.
@Suite struct ConsumerLossTests {
    @Test func `a message that is taken out settles no other`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.consumer("A", of: "S", #","ack_policy":"all","ack_wait":10000000000"#)
        try shop.store(1...5)
        #expect(try shop.pull(5, from: "A").count == 5)
        try shop.request("STREAM.MSG.DELETE.S", #"{"seq":4}"#)
        #expect(try shop.progress("A")["num_ack_pending"] == 4)
        shop.work(after: .seconds(11))
        #expect(try numbers(shop.pull(9, from: "A")) == [1, 2, 3, 5])
    }

    @Test func `a consumer that begins beyond the end does so after a kill as well`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.store(1...3)
        try shop.consumer(
            "C", of: "S",
            #","ack_policy":"explicit","deliver_policy":"by_start_sequence","opt_start_seq":8"#)
        let after = try shop.killed()
        for shop in [shop, after] { try shop.store(4...10) }
        #expect(try numbers(after.pull(9)) == numbers(shop.pull(9)))
    }

    @Test func `a request that does not wait is answered where nothing may be handed out`() throws {
        let shop = try Shop()
        try shop.create()
        try shop.consumer("C", of: "S", #","ack_policy":"explicit","max_ack_pending":1"#)
        try shop.store(1...3)
        #expect(try numbers(shop.pull(1)) == [1])
        let inbox = try shop.begin(#"{"batch":1,"no_wait":true}"#)
        #expect(try shop.heard(inbox).count == 1)
    }

    /// Beyond what a connection may have waiting it is closed.
    @Test(arguments: [false, true])
    func `a client gets no more at once than it takes`(isPushed: Bool) throws {
        var limits = ServerLimits()
        limits.comfortable = 10_000
        let shop = try Shop(limits: limits)
        try shop.create()
        let text = String(repeating: "x", count: 1000)
        for _ in 0..<60 { try shop.store("a.b", text) }
        let inbox: String
        if isPushed {
            try shop.consumer("C", of: "S", #","deliver_subject":"to.me""#)
            inbox = try shop.subscribe("to.me")
            shop.work()
        } else {
            try shop.consumer("C", of: "S", "")
            inbox = try shop.begin(#"{"batch":60}"#)
        }
        var got: [Int] = []
        for _ in 0..<60 where got.count < 60 {
            let some = try numbers(shop.heard(inbox))
            #expect(some.count <= 11)
            got += some
            shop.work()
        }
        #expect(got == Array(1...60))
    }

    @Test func `a consumer stores nothing in the stream that it reads`() throws {
        let shop = try Shop()
        try shop.create()
        let inbox = try shop.subscribe("a.to")
        let config = #","deliver_subject":"a.to","idle_heartbeat":1000000000"#
        // Whoever refuses such a consumer stores nothing either.
        guard (try? shop.consumer("C", of: "S", config)) != nil else { return }
        try shop.store(1...1)
        for _ in 0..<5 { shop.work(after: .seconds(2)) }
        #expect(try shop.state().last == 1)
        #expect(try !shop.heard(inbox).isEmpty)
    }

    @Test func `streams go with the server that offered them`() throws {
        let folder = try Folder()
        weak var offered: JetStream?
        do {
            let broker = try SegmentBroker(folder: folder.path, runtime: SteppedRuntime())
            let hub = Hub(info: ServerInfo(id: "T", name: "test", hasJetStream: true))
            let streams = JetStream(broker, hub, wakeUp: {}, notices: { _ in })
            offered = streams
            hub.attach([streams])
        }
        #expect(offered == nil)
        // The folder is free for the next one.
        _ = try SegmentBroker(folder: folder.path, runtime: SteppedRuntime())
    }
}

import EventSourcing
import Testing

/// Requests that are pulled with, and consumers that push.
@Suite struct RequestTests {
    let shop: Shop
    init() throws {
        shop = try Shop()
        try shop.create()
    }

    @Test func `a request waits for what comes`() throws {
        try shop.consumer()
        let (one, two) = (try shop.begin(#"{"batch":2}"#), try shop.begin("3"))
        #expect(try shop.progress()["num_waiting"] == 2)
        #expect(try shop.heard(one).isEmpty && shop.heard(two).isEmpty)
        try shop.store(1...4)
        // In turns, until one has all that it asked for.
        #expect(try numbers(shop.heard(one)) == [1, 3])
        #expect(try numbers(shop.heard(two)) == [2, 4])
        #expect(try shop.progress()["num_waiting"] == 1)
        try shop.store(5...6)
        #expect(try numbers(shop.heard(two)) == [5] && shop.heard(one).isEmpty)
    }

    @Test func `a request ends with its time, and says what was left of it`() throws {
        try shop.consumer()
        let inbox = try shop.begin(#"{"batch":3,"expires":5000000000,"max_bytes":1000}"#)
        try shop.store(1...1)
        #expect(try numbers(shop.heard(inbox)) == [1])
        shop.work(after: .seconds(4))
        #expect(try shop.heard(inbox).isEmpty)
        shop.work(after: .seconds(2))
        let end = try shop.heard(inbox)
        #expect(end.map(\.status) == [408])
        #expect(end.first?.header("Nats-Pending-Messages") == "2")
        #expect(end.first?.header("Nats-Pending-Bytes") == "996")
        try shop.store(2...2)
        #expect(try shop.heard(inbox).isEmpty)
    }

    @Test func `a request that does not wait ends where there is no more`() throws {
        try shop.consumer()
        let empty = try shop.begin(#"{"batch":3,"no_wait":true}"#)
        #expect(try shop.heard(empty).map(\.status) == [404])
        try shop.store(1...2)
        let some = try shop.begin(#"{"batch":3,"no_wait":true}"#)
        #expect(try shop.heard(some).map(\.status) == [nil, nil, 408])
        // One with a time waits for the first, and takes what there is with it.
        let late = try shop.begin(#"{"batch":3,"no_wait":true,"expires":5000000000}"#)
        #expect(try shop.heard(late).isEmpty)
        try shop.store(3...3)
        #expect(try shop.heard(late).map(\.status) == [nil, 408])
    }

    @Test func `a request takes so many bytes`() throws {
        try shop.consumer()
        try shop.store("a.b", String(repeating: "x", count: 100))
        try shop.store("a.b", String(repeating: "x", count: 100))
        let inbox = try shop.begin(#"{"batch":5,"max_bytes":150}"#)
        let got = try shop.heard(inbox)
        #expect(got.map(\.status) == [nil, 409])
        #expect(got.last?.header("Nats-Pending-Messages") == "4")
        #expect(try numbers(shop.pull(5)) == [2])
    }

    @Test func `a request that waits is told that all is well`() throws {
        try shop.consumer()
        let inbox = try shop.begin(
            #"{"batch":2,"expires":60000000000,"idle_heartbeat":5000000000}"#)
        shop.work(after: .seconds(4))
        #expect(try shop.heard(inbox).isEmpty)
        shop.work(after: .seconds(2))
        #expect(try shop.heard(inbox).map(\.status) == [100])
        shop.work(after: .seconds(6))
        #expect(try shop.heard(inbox).map(\.status) == [100])
    }

    @Test(arguments: [
        ("{", 400), ("x", 400), (#"{"batch":"1"}"#, 400), (#"{"idle_heartbeat":1000000000}"#, 400),
        (#"{"idle_heartbeat":3000000000,"expires":5000000000}"#, 400), (#"{"batch":4}"#, 409),
        (#"{"expires":11000000000}"#, 409), (#"{"max_bytes":2000}"#, 409), ("4", 409),
    ])
    func `a request beyond what is allowed is refused`(query: String, status: Int) throws {
        try shop.consumer(
            "C", of: "S",
            #","max_batch":3,"max_expires":10000000000,"max_bytes":1000,"ack_policy":"explicit""#)
        #expect(try shop.heard(shop.begin(query)).map(\.status) == [status])
        #expect(try shop.progress()["num_waiting"] == 0)
        try shop.store(1...1)
        let allowed = #"{"batch":3,"expires":10000000000,"max_bytes":1000}"#
        #expect(try numbers(shop.heard(shop.begin(allowed))) == [1])
    }

    @Test func `so many requests may wait`() throws {
        try shop.consumer("C", of: "S", #","max_waiting":2,"ack_policy":"explicit""#)
        for _ in 0..<2 { #expect(try shop.heard(shop.begin("1")).isEmpty) }
        #expect(try shop.heard(shop.begin("1")).map(\.status) == [409])
    }

    @Test func `whoever has left is passed over`() throws {
        try shop.consumer()
        let gone = try shop.begin("5")
        let here = try shop.begin("5")
        try shop.unsubscribe(gone)
        try shop.store(1...2)
        #expect(try numbers(shop.heard(here)) == [1, 2])
        #expect(try shop.progress()["num_waiting"] == 1)
    }

    @Test func `those who wait are told that the consumer is gone`() throws {
        try shop.consumer()
        try shop.consumer("D", of: "S")
        let (one, two) = (try shop.begin("5"), try shop.begin("5", from: "D"))
        try shop.request("CONSUMER.DELETE.S.C")
        #expect(try shop.heard(one).map(\.status) == [409] && shop.heard(two).isEmpty)
        try shop.request("STREAM.DELETE.S")
        #expect(try shop.heard(two).map(\.status) == [409])
    }

    @Test func `headers alone are handed out where that is wanted`() throws {
        try shop.consumer("C", of: "S", #","headers_only":true,"ack_policy":"explicit""#)
        try shop.store("a.b", "12345", [("x", "y")])
        let got = try shop.pull(1)
        #expect(got.map(\.text) == [""] && got[0].header("Nats-Msg-Size") == "5")
        #expect(got[0].header("x") == "y")
    }

    @Test func `a consumer pushes to whoever listens, and again what is not settled`() throws {
        try shop.consumer(
            "P", of: "S",
            #","deliver_subject":"to.me","ack_policy":"explicit","ack_wait":10000000000"#)
        try shop.store(1...2)
        shop.work()
        let inbox = try shop.subscribe("to.*")
        shop.work()
        let got = try shop.heard(inbox)
        #expect(numbers(got) == [1, 2] && got.map(\.subject) == ["a.b", "a.b"])
        try shop.answer(got[0])
        try shop.store(3...3)
        #expect(try numbers(shop.heard(inbox)) == [3])
        shop.work(after: .seconds(11))
        #expect(try Set(numbers(shop.heard(inbox))) == [2, 3])
        try shop.unsubscribe(inbox)
        try shop.store(4...4)
        shop.work(after: .seconds(11))
        #expect(try shop.progress("P")["delivered"] == 3)
        let late = try shop.subscribe("to.me")
        shop.work()
        #expect(try Set(numbers(shop.heard(late))) == [2, 3, 4])
        #expect(try shop.heard(shop.begin("1", from: "P")).map(\.status) == [409])
    }

    @Test func `a consumer that pushes says in between that it is there`() throws {
        try shop.consumer(
            "P", of: "S", #","deliver_subject":"to.me","idle_heartbeat":5000000000"#)
        let inbox = try shop.subscribe("to.me")
        try shop.store(1...2)
        #expect(try numbers(shop.heard(inbox)) == [1, 2])
        shop.work(after: .seconds(4))
        #expect(try shop.heard(inbox).isEmpty)
        shop.work(after: .seconds(2))
        let beat = try shop.heard(inbox)
        #expect(beat.map(\.status) == [100] && beat[0].header("Nats-Last-Stream") == "2")
        #expect(beat[0].header("Nats-Last-Consumer") == "2")
    }

    @Test func `a consumer that pushes waits for a client that is behind`() throws {
        try shop.consumer(
            "P", of: "S",
            #","deliver_subject":"to.me","idle_heartbeat":5000000000,"flow_control":true"#)
        let inbox = try shop.subscribe("to.me")
        let text = String(repeating: "x", count: 100_000)
        for _ in 0..<20 { try shop.store("a.b", text) }
        var got = try shop.heard(inbox)
        let asked = got.filter { $0.status == 100 && $0.reply != nil }
        #expect(asked.count == 1)
        let before = numbers(got)
        #expect(before == Array(1...before.count) && (10..<20).contains(before.count))
        shop.work(after: .seconds(6))
        got = try shop.heard(inbox)
        #expect(got.map(\.status) == [100])
        #expect(got[0].header("Nats-Consumer-Stalled") == asked[0].reply)
        try shop.say(asked[0].reply ?? "")
        shop.work()
        #expect(try numbers(shop.heard(inbox)).first == before.count + 1)
    }

    @Test func `a consumer without a durable name goes with those who want it`() throws {
        let made = try shop.request("CONSUMER.CREATE.S", #"{"stream_name":"S","config":{}}"#)
        let name = try made.string("name")
        shop.work(after: .seconds(4))
        #expect(try shop.progress(name)["delivered"] == 0)
        let inbox = try shop.begin("1", from: name)
        shop.work(after: .seconds(20))
        #expect(try shop.progress(name)["num_waiting"] == 1)
        try shop.unsubscribe(inbox)
        shop.work(after: .seconds(1))
        shop.work(after: .seconds(6))
        #expect(throws: Shop.Refusal(code: 404, number: 10014)) { try shop.progress(name) }
        let other = try shop.request("CONSUMER.CREATE.S.N", #"{"config":{"name":"N"}}"#)
        #expect(try other.string("name") == "N")
        let after = try shop.killed()
        #expect(throws: Shop.Refusal(code: 404, number: 10014)) { try after.progress("N") }
    }
}

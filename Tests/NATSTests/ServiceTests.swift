import NATS
import Net
import Testing

@Suite struct ServiceTests {
    /// Notes what it is given.
    private final class Ear: HubService {
        let subjects: [String]
        var heard: [String] = []
        var begun = 0
        init(_ subjects: [String]) { self.subjects = subjects }
        func begin() { begun += 1 }
        func take(_ message: ClientOperation.Publish, from connection: UInt64) {
            heard.append("\(message.subject) from \(connection)")
        }
        func work(at now: Moment) -> Moment? { nil }
    }

    @Test func `services take what is published to their subjects, beside all who listen`() throws {
        let hub = makeHub()
        let (one, other) = (Ear(["$A.>"]), Ear(["$B.*", "$B.x.y"]))
        hub.attach([one, other])
        #expect(one.begun == 1 && other.begun == 1)
        let alice = try Client(
            hub, 7, options: #"{"verbose":false,"headers":true,"no_responders":true}"#)
        try alice.send("SUB > 1\r\n")
        _ = alice.heard()
        try alice.publish("$A.b.c")
        try alice.publish("$B.c")
        try alice.publish("$B.x.y")
        #expect(one.heard == ["$A.b.c from 7"])
        #expect(other.heard == ["$B.c from 7", "$B.x.y from 7"])
        #expect(count("MSG", in: alice.heard()) == 3)
    }

    @Test func `a service can listen to more, and no more`() throws {
        let hub = makeHub()
        let ear = Ear([])
        hub.attach([ear])
        hub.listen("a.*", ear)
        hub.listen("b", ear)
        let alice = try Client(
            hub, 1, options: #"{"verbose":false,"headers":true,"no_responders":true}"#)
        try alice.send("SUB in 1\r\n")
        try alice.publish("a.b", reply: "in")
        #expect(alice.heard() == "" && ear.heard == ["a.b from 1"])
        hub.unlisten("a.*", ear)
        hub.unlisten("a.*", ear)
        try alice.publish("a.b", reply: "in")
        #expect(count("HMSG in 1 ", in: alice.heard()) == 1 && ear.heard.count == 1)
        try alice.publish("b")
        #expect(ear.heard.last == "b from 1")
    }

    @Test func `what a stream delivers keeps its subject and comes by the inbox`() throws {
        let hub = makeHub()
        let alice = try Client(hub, 1)
        try alice.send("SUB inbox.* 9\r\nUNSUB 9 1\r\n")
        let message = ClientOperation.Publish(
            subject: "orders.1", reply: "ack", headers: [], payload: [0x78])
        #expect(hub.send(message, toListenersOf: "inbox.1"))
        #expect(alice.heard() == "MSG orders.1 9 ack 1\r\nx\r\n")
        #expect(!hub.send(message, toListenersOf: "inbox.1"))
    }
}

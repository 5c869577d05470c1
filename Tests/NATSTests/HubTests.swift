import EventSourcing
import NATS
import Testing

@Suite struct HubTests {
    let hub = makeHub()

    @Test func `whoever connects is told who is here`() throws {
        let session = hub.open(42)
        let text = String(decoding: session.output, as: UTF8.self)
        #expect(text.hasPrefix("INFO {") && text.hasSuffix("}\r\n"))
        let info = try JSONObject(try JSON(parsing: Array(text.dropFirst(5).dropLast().utf8)))
        #expect(try info.string("server_id") == "ID" && info.string("server_name") == "here")
        #expect(try info.flag("headers") && info.integer("client_id") == 42)
        #expect(info["jetstream"] == nil)
    }

    @Test func `a message goes to all whose pattern stands for its subject`() throws {
        let (alice, bob) = (try Client(hub, 1), try Client(hub, 2))
        try alice.send("SUB a.* 1\r\nSUB a.> 2\r\nSUB a.b 3\r\nSUB b 4\r\n")
        try bob.send("SUB > x\r\nSUB a.b.* y\r\n")
        try bob.publish("a.b", "hi", reply: "back")
        let heard = alice.heard()
        #expect(heard.utf8.count == 3 * "MSG a.b 1 back 2\r\nhi\r\n".utf8.count)
        for sid in 1...3 { #expect(heard.contains("MSG a.b \(sid) back 2\r\nhi\r\n")) }
        #expect(bob.heard() == "MSG a.b x back 2\r\nhi\r\n")
        try bob.publish("a.b.c")
        #expect(alice.heard() == "MSG a.b.c 2 0\r\n\r\n")
    }

    @Test func `of those in a queue one gets a message, each in its turn`() throws {
        let clients = try (1...3).map { try Client(hub, $0) }
        for client in clients { try client.send("SUB a.* team 1\r\n") }
        try clients[0].send("SUB a.b 2\r\n")
        for _ in 0..<30 { try clients[0].publish("a.b") }
        let heard = clients.map { $0.heard() }
        #expect(heard.map { count("MSG a.b 1 ", in: $0) } == [10, 10, 10])
        #expect(count("MSG a.b 2 ", in: heard[0]) == 30)
        try clients[1].send("UNSUB 1\r\n")
        hub.close(3)
        try clients[2].publish("a.c")
        #expect(clients.map { $0.heard() } == ["MSG a.c 1 0\r\n\r\n", "", ""])
    }

    @Test func `an answer to oneself is left out where echoes are not wanted`() throws {
        let alice = try Client(hub, 1, options: #"{"verbose":false,"echo":false}"#)
        let bob = try Client(hub, 2)
        for client in [alice, bob] { try client.send("SUB a 1\r\nSUB q team 2\r\n") }
        try alice.publish("a")
        for _ in 0..<4 { try alice.publish("q") }
        #expect(alice.heard() == "")
        #expect(count("MSG a 1 ", in: bob.session.heardText) == 1)
        #expect(count("MSG q 2 ", in: bob.heard()) == 4)
        try bob.publish("a")
        #expect(alice.heard() == "MSG a 1 0\r\n\r\n" && bob.heard() == "MSG a 1 0\r\n\r\n")
    }

    @Test func `a subscription's end is counted from its beginning`() throws {
        let alice = try Client(hub, 1)
        try alice.send("SUB a 1\r\nSUB a 2\r\n")
        try alice.publish("a")
        try alice.publish("a")
        try alice.send("UNSUB 1 3\r\n")
        _ = alice.heard()
        for _ in 0..<3 { try alice.publish("a") }
        var heard = alice.heard()
        #expect(count("MSG a 1 ", in: heard) == 1 && count("MSG a 2 ", in: heard) == 3)
        // As many have come already: it ends at once.
        try alice.send("UNSUB 2 5\r\n")
        try alice.publish("a")
        #expect(alice.heard() == "")
        // The name is free again, and counted anew.
        try alice.send("SUB b 1\r\nUNSUB 1 1\r\n")
        try alice.publish("b")
        try alice.publish("b")
        heard = alice.heard()
        #expect(heard == "MSG b 1 0\r\n\r\n")
    }

    @Test func `a request that reaches nobody is told so, where that was asked for`() throws {
        let asks = try Client(
            hub, 1, options: #"{"verbose":false,"headers":true,"no_responders":true}"#)
        let other = try Client(hub, 2, options: #"{"verbose":false,"headers":true}"#)
        for client in [asks, other] { try client.send("SUB in.* 1\r\n") }
        try asks.publish("a", "x", reply: "in.1")
        #expect(asks.heard() == "HMSG in.1 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n")
        #expect(other.heard() == "")
        try other.publish("a", "x", reply: "in.1")
        #expect(asks.heard() == "" && other.heard() == "")
        // Without a place to answer to there is nothing to say.
        try asks.publish("a", "x")
        #expect(asks.heard() == "")
        try other.send("SUB a 2\r\n")
        try asks.publish("a", "x", reply: "in.1")
        #expect(asks.heard() == "" && other.heard() == "MSG a 2 in.1 1\r\nx\r\n")
        hub.close(2)
        try asks.publish("a", "x", reply: "in.1")
        #expect(count("HMSG in.1 1 ", in: asks.heard()) == 1)
    }

    @Test func `a client that asked for it is told of each operation`() throws {
        let alice = try Client(hub, 1, options: nil)
        // Until it says otherwise that is so.
        try alice.send("SUB a 1\r\n")
        #expect(alice.heard() == "+OK\r\n")
        try alice.send("CONNECT {\"verbose\":true}\r\n")
        #expect(alice.heard() == "+OK\r\n")
        try alice.publish("b")
        try alice.send("UNSUB 1\r\nUNSUB 99\r\n")
        #expect(alice.heard() == "+OK\r\n+OK\r\n+OK\r\n")
        try alice.send("PING\r\nPONG\r\n")
        #expect(alice.heard() == "PONG\r\n")
        try alice.send("SUB a..b 1\r\n")
        try alice.publish("a..b")
        #expect(alice.heard() == "-ERR 'Invalid Subject'\r\n-ERR 'Invalid Publish Subject'\r\n")
    }

    @Test func `an invalid subject is refused, and the connection goes on`() throws {
        let alice = try Client(hub, 1)
        try alice.send("SUB a.>.b 1\r\nSUB .a 2\r\nSUB > 3\r\n")
        #expect(alice.heard() == "-ERR 'Invalid Subject'\r\n-ERR 'Invalid Subject'\r\n")
        try alice.publish("a.")
        #expect(alice.heard() == "-ERR 'Invalid Publish Subject'\r\n")
        // Wildcards are signs like others in what is published to.
        try alice.publish("a.*")
        #expect(alice.heard() == "MSG a.* 3 0\r\n\r\n")
    }

    @Test func `a name in use keeps its first subscription`() throws {
        let alice = try Client(hub, 1)
        try alice.send("SUB a 1\r\nSUB b 1\r\n")
        try alice.publish("a")
        try alice.publish("b")
        #expect(alice.heard() == "MSG a 1 0\r\n\r\n")
        try alice.send("UNSUB 1\r\n")
        try alice.publish("a")
        try alice.publish("b")
        #expect(alice.heard() == "")
    }

    @Test func `headers are left out for a client that knows of none`() throws {
        let plain = try Client(hub, 1)
        let modern = try Client(hub, 2, options: #"{"verbose":false,"headers":true}"#)
        for client in [plain, modern] { try client.send("SUB a 1\r\n") }
        let block = "NATS/1.0\r\nx: y\r\n\r\n"
        try modern.send("HPUB a to 18 20\r\n\(block)hi\r\n")
        #expect(modern.heard() == "HMSG a 1 to 18 20\r\n\(block)hi\r\n")
        #expect(plain.heard() == "MSG a 1 to 2\r\nhi\r\n")
        #expect(throws: ClientFault.said("message headers not supported")) {
            try plain.send("HPUB a 18 20\r\n\(block)hi\r\n")
        }
        #expect(modern.heard() == "")
        try plain.send("HPUB a 0 2\r\nhi\r\n")
        #expect(modern.heard() == "MSG a 1 2\r\nhi\r\n")
    }

    @Test func `a client without headers cannot ask to be told of nobody`() throws {
        #expect(throws: ClientFault.said("no responders requires headers support")) {
            _ = try Client(hub, 1, options: #"{"no_responders":true}"#)
        }
    }

    @Test(arguments: ["", "{", "[]", #"{"verbose":1}"#, #"{"name":7}"#])
    func `what is no greeting ends the connection without a word`(text: String) throws {
        let fault = #expect(throws: ClientFault.self) {
            _ = try Client(hub, 1, options: text)
        }
        let isSilent = if case .silent? = fault { true } else { false }
        #expect(isSilent)
    }

    @Test func `whoever has gone gets nothing, and leaves nothing`() throws {
        let (alice, bob) = (try Client(hub, 1), try Client(hub, 2))
        try alice.send("SUB a 1\r\nSUB a 2\r\n")
        #expect(hub.hasInterest(in: "a") && hub.hasRoom("a"))
        hub.close(1)
        hub.close(1)
        try bob.publish("a")
        #expect(alice.heard() == "" && !hub.hasInterest(in: "a") && !hub.hasRoom("a"))
    }

    @Test func `a connection may have so many subscriptions, and no more`() throws {
        var limits = ServerLimits()
        limits.subscriptions = 3
        let alice = try Client(makeHub(limits: limits), 1)
        try alice.send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 3\r\nUNSUB 2\r\nSUB e 4\r\n")
        #expect(throws: ClientFault.said("maximum subscriptions exceeded")) {
            try alice.send("SUB f 5\r\n")
        }
    }

    @Test func `there is no room where too much waits`() throws {
        var limits = ServerLimits()
        limits.comfortable = 100
        let hub = makeHub(limits: limits)
        let (alice, bob) = (try Client(hub, 1), try Client(hub, 2))
        try alice.send("SUB a 1\r\n")
        try bob.publish("a", String(repeating: "x", count: 100))
        #expect(!hub.hasRoom("a") && hub.hasInterest(in: "a"))
        _ = alice.heard()
        #expect(hub.hasRoom("a"))
    }
}

extension Session {
    /// What waits to be sent, left as it is.
    var heardText: String { String(decoding: output, as: UTF8.self) }
}

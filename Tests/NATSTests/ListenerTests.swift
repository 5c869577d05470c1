import NATS
import Testing

/// A shop's own clients, and others who listen.
@Suite struct ListenerTests {
    private let hub = makeHub(login: .shop(secret: "secret", listeners: true))
    private let shop: Client
    private let listener: Client
    private static let refusal = ClientFault.said("Authorization Violation")

    init() throws {
        shop = try Client(
            hub, 1, options: #"{"verbose":false,"headers":true,"auth_token":"secret"}"#)
        listener = try Client(
            hub, 2, options: #"{"verbose":false,"headers":true,"no_responders":true}"#)
    }

    @Test(arguments: [true, false])
    func `a wrong token is refused, and none where nobody may listen`(listeners: Bool) throws {
        let hub = makeHub(login: .shop(secret: "secret", listeners: listeners))
        _ = try Client(hub, 1, options: #"{"auth_token":"secret"}"#)
        for token in ["", "secre", "secrets", "Secret", "xxxxxx"] {
            #expect(throws: Self.refusal) {
                _ = try Client(hub, 2, options: #"{"auth_token":"\#(token)"}"#)
            }
        }
        if listeners {
            _ = try Client(hub, 3, options: "{}")
        } else {
            #expect(throws: Self.refusal) { _ = try Client(hub, 3, options: "{}") }
        }
    }

    @Test func `nothing is done for whoever has not said who it is`() throws {
        let stranger = try Client(hub, 3, options: nil)
        #expect(throws: Self.refusal) { try stranger.publish("a") }
        #expect(throws: Self.refusal) { try stranger.send("SUB a 1\r\n") }
    }

    @Test func `what the shop publishes a listener hears, and cannot say`() throws {
        for client in [shop, listener] { try client.send("SUB kassa.> 1\r\n") }
        try shop.publish("kassa.orders.x", "hi")
        #expect(listener.heard() == "MSG kassa.orders.x 1 2\r\nhi\r\n")
        _ = shop.heard()
        try listener.publish("kassa.orders.x", "no")
        #expect(
            listener.heard()
                == "-ERR 'Permissions Violation for Publish to \"kassa.orders.x\"'\r\n")
        #expect(shop.heard() == "")
        try listener.publish("orders.x", "mine")
        #expect(listener.heard() == "")
    }

    @Test func `a request and its answer go between listeners`() throws {
        let other = try Client(hub, 3)
        try other.send("SUB service 1\r\n")
        try listener.send("SUB _INBOX.a.* 1\r\n")
        try listener.publish("service", "q", reply: "_INBOX.a.1")
        #expect(other.heard() == "MSG service 1 _INBOX.a.1 1\r\nq\r\n")
        try other.publish("_INBOX.a.1", "r")
        #expect(listener.heard() == "MSG _INBOX.a.1 1 1\r\nr\r\n")
    }

    @Test(arguments: ["kassa.orders.x", "_KASSA.a.1"])
    func `nobody is made to answer where a listener cannot publish`(reply: String) throws {
        try shop.send("SUB service 1\r\nSUB \(reply) 2\r\n")
        try listener.publish("service", "q", reply: reply)
        let refusal = "-ERR 'Permissions Violation for Publish with Reply of \"\(reply)\"'\r\n"
        #expect(listener.heard() == refusal && shop.heard() == "")
        try shop.publish("service", "q", reply: reply)
        #expect(shop.heard() == "MSG service 1 \(reply) 1\r\nq\r\n")
    }

    @Test(arguments: ["_KASSA.>", "_KASSA.a.1", "*.a.1", "*.>"])
    func `a subscription to the shop's answers is refused`(pattern: String) throws {
        try listener.send("SUB \(pattern) 1\r\n")
        let refusal = "-ERR 'Permissions Violation for Subscription to \"\(pattern)\"'\r\n"
        #expect(listener.heard() == refusal)
        try shop.publish("_KASSA.a.1", "r")
        #expect(listener.heard() == "")
        try shop.send("SUB \(pattern) 1\r\n")
        try shop.publish("_KASSA.a.1", "r")
        #expect(shop.heard() == "MSG _KASSA.a.1 1 1\r\nr\r\n")
    }

    @Test func `whoever listens to everything does not hear the shop's answers`() throws {
        try listener.send("SUB > 1\r\nSUB > team 2\r\n")
        #expect(!hub.hasInterest(in: "_KASSA.a.1") && !hub.hasRoom("_KASSA.a.1"))
        try shop.publish("_KASSA.a.1", "r")
        let message = ClientOperation.Publish(
            subject: "kassa.orders.x", reply: "ack", headers: [], payload: [])
        #expect(!hub.send(message, toListenersOf: "_KASSA.a.1"))
        #expect(listener.heard() == "")
        try shop.publish("_INBOX.a.1", "r")
        #expect(count("MSG", in: listener.heard()) == 2)
    }

    @Test func `an answer in a queue goes to the shop each time, whoever listens beside it`() throws
    {
        try shop.send("SUB > team 1\r\n")
        try listener.send("SUB > team 1\r\n")
        for _ in 0..<4 { try shop.publish("_KASSA.a.1") }
        #expect(count("MSG", in: shop.heard()) == 4)
    }

    @Test func `the shop does not wait for a listener that does not keep up`() throws {
        var limits = ServerLimits()
        limits.crowded = 100
        let hub = makeHub(limits: limits, login: .shop(secret: "secret", listeners: true))
        let shops = try [1, 2].map {
            try Client(hub, $0, options: #"{"verbose":false,"auth_token":"secret"}"#)
        }
        let listener = try Client(hub, 3)
        let text = String(repeating: "x", count: 200)
        try listener.send("SUB a 1\r\n")
        try shops[0].publish("a", text)
        #expect(!shops[0].session.isSlowed && listener.session.heardText.utf8.count > 100)
        try shops[1].send("SUB b 1\r\n")
        try shops[0].publish("b", text)
        #expect(shops[0].session.isSlowed)
    }

    @Test func `listeners leave connections to the shop`() throws {
        var limits = ServerLimits()
        limits.connections = 6
        let hub = makeHub(limits: limits, login: .shop(secret: "secret", listeners: true))
        for id in 1...3 { _ = try Client(hub, UInt64(id)) }
        #expect(throws: ClientFault.said("maximum connections exceeded")) {
            _ = try Client(hub, 4)
        }
        hub.close(4)
        for id in 5...7 {
            _ = try Client(hub, UInt64(id), options: #"{"auth_token":"secret"}"#)
        }
    }
}

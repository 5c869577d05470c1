import EventSourcing
import Glibc
import HTTP
import Messaging
import NATS
import Net
import Testing

/// A shop whose broker is another process, and a broker that others listen to.
@Suite(.scenarios) struct BrokerChoiceTests {
    @Test(arguments: WireBroker.Kind.allCases)
    func `orders complete at a broker over NATS, killed and started again`(kind: WireBroker.Kind)
        throws
    {
        guard let broker = try WireBroker(kind) else { return }
        let shop = try RunningShop.fresh(mugs: 10, options: ["--broker", broker.url])
        #expect(try shop.ended(OrderBody(quantity: 2))["status"] == "completed")
        #expect(
            try shop.ended(OrderBody(quantity: 1, token: "tok_declined"))["status"] == "rejected")
        broker.kill()
        // What is accepted while it is away waits for it.
        let waiting = try shop.accepted(OrderBody(quantity: 3))
        try broker.start()
        #expect(try shop.end(of: waiting["id"])["status"] == "completed")
        try shop.eventuallyHolds("mug", onHand: 5, available: 5)
        try shop.stop()
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }

    @Test func `a broker that lost all is filled from the logs`() throws {
        guard let first = try WireBroker(.broker), let other = try WireBroker(.broker) else {
            return
        }
        let folder = try Folder()
        do {
            let shop = try RunningShop(folder, options: ["--broker", first.url])
            try shop.receive("mug", 10)
            #expect(try shop.ended(OrderBody(quantity: 2))["status"] == "completed")
            try shop.stop()
        }
        let shop = try RunningShop(folder, options: ["--broker", other.url])
        #expect(try shop.ended(OrderBody(quantity: 3))["status"] == "completed")
        try shop.eventuallyHolds("mug", onHand: 5, available: 5)
    }

    @Test func `the status of a shop tells of a broker that is elsewhere`() throws {
        guard let other = try WireBroker(.natsServer) else { return }
        let shop = try RunningShop(try Folder(), as: .processes, options: ["--broker", other.url])
        try shop.receive("mug", 10)
        #expect(try shop.ended()["status"] == "completed")
        func broker() throws -> JSON? {
            let parts = try shop.get("/v1/status").json["parts"]?.array ?? []
            return parts.first { $0["part"]?.string == "broker" }
        }
        let row = try broker()
        #expect(row?["state"]?.string == "elsewhere" && row?["process"] == nil, "\(row ?? .null)")
        #expect(row?["address"]?.string == other.url)
        let shown = try Shopctl.run("status", "--url", shop.url)
        #expect(shown.code == 0 && shown.output.contains(other.url), "\(shown)")
        other.kill()
        try eventually("it is silent") { try broker()?["state"]?.string == "silent" }
    }

    @Test func `a broker that is not there ends the start with a word about it`() throws {
        let folder = try Folder()
        let started = try Shopctl.run(
            "up", "--port", "0", "--data", folder.data, "--broker", "nats://127.0.0.1:1")
        #expect(started.code == 1)
        #expect(started.error.contains("nats://127.0.0.1:1: connect: Connection refused"))
        #expect(access(folder.data, F_OK) != 0, "a folder is left")
    }

    @Test func `a shop runs at a broker of its own that runs by itself`() throws {
        let folder = try Folder()
        let broker = try Child(
            [
                Shopctl.path, "serve", "broker", "--shop", "--json", "--port", "0", "--data",
                folder.data,
            ], output: "\(folder.path)/broker")
        let url = try eventually("the broker is ready") { () -> String? in
            guard broker.standardOutput.hasSuffix("\n") else { return nil }
            return try JSON(parsing: Array(broker.standardOutput.utf8))["url"]?.string
        }
        let shop = try RunningShop(folder, as: .processes, options: ["--broker", url])
        try shop.receive("mug", 10)
        #expect(try shop.ended()["status"] == "completed")
        try shop.stop()
        broker.signal(SIGTERM)
        #expect(try broker.end() == 0, "\(broker.standardError)")
    }

    @Test(arguments: [
        ["--broker", "tls://a"], ["--broker", "nats://"], ["--broker-port", "x"],
        ["--broker", "nats://a", "--broker-port", "1"],
    ])
    func `an address that is none is wrong usage`(options: [String]) throws {
        let folder = try Folder()
        let started = try Shopctl.run(
            [Shopctl.path, "up", "--port", "0", "--data", folder.data] + options)
        #expect(started.code == 2)
        #expect(started.error.contains(options[options.count - 2]))
    }

    @Test func `a port for the broker that is taken is named at once`() throws {
        let shop = try RunningShop.fresh()
        let folder = try Folder()
        let refused = try Shopctl.run(
            "up", "--port", "0", "--broker-port", "\(shop.port)", "--data", folder.data)
        #expect(refused.code == 1, "\(refused)")
        #expect(refused.error.contains("port \(shop.port) at 127.0.0.1 is taken"), "\(refused)")
        #expect(refused.error.contains("--broker-port"))
        #expect(!refused.error.contains("greet"), "\(refused)")
        try shop.stop()
    }

    @Test func `clients of NATS hear what happens, and cannot speak for the shop`() throws {
        let shop = try RunningShop.fresh(mugs: 10, options: ["--broker-port", "0"])
        let ready = try JSON(parsing: Array(shop.child.standardOutput.utf8))
        let link = try NATSLink(
            NATSAddress(ready["broker"]?.string ?? ""), name: "listener", within: .seconds(5))
        try link.send(Array("SUB kassa.orders.facts.> 1\r\nPING\r\n".utf8), until: soon)
        #expect(try link.receive(until: soon) == .pong)
        let order = try shop.accepted()
        var heard: ServerOperation.Delivery?
        let end = soon
        while heard == nil, Moment.now() < end, let operation = try link.receive(until: end) {
            guard case .message(let message) = operation,
                message.subject == "kassa.orders.facts.order.placed"
            else { continue }
            heard = message
        }
        let headers = String(decoding: heard?.headers ?? [], as: UTF8.self)
        #expect(headers.contains("ce-subject: order-\(order["id"])\r\n"))
        let name = RunningShop.Form.usual == .single ? "Nats-Msg-Id" : "kassa-id"
        #expect(headers.contains("\(name): orders/1/"))
        #expect(try shop.end(of: order["id"])["status"] == "completed")
        try link.send(
            Array("PUB kassa.orders.facts.order.placed 2\r\n{}\r\n".utf8), until: soon)
        var refusal: String?
        let limit = soon
        while refusal == nil, Moment.now() < limit, let operation = try link.receive(until: limit) {
            if case .error(let text) = operation { refusal = text }
        }
        #expect(refusal?.hasPrefix("Permissions Violation for Publish") == true)
    }

    private var soon: Moment { .now() + .seconds(20) }
}

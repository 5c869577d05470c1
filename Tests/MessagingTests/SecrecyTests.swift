import Deliveries
import Domain
import EventSourcing
import EventStore
import Messaging
import Notifications
import Orders
import SQLite
import Simulation
import Testing

/// The payment token and the customer's address stay where they are needed.
@Suite struct SecrecyTests {
    private static let token = "tok_flaky"
    private static let address = "jane.doe@secret.example"

    /// A shop in which orders were placed, cancelled and completed.
    private func busyShop() throws -> QuietShop {
        let quiet = try QuietShop()
        for process in quiet.shop.processes { try process.start() }
        _ = quiet.shop.deliveries.submit(
            .receive(try sku("mug"), quantity: 2, reference: nil), context())
        for name in ["a", "b", "c"] {
            let output = try quiet.place(name, token: Self.token, contact: Self.address)
            #expect(output.answered != nil)
        }
        _ = quiet.orders.submit(.cancel(try orderID("b"), reason: "changed my mind"), context())
        try quiet.run(quiet.shop.processes, rounds: 400)
        return quiet
    }

    private static let logs = ["orders", "payments", "deliveries", "notifications"].map {
        LogName($0)
    }

    private func bytes(_ message: BrokerMessage) -> [UInt8] {
        Array(message.subject.utf8) + Array(message.id.utf8) + message.headers + message.payload
    }

    private func contains(_ bytes: [UInt8], _ text: String) -> Bool {
        String(decoding: bytes, as: UTF8.self).contains(text)
    }

    @Test func `the payment token is in no public message and in no feed of facts`() throws {
        let quiet = try busyShop()
        var commands = 0
        for log in Self.logs {
            for message in try quiet.published(log) {
                let hasToken = contains(bytes(message), Self.token)
                if message.subject.hasPrefix("kassa.orders.to-payments.") {
                    commands += hasToken ? 1 : 0
                } else {
                    #expect(!hasToken, "\(message.id)")
                }
            }
        }
        #expect(commands >= 1, "the payments service must be told")
        for (source, feed) in quiet.shop.view.feeds {
            let page = try feed.read(source.channel, after: .start)
            #expect(!page.messages.isEmpty && !page.hasMore)
            for message in page.messages {
                let message = Bulletin.event(message).brokerMessage
                #expect(!contains(bytes(message), Self.token), "\(message.id)")
            }
        }
        let page = try quiet.orders.feed.read("to-deliveries", after: .start)
        #expect(!page.messages.isEmpty)
        #expect(!page.messages.contains { contains($0.data, Self.token) })
    }

    @Test func `the address is in the clear nowhere but in the mail`() throws {
        let quiet = try busyShop()
        for log in Self.logs {
            for message in try quiet.published(log) {
                #expect(!contains(bytes(message), "secret.example"), "\(message.id)")
            }
            let path = "\(quiet.folder.path)/\(log)/\(log).db"
            let connection = try Connection(path: path, mode: .reader)
            for (table, column) in [
                ("events", "data"), ("events", "metadata"), ("effects", "data"),
                ("timers", "data"), ("parked", "payload"), ("snapshots", "data"),
            ] {
                let found = try connection.integer(
                    "SELECT count(*) FROM \(table) WHERE instr(\(column), 'secret.example') > 0")
                #expect(found == 0, "\(log).\(table).\(column)")
            }
        }
        #expect(!quiet.shop.outside.books.mails.isEmpty)
    }

    @Test func `where a key is damaged no contact is recorded, neither sealed nor in the clear`()
        throws
    {
        let quiet = try QuietShop()
        try quiet.orders.start()
        #expect(try quiet.place("a", contact: Self.address).answered != nil)
        let connection = try Connection(path: quiet.orders.path, mode: .writer)
        try connection.execute("UPDATE keys SET key = x'0102'")
        let placed = try #require(try quiet.place("b", contact: Self.address).answered?.0)
        guard case .refused(.invalid(let why)) = placed else {
            Issue.record("\(placed)")
            return
        }
        #expect(why.contains("is damaged"))
        let instruction = try #require(Instruction(by: "ann", why: "mistyped"))
        let corrected = quiet.orders.submit(
            .correct(try orderID("a"), customer: nil, contact: "new@secret.example", instruction),
            context())
        #expect(corrected.answered?.0 == .refused(.invalid(why)))
        let records = try LogReader(path: quiet.orders.path).queries
            .log(after: .start, limit: 100)
        #expect(!records.contains { contains($0.data, "secret.example") })
        #expect(!records.contains { $0.stream.id == "b" })
    }

    @Test func `after an erasure no mail is sent any more, and every leaf still fits`() throws {
        let quiet = try QuietShop()
        let both: [any SimulatedProcess] = [quiet.orders, quiet.shop.notifications]
        for process in both { try process.start() }
        #expect(try quiet.place("a", contact: Self.address).answered != nil)
        let mailer = KeepingMailer()
        let keys = TestKeys(path: quiet.orders.path)
        let calls = MailCalls(mailer: mailer, keys: keys)
        // Only the orders' relay and the reader work: the mail waits.
        let record = try #require(
            LogReader(path: quiet.orders.path).queries.log(after: .start, limit: 10)
                .first { $0.type.name == "order.placed" })
        let contact = try JSONObject(try JSON(parsing: record.data)).string("contact")
        var data = JSONWriter()
        data.object { json in
            json.member("kind", "received")
            json.member("contact", contact)
        }
        let mail = Effect(
            key: "a/received", kind: "mail", stream: StreamID("notification", "a"),
            data: data.text, metadata: "{}", due: .epoch)
        #expect(calls.run(mail) == .answered(""))
        #expect(mailer.sent.value == [Self.address])

        let customer = try #require(CustomerID("c1"))
        #expect(quiet.orders.submit(.erase(customer), context()).answered?.0 == .erased)
        #expect(calls.run(mail) == .answered("the customer's personal data was erased"))
        #expect(mailer.sent.value.count == 1)
        try quiet.run(both)
        let types = try LogReader(path: quiet.shop.notifications.path).queries
            .log(after: .start, limit: 10).map(\.type.name)
        #expect(types == ["notification.requested", "notification.failed"])
        #expect(quiet.shop.outside.books.mails.isEmpty)
        var tree = MerkleFrontier()
        for record in try LogReader(path: quiet.orders.path).queries.log(after: .start, limit: 100)
        {
            #expect(record.leaf == record.computedLeaf)
            tree.append(leaf: record.leaf)
        }
        #expect(tree.root == quiet.orders.engine?.log.tree.root)
    }
}

private final class KeepingMailer: Mailer {
    let sent = Shared<[String]>([])
    func send(key: String, to: String, subject: String, body: String) { sent.value.append(to) }
}

private struct TestKeys: KeyRing {
    let path: String
    func keys(of owners: Set<String>) throws -> [String: SealingKey] {
        try OrdersKeys(path: path).keys(of: owners)
    }
}

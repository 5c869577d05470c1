import Deliveries
import Domain
import EventSourcing
import Messaging
import Orders
import Simulation
import Testing

/// `docs/asyncapi.json` and what is published say the same.
@Suite struct AsyncAPITests {
    private let document: PublishedDocument

    init() throws { document = try PublishedDocument() }

    @Test func `each subject that a log publishes to has a channel, and there is none besides`()
        throws
    {
        var expected: [String: String] = [:]
        for samples in PublishedSamples.all {
            for subject in samples.subjects.union(samples.watermarks) {
                expected[subject] = Source(samples.log, Publication.facts).stream
            }
        }
        let addresses = document.channels.compactMap { $0.value["address"]?.string }
        #expect(addresses.sorted() == expected.keys.sorted())
        for (name, channel) in document.channels.map({ ($0.name, $0.value) }) {
            let subject = try #require(channel["address"]?.string)
            #expect(subject == "kassa.\(name)")
            #expect(channel["x-jetstream-stream"]?.string == expected[subject])
            let message = try #require(try document.message(on: subject)["name"]?.string)
            #expect(subject.split(separator: ".").dropFirst(3).joined(separator: ".") == message)
        }
    }

    @Test func `references lead somewhere, and all that is there is referred to`() throws {
        let references = Set(document.references)
        for reference in references { _ = try document.check.referred(reference) }
        for kind in try #require(document.json["components"]).members {
            for part in kind.value.members {
                #expect(references.contains("#/components/\(kind.name)/\(part.name)"))
            }
        }
        for channel in document.channels {
            #expect(references.contains("#/channels/\(channel.name)"), "nobody listens to it")
        }
    }

    @Test func `every published form of every event is as its schema says`() throws {
        for samples in PublishedSamples.all {
            var members: [String: Set<String>] = [:]
            for message in try samples.messages() {
                let violations = try document.violations(message)
                #expect(violations.isEmpty, "\(message.subject): \(violations)")
                let names = try JSON(parsing: message.payload).memberNames
                members[message.subject, default: []].formUnion(names)
            }
            #expect(Set(members.keys) == samples.subjects)
            for (subject, names) in members {
                let payload = try document.schema(
                    "payload", of: try document.message(on: subject))
                #expect(names == (try document.check.named(by: payload)), "\(subject)")
            }
        }
    }

    @Test func `sets that are closed are the domain's`() throws {
        func set(_ path: String) throws -> [String] {
            let json = try document.check.referred("#/components/schemas/\(path)/enum")
            return try #require(json.array).compactMap(\.string)
        }
        #expect(try set("MailKind") == Notification.Kind.allCases.map(\.rawValue))
        let steps = Checkout.steps(version: Checkout.version)
            .filter { $0.participant != nil }.map(\.name)
        #expect(try set("StepReference/properties/step") == steps)
        #expect(try set("Watermark/properties/log") == PublishedSamples.all.map(\.log.value))
        #expect(
            try set("Watermark/properties/channel") == OrdersCore.publication.channels)
    }

    /// A shop in which orders come to different ends.
    private func busyShop() throws -> QuietShop {
        let quiet = try QuietShop()
        for process in quiet.shop.processes { try process.start() }
        _ = quiet.shop.deliveries.submit(
            .receive(try sku("mug"), quantity: 5, reference: "note"), context())
        #expect(try quiet.place("completed").answered != nil)
        #expect(try quiet.place("declined", token: "tok_declined").answered != nil)
        #expect(try quiet.place("cancelled", token: "tok_flaky", contact: nil).answered != nil)
        _ = quiet.orders.submit(
            .cancel(try orderID("cancelled"), reason: "changed my mind"), context())
        let short = try draft("unicorn", 2, reference: "m-1")
        _ = quiet.orders.submit(.place(try orderID("short"), short), context("short"))
        try quiet.run(quiet.shop.processes, rounds: 400)
        return quiet
    }

    @Test func `what a shop publishes, whatever becomes of its orders, is as the document says`()
        throws
    {
        let quiet = try busyShop()
        var seen: Set<String> = []
        for samples in PublishedSamples.all {
            for message in try quiet.published(samples.log) {
                let violations = try document.violations(message)
                #expect(violations.isEmpty, "\(message.subject): \(violations)")
                seen.insert(message.subject)
            }
            #expect(seen.isSuperset(of: samples.watermarks))
        }
        for subject in [
            "orders.facts.order.completed", "orders.facts.order.rejected",
            "orders.facts.order.cancelled", "orders.to-deliveries.checkout.step-requested",
            "orders.to-payments.checkout.step-requested", "payments.facts.payment.declined",
            "payments.facts.payment.captured", "deliveries.facts.stock.received",
            "deliveries.facts.reservation.refused", "deliveries.facts.reservation.released",
            "deliveries.facts.delivery.delivered", "notifications.facts.notification.sent",
        ] {
            #expect(seen.contains("kassa.\(subject)"), "\(subject)")
        }
    }

    @Test(arguments: [
        ("\"currency\"", "\"Currency\""), ("\"sku\"", "\"SKU\""), (":2,", ":\"2\","),
        ("\"currency\":\"GBP\",", ""), (":\"GBP\"", ":\"gbp\""), (":2,", ":0,"), (":2,", ":2.0,"),
        ("ce-actor", "ce-author"), ("ce-type: order.placed", "ce-type: order.moved"),
        ("ce-traceparent", "traceparent"), ("ce-id: orders/1/2", "ce-id: orders/2"),
        ("sealed:v1:", "jane@"),
    ]) func `what is not as the document says is found`(old: String, new: String) throws {
        let placed = try #require(try PublishedSamples.all.first?.messages().dropFirst().first)
        func changed(_ bytes: [UInt8]) -> [UInt8] {
            Array(String(decoding: bytes, as: UTF8.self).replacing(old, with: new).utf8)
        }
        let message = BrokerMessage(
            subject: placed.subject, id: placed.id, headers: changed(placed.headers),
            payload: changed(placed.payload))
        #expect(message != placed)
        #expect(try document.violations(placed).isEmpty)
        #expect(try !document.violations(message).isEmpty)
    }
}

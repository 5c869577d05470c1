import EventSourcing
import EventStore
import Foundation
import Glibc
import Messaging
import Orders
import Testing

/// A running shop under an operator's hand, by the command line.
@Suite(.scenarios) struct OperatorTests {
    private func shopctl(_ shop: RunningShop, _ arguments: String...) throws -> Finished {
        try Shopctl.run([Shopctl.path] + arguments + ["--url", shop.url])
    }

    private func process(_ part: String, _ shop: RunningShop) throws -> pid_t {
        let parts = try shop.get("/v1/status").json["parts"]?.array ?? []
        let process = parts.first { $0["part"]?.string == part }?["process"]?.integer
        return pid_t(try #require(process))
    }

    /// An order whose payment nobody answers, as that service stands still.
    private func waiting(_ shop: RunningShop, customer: String = "bob") throws
        -> (id: String, payments: pid_t)
    {
        let payments = try process("payments", shop)
        kill(payments, SIGSTOP)
        let body = OrderBody(more: OrderBody.contact + ",\"customer\":\"\(customer)\"")
        let id = try shop.accepted(body)["id"]
        try eventually("it waits for its payment") {
            try shop.get("/v1/sagas/\(id)").json["step"]?.string == "authorize payment"
        }
        return (id, payments)
    }

    @Test func `a step is skipped by hand, an order corrected, and the audit knows of both`()
        throws
    {
        let shop = try RunningShop.fresh(as: .processes)
        let (id, payments) = try waiting(shop)
        let listed = try shopctl(shop, "saga", "list")
        #expect(listed.code == 0 && listed.output.contains("payments has not answered"))
        let wrong = try shopctl(shop, "saga", "skip", id, "pack", "--why", "w", "--by", "ann")
        #expect(wrong.code == 1 && wrong.error.contains("step-not-pending"))
        let corrected = try shopctl(
            shop, "order", "correct", id, "--customer", "carol", "--contact", "c@c.example",
            "--why", "mistyped", "--by", "ann")
        #expect(corrected.code == 0, "\(corrected)")
        let skipped = try shopctl(
            shop, "saga", "skip", id, "authorize payment", "--why", "cash", "--by", "ann")
        #expect(skipped.code == 0, "\(skipped)")
        try eventually("capture is what it waits for") {
            try shop.get("/v1/sagas/\(id)").json["step"]?.string == "capture payment"
        }
        let captured = try shopctl(
            shop, "saga", "skip", id, "capture payment", "--why", "cash", "--by", "ann")
        #expect(captured.code == 0, "\(captured)")
        #expect(try shop.end(of: id)["status"] == "completed")
        kill(payments, SIGCONT)
        let types = try shop.types(of: id)
        #expect(types.filter { $0 == "checkout.step-skipped" }.count == 2)
        let carols = try eventually("the order is carol's") {
            let orders = try shop.get("/v1/customers/carol/orders").json["orders"]?.array
            return orders?.isEmpty == false ? orders : nil
        }
        #expect(carols.map { $0["id"]?.string } == [id])
        let shown = try shopctl(shop, "saga", "show", id)
        #expect(shown.output.contains("skipped") && shown.output.contains("\"by\":\"ann\""))
        #expect(!shown.output.contains("tok_ok"))
        try eventually("a mail goes to the corrected address") {
            try Mbox.mails(in: "\(shop.folder.data)/notifications/mails").contains {
                $0.contains("To: c@c.example")
            }
        }
        try shop.stop()
        let verified = try Shopctl.verify(shop.folder)
        #expect(verified.code == 0, "\(verified.all)")
    }

    @Test func `a checkout is sent back by hand until its parcel is with the carrier`() throws {
        let shop = try RunningShop.fresh(as: .processes, mugs: 5)
        let done = try shop.ended()
        let late = try shopctl(
            shop, "saga", "compensate", done["id"], "--why", "w", "--by", "ann")
        #expect(late.code == 1 && late.error.contains("the order is completed"))
        let (id, payments) = try waiting(shop)
        let back = try shopctl(
            shop, "saga", "compensate", id, "--why", "no such street", "--by", "ann")
        #expect(back.code == 0, "\(back)")
        let again = try shopctl(shop, "saga", "compensate", id, "--why", "w", "--by", "ann")
        #expect(again.code == 1 && again.error.contains("checkout-turned"))
        kill(payments, SIGCONT)
        let end = try shop.end(of: id)
        #expect(end["status"] == "cancelled")
        #expect(try shop.types(of: id).contains("checkout.sent-back"))
        try shop.eventuallyHolds("mug", onHand: 4, available: 4)
        try shop.stop()
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }

    /// What payments should have read next is parked there, while nothing runs.
    private func park(_ folder: Folder) throws {
        let feed = LogFeed(
            path: folder.log("orders"), publication: OrdersCore.publication, isUp: { true },
            onBehind: { _ in })
        let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
        let log = try EventLog(path: folder.log("payments"), name: LogName("payments"), at: now)
        let source = Source(LogName("orders"), "to-payments")
        var checkpoint = try log.checkpoints()[source.description] ?? .start
        let page = try feed.read(source.channel, after: checkpoint.position, limit: 100)
        #expect(!page.messages.isEmpty)
        _ = try log.commit(at: now) { (transaction) throws(StoreError) in
            for message in page.messages {
                let carried = Bulletin.event(message).brokerMessage
                try transaction.park(
                    ParkedMessage(
                        source: source.description, position: message.identity.position,
                        key: message.stream.id, reason: "an older build could not read it",
                        at: now, subject: carried.subject, id: carried.id,
                        headers: carried.headers, payload: carried.payload))
                checkpoint.advance(to: message)
            }
            try transaction.save(checkpoint, for: source.description)
        }
        log.close()
    }

    @Test(arguments: RunningShop.Form.allCases)
    func `parked messages are shown, tried, and applied by hand`(form: RunningShop.Form) throws {
        let first = try RunningShop.fresh(as: .processes)
        let (id, payments) = try waiting(first)
        first.child.signal(SIGKILL)
        kill(payments, SIGKILL)
        _ = try first.child.end()
        try eventually("nobody holds the log") {
            do {
                try park(first.folder)
                return true
            } catch { return false }
        }
        let shop = try RunningShop(first.folder, as: form)
        let listed = try shopctl(shop, "parked", "list")
        #expect(listed.output.contains("an older build could not read it"), "\(listed)")
        let saga = try shopctl(shop, "saga", "show", id)
        #expect(saga.output.contains("payments could not apply orders/to-payments"), "\(saga)")
        let shown = try shopctl(shop, "parked", "show", id)
        #expect(shown.output.contains("checkout.step-requested"))
        let tried = try shopctl(shop, "parked", "retry", "--all", "--why", "mended", "--by", "ann")
        #expect(tried.code == 0 && tried.output.contains("nothing was changed"), "\(tried)")
        #expect(try shop.get("/v1/sagas/\(id)").json["state"]?.string == "waiting")
        let applied = try shopctl(
            shop, "parked", "retry", id, "--why", "mended", "--by", "ann", "--apply")
        #expect(applied.code == 0, "\(applied)")
        #expect(try shop.end(of: id)["status"] == "completed")
        #expect(try shopctl(shop, "parked", "list").output == "nothing is parked\n")
        #expect(try shop.types(of: id).contains("parked.retried"))
        let gone = try shopctl(
            shop, "parked", "discard", "1", "--service", "payments", "--source",
            "orders/to-payments", "--why", "w", "--by", "ann")
        #expect(gone.code == 1 && gone.error.contains("see shopctl parked list"))
        try shop.stop()
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }

    @Test func `what an operator must say is asked for`() throws {
        let missing = try Shopctl.run("saga", "retry", "o-1")
        #expect(missing.code == 2 && missing.error.contains("--why"))
        #expect(try Shopctl.run("parked", "retry", "--why", "w").code == 2)
        #expect(try Shopctl.run("parked", "retry", "k", "--all", "--why", "w").code == 2)
        #expect(try Shopctl.run("order", "correct", "o-1", "--why", "w").code == 2)
        let why = try Shopctl.run("saga", "show")
        #expect(why.code == 2)
    }
}

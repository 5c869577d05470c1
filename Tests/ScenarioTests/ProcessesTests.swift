import EventSourcing
import Foundation
import Glibc
import HTTP
import NATS
import Net
import Synchronization
import Testing

/// A shop whose parts are a process each.
@Suite(.scenarios) struct ProcessesTests {
    private static let parts = [
        "broker", "orders", "payments", "deliveries", "notifications", "gateway",
    ]

    /// Each part's process, as the shop tells it.
    private func processes(_ shop: RunningShop) throws -> [String: pid_t] {
        try eventually("all parts are up") {
            // The gateway may be the one that is being started.
            guard let status = try? shop.get("/v1/status") else { return nil }
            var processes: [String: pid_t] = [:]
            for part in status.json["parts"]?.array ?? [] where part["state"]?.string == "up" {
                processes[part["part"]?.string ?? ""] = pid_t(part["process"]?.integer ?? 0)
            }
            return processes.count == Self.parts.count ? processes : nil
        }
    }

    @Test func `orders come to all their ends, and the logs prove it`() throws {
        let shop = try RunningShop.fresh(as: .processes, mugs: 10)
        let known = try processes(shop)
        #expect(Set(known.values).count == 6 && !known.values.contains(shop.child.process))
        let contact = OrderBody.contact
        let good = try shop.ended(OrderBody(quantity: 2, more: contact))
        #expect(good["status"] == "completed")
        #expect(try shop.ended(OrderBody(token: "tok_declined"))["status"] == "rejected")
        #expect(try shop.ended(OrderBody(quantity: 100))["status"] == "rejected")
        let slow = try shop.accepted(OrderBody(token: "tok_slow"))
        #expect(try shop.cancel(slow["id"]).status == 202)
        #expect(try shop.end(of: slow["id"])["status"] == "cancelled")
        try shop.eventuallyHolds("mug", onHand: 8, available: 8)
        // The contact is sealed in another process's log, and its key was asked for there.
        try eventually("the mails are written") {
            try Mbox.mails(in: "\(shop.folder.data)/notifications/mails").contains {
                $0.contains("ada@analytical.example")
            }
        }
        try shop.stop()
        #expect(try Shopctl.verify(shop.folder).code == 0)
        // What the processes wrote one process goes on with, and the other way round.
        let single = try RunningShop(shop.folder)
        #expect(try single.ended()["status"] == "completed")
        try single.stop()
        let again = try RunningShop(shop.folder, as: .processes)
        #expect(try again.ended()["status"] == "completed")
        try again.stop()
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }

    @Test func `a shop that began in one process goes on in several`() throws {
        let single = try RunningShop.fresh(mugs: 10)
        #expect(try single.ended()["status"] == "completed")
        try single.stop()
        let shop = try RunningShop(single.folder, as: .processes)
        #expect(try shop.ended()["status"] == "completed")
        // The reserve of disk is kept once.
        let files = FileManager.default
        let reserves = ["reserve", "orders/reserve"].map { "\(shop.folder.data)/\($0)" }
        #expect(reserves.map(files.fileExists) == [false, true])
        try shop.stop()
        #expect(try Shopctl.verify(shop.folder).code == 0)
        let again = try RunningShop(shop.folder)
        #expect(reserves.map(files.fileExists) == [true, false])
        try again.stop()
    }

    @Test func `a part that could not be started for long comes back once that is mended`() throws {
        let shop = try RunningShop.fresh(as: .processes, mugs: 10)
        let victim = try #require(try processes(shop)["notifications"])
        let (log, away) = (
            "\(shop.folder.data)/notifications/notifications.db", "\(shop.folder.path)/away"
        )
        // Something that is no log is in its place.
        #expect(rename(log, away) == 0 && mkdir(log, 0o700) == 0)
        kill(victim, SIGKILL)
        try eventually("it has died too often", within: 60) {
            shop.notices.contains("notifications has died 10 times in a row")
        }
        #expect(try shop.ended(OrderBody(more: OrderBody.contact))["status"] == "completed")
        #expect(rmdir(log) == 0 && rename(away, log) == 0)
        #expect(try processes(shop)["notifications"] != victim)
        try eventually("its mails come") {
            try Mbox.mails(in: "\(shop.folder.data)/notifications/mails").count > 0
        }
        try shop.stop()
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }

    @Test(arguments: parts)
    func `of a part that is killed under load nothing acknowledged is lost`(part: String) throws {
        let shop = try RunningShop.fresh(as: .processes, mugs: 100_000)
        let victim = try #require(try processes(shop)[part])
        let clients = Clients()
        let failures = inParallel(5) { index -> String? in
            guard index == 0 else {
                clients.persist(shop, "c\(index)")
                return nil
            }
            defer { clients.isOver.store(true, ordering: .relaxed) }
            do {
                try eventually("orders are acknowledged") {
                    clients.told.withLock { $0.count } > 50
                }
                kill(victim, SIGKILL)
                try eventually("another process is up in its place") {
                    try processes(shop)[part] != victim
                }
                let before = clients.told.withLock { $0.count }
                try eventually("orders are acknowledged again") {
                    clients.told.withLock { $0.count } > before + 50
                }
                return nil
            } catch { return "\(error) \(shop.notices)" }
        }
        #expect(failures.compactMap { $0 } == [])
        try clients.check(shop)
        #expect(shop.notices.contains("\(part) has ended (signal 9)"), "\(shop.notices)")
        #expect(shop.notices.contains("\(part) is up again"), "\(shop.notices)")
        try shop.stop()
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }

    @Test func `while payments stands still orders are taken and read, and none is cancelled`()
        throws
    {
        let shop = try RunningShop.fresh(
            as: .processes, mugs: 100_000, options: ["--pay-within", "2"])
        let payments = try #require(try processes(shop)["payments"])
        kill(payments, SIGSTOP)
        defer { kill(payments, SIGCONT) }
        var ids: [String] = []
        // For longer than customers have to pay, and than a source that speaks may be silent.
        let end = Date() + 12
        while Date() < end {
            let placed = try shop.accepted()
            ids.append(placed["id"])
            #expect(try shop.read("/v1/orders/\(placed["id"])", seeing: placed).status == 200)
            usleep(20_000)
        }
        let lists = try shop.get("/v1/orders?status=cancelled").json["orders"]?.array ?? []
        let expired = try shop.get("/v1/orders?status=expired").json["orders"]?.array ?? []
        #expect(lists.isEmpty && expired.isEmpty)
        #expect(try shop.get("/readyz").status == 200)
        let status = try Shopctl.run("status", "--url", shop.url)
        #expect(status.code == 1 && status.output.contains("silent"), "\(status)")
        kill(payments, SIGCONT)
        for id in ids { #expect(try shop.end(of: id)["status"] == "completed") }
        try shop.stop()
    }

    @Test func `a broker that loses its store under load loses no order`() throws {
        let shop = try RunningShop.fresh(as: .processes, mugs: 100_000)
        let broker = try #require(try processes(shop)["broker"])
        let clients = Clients()
        let failures = inParallel(4) { index -> String? in
            guard index == 0 else {
                clients.persist(shop, "c\(index)")
                return nil
            }
            defer { clients.isOver.store(true, ordering: .relaxed) }
            do {
                try eventually("orders are acknowledged") {
                    clients.told.withLock { $0.count } > 50
                }
                for name in try FileManager.default.contentsOfDirectory(
                    atPath: "\(shop.folder.data)/broker") where name.hasPrefix("kassa-")
                {
                    try FileManager.default.removeItem(atPath: "\(shop.folder.data)/broker/\(name)")
                }
                kill(broker, SIGKILL)
                let before = clients.told.withLock { $0.count }
                try eventually("orders are acknowledged again") {
                    clients.told.withLock { $0.count } > before + 50
                }
                return nil
            } catch { return "\(error) \(shop.notices)" }
        }
        #expect(failures.compactMap { $0 } == [])
        try clients.check(shop)
        try shop.stop()
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }

    @Test func `a gateway that starts from nothing says so until it has caught up`() throws {
        let folder = try Folder()
        var ids: [String] = []
        do {
            let shop = try RunningShop(folder, as: .processes)
            try shop.receive("mug", 1000)
            for _ in 0..<30 { ids.append(try shop.ended()["id"]) }
            try shop.stop()
        }
        try FileManager.default.removeItem(atPath: "\(folder.data)/gateway")
        // Without the services there is nobody to catch up with.
        let broker = try #require(try WireBroker(.broker))
        let gateway = try Child(
            [
                Shopctl.path, "serve", "gateway", "--json", "--port", "0", "--data", folder.data,
                "--broker", broker.url,
            ], output: "\(folder.path)/gateway")
        let port = try eventually("the gateway listens") { () -> UInt16? in
            gateway.standardError.split(separator: " ").first { $0.hasPrefix("http://127.0.0.1:") }
                .flatMap { UInt16($0.dropFirst("http://127.0.0.1:".count).dropLast()) }
        }
        let client = HTTPClient(port: port)
        let early = Answer(try client.get("/readyz"))
        #expect(early.status == 503 && early.isProblem && early["code"] == "not-ready")
        #expect(gateway.standardOutput.isEmpty)
        let services = try ["orders", "payments", "deliveries", "notifications"].map { part in
            try Child(
                [
                    Shopctl.path, "serve", part, "--json", "--port", "0", "--data", folder.data,
                    "--broker", broker.url,
                ], output: "\(folder.path)/\(part)")
        }
        try eventually("the gateway is ready") { gateway.standardOutput.hasSuffix("\n") }
        #expect(Answer(try client.get("/readyz")).status == 200)
        for id in ids {
            let order = Answer(try client.get("/v1/orders/\(id)"))
            #expect(order["status"] == "completed", "\(order)")
        }
        for child in [gateway] + services {
            child.signal(SIGTERM)
            #expect(try child.end() == 0, "\(child.standardError)")
        }
    }

    @Test func `a gateway that starts while the broker stands still finds the services`() throws {
        let shop = try RunningShop.fresh(as: .processes)
        let before = try shop.ended()
        let known = try processes(shop)
        let (broker, gateway) = (try #require(known["broker"]), try #require(known["gateway"]))
        // What it has heard it writes down within a moment.
        try eventually("the homes are kept") {
            let kept = FileManager.default.contents(
                atPath: "\(shop.folder.data)/gateway/homes.json")
            return try kept.map { try JSON(parsing: Array($0))["homes"]?.array?.count == 4 }
                ?? false
        }
        kill(broker, SIGSTOP)
        defer { kill(broker, SIGCONT) }
        kill(gateway, SIGKILL)
        let placed = try eventually("orders are accepted again") { () -> Answer? in
            guard let answer = try? shop.place(), answer.status == 201 else { return nil }
            return answer
        }
        #expect(try shop.get("/v1/orders/\(before["id"])")["status"] == "completed")
        try eventually("all services are seen at work") { () -> Bool in
            let parts = (try? shop.get("/v1/status"))?.json["parts"]?.array ?? []
            return parts.count { $0["state"]?.string == "up" } == 5
        }
        kill(broker, SIGCONT)
        #expect(try shop.end(of: placed["id"])["status"] == "completed")
        #expect(try processes(shop)["gateway"] != gateway)
        try shop.stop()
        #expect(try Shopctl.verify(shop.folder).code == 0)
    }

    @Test func `the parts end with whoever started them`() throws {
        let shop = try RunningShop.fresh(as: .processes)
        let known = try processes(shop)
        let order = try shop.accepted()
        shop.child.kill()
        try eventually("all parts have ended") { known.values.allSatisfy { kill($0, 0) != 0 } }
        let again = try RunningShop(shop.folder, as: .processes)
        #expect(try again.end(of: order["id"])["status"] == "completed")
        try again.stop()
    }

    @Test func `a part of a running shop is not run twice`() throws {
        for form in RunningShop.Form.allCases {
            let shop = try RunningShop.fresh(as: form)
            for part in ["orders", "gateway", "broker"] {
                let twice = try Shopctl.run(
                    "serve", part, "--port", "0", "--data", shop.folder.data)
                #expect(twice.code == 1 && twice.error.contains("in use"), "\(twice)")
            }
            let second = try Shopctl.run("up", "--port", "0", "--data", shop.folder.data)
            #expect(second.code == 1 && second.error.contains("in use"), "\(second)")
            let doctor = try Shopctl.run("doctor", "--data", shop.folder.data)
            #expect(doctor.output.contains("\(shop.child.process)"), "\(doctor.all)")
            #expect(try shop.ended()["status"] == "completed")
            try shop.stop()
        }
    }

    @Test func `a log that was put back is halted before it takes an order`() throws {
        let folder = try Folder()
        let shop = try RunningShop(folder, as: .processes)
        try shop.receive("mug", 1000)
        #expect(try shop.ended()["status"] == "completed")
        try shop.stop()
        let backup = "\(folder.path)/backup.db"
        try FileManager.default.copyItem(atPath: folder.log("orders"), toPath: backup)
        let later = try RunningShop(folder, as: .processes)
        #expect(try later.ended()["status"] == "completed")
        try later.stop()
        try FileManager.default.removeItem(atPath: folder.log("orders"))
        try FileManager.default.moveItem(atPath: backup, toPath: folder.log("orders"))
        // Even where the broker has forgotten all.
        try FileManager.default.removeItem(atPath: "\(folder.data)/broker")
        let child = try Child(
            [Shopctl.path, "up", "--json", "--port", "0", "--data", folder.data],
            output: "\(folder.path)/up")
        try eventually("it says so") { child.standardError.contains("orders has stopped") }
        child.signal(SIGINT)
        _ = try child.end()
    }

    @Test func `strangers are refused by the parts and by their broker`() throws {
        let shop = try RunningShop.fresh(as: .processes, options: ["--broker-port", "0"])
        let status = try shop.get("/v1/status").json
        let addresses = (status["parts"]?.array ?? [])
            .filter { $0["part"]?.string != "broker" }.compactMap { $0["address"]?.string }
        #expect(addresses.count == 5)
        for address in addresses {
            let client = HTTPClient(port: UInt16(address.split(separator: ":").last ?? "") ?? 0)
            for (method, path) in [
                (HTTPMethod.post, "commands"), (.get, "feed/facts?after=0&limit=1"),
                (.post, "check"), (.post, "keys"), (.get, "checkpoints"), (.get, "status"),
            ] {
                for authorization in ["", "Bearer", "Bearer \(String(repeating: "0", count: 64))"] {
                    let answer = try client.send(
                        method, "/inner/v1/\(path)", headers: ["Authorization": authorization],
                        body: method == .post ? Array("{}".utf8) : [])
                    #expect(answer.status == 401, "\(address) \(path)")
                }
            }
        }
        let secret = "\(shop.folder.data)/secret"
        let attributes = try FileManager.default.attributesOfItem(atPath: secret)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        try shop.stop()
    }

    @Test func `garbage on a part's port harms nobody`() throws {
        let shop = try RunningShop.fresh(as: .processes)
        let status = try shop.get("/v1/status").json
        for part in status["parts"]?.array ?? [] {
            let address = part["address"]?.string ?? ""
            let port = UInt16(address.split(separator: ":").last ?? "") ?? 0
            let socket = try OpenSocket(port: port)
            socket.send([UInt8](repeating: 0xFF, count: 100_000))
            let silent = try OpenSocket(port: port)
            withExtendedLifetime((socket, silent)) {}
        }
        #expect(try shop.ended()["status"] == "completed")
        #expect(try processes(shop).count == 6)
        try shop.stop()
    }
}

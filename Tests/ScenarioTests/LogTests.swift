import EventSourcing
import Foundation
import Glibc
import HTTP
import Testing

/// What the processes of a running shop say, and how it is found again.
@Suite(.scenarios) struct LogTests {
    private func logs(_ shop: RunningShop, _ arguments: String...) throws -> [JSON] {
        let done = try Shopctl.run(
            [Shopctl.path, "logs", "--json", "--data", shop.folder.data] + arguments)
        guard done.code == 0 else { throw Failure(done.all) }
        return try done.output.split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) }
    }

    @Test(arguments: RunningShop.Form.allCases)
    func `an order's lines are those of all services, with its trace`(form: RunningShop.Form)
        throws
    {
        let shop = try RunningShop.fresh(as: form)
        let placed = try shop.accepted(OrderBody(more: OrderBody.contact))
        #expect(try shop.end(of: placed["id"])["status"] == "completed")
        let answered = try #require(placed.headers["traceparent"]?.split(separator: "-"))
        let lines = try eventually("all services have told") { () -> [JSON]? in
            let lines = try logs(shop, "--order", placed["id"])
            let mails = lines.filter {
                $0["message"]?.string?.contains("notification.sent") == true
            }
            return mails.count == 3 ? lines : nil
        }
        #expect(
            Set(lines.compactMap { $0["service"]?.string })
                == ["orders", "payments", "deliveries", "notifications"])
        #expect(Set(lines.compactMap { $0["trace"]?.string }) == [String(answered[1])])
        let correlation = placed.headers["X-Correlation-Id"]
        #expect(Set(lines.map { $0["correlation"]?.string }) == [correlation])
        #expect(Set(lines.map { $0["order"]?.string }) == [placed["id"]])
        let times = lines.compactMap { $0["time"]?.string }
        #expect(times.count == lines.count && times == times.sorted())
        // A person's words and places are in none of them.
        #expect(!lines.contains { $0.text.contains("@") })
        try shop.stop()
        #expect(try logs(shop, "--order", placed["id"]).count == lines.count)
        let unknown = try Shopctl.run("logs", "--data", shop.folder.data, "--order", "nobody")
        #expect(unknown.code == 1 && unknown.error.contains("nobody"), "\(unknown.all)")
    }

    @Test func `a part that dies is told of, in one JSON object a line where nobody looks`() throws
    {
        let shop = try RunningShop.fresh(as: .processes)
        let parts = try shop.get("/v1/status").json["parts"]?.array ?? []
        let own = parts.first { $0["part"]?.string == "payments" }
        kill(pid_t(try #require(own?["process"]?.integer)), SIGKILL)
        try eventually("it is up again") { shop.notices.contains("payments is up again") }
        let told = try shop.notices.split(separator: "\n").map {
            try JSON(parsing: Array($0.utf8))
        }
        #expect(
            told.allSatisfy {
                $0["time"]?.string != nil && $0["service"]?.string != nil
                    && $0["level"]?.string != nil
            })
        let kept = try logs(shop, "--service", "supervisor", "--level", "warning")
        #expect(kept.contains { $0["message"]?.string?.contains("signal 9") == true })
        #expect(kept.allSatisfy { $0["level"]?.string != "info" })
        // Each process says when it began.
        let began = try logs(shop).filter { $0["message"]?.string?.hasPrefix("ready") == true }
        #expect(Set(began.compactMap { $0["service"]?.string }).count == 6)
        #expect(began.filter { $0["service"]?.string == "payments" }.count == 2)
        try shop.stop()
    }

    @Test func `a request that cannot be answered has a line, with its correlation`() throws {
        let shop = try RunningShop.fresh(as: .processes)
        let parts = try shop.get("/v1/status").json["parts"]?.array ?? []
        let own = parts.first { $0["part"]?.string == "orders" }
        let process = pid_t(try #require(own?["process"]?.integer))
        kill(process, SIGSTOP)
        defer { kill(process, SIGCONT) }
        // The second one within a minute has its own line as well.
        let answers = try ["first", "asked-in-vain"].map {
            try shop.post("/v1/orders", OrderBody().text, ["X-Correlation-Id": $0])
        }
        let answer = answers[1]
        #expect(answers.allSatisfy { $0.status >= 500 }, "\(answers)")
        let line = try eventually("it is in the log") {
            try logs(shop, "--service", "gateway").first {
                $0["correlation"]?.string == "asked-in-vain"
            }
        }
        #expect(line["message"]?.string == "POST /v1/orders: \(answer.status)")
        #expect(line["trace"]?.string?.utf8.count == 32)
    }

    @Test func `with the level debug each request, command and message has a line`() throws {
        let shop = try RunningShop.fresh(options: ["--log-level", "debug"])
        let placed = try shop.accepted(OrderBody(more: OrderBody.contact))
        #expect(try shop.end(of: placed["id"])["status"] == "completed")
        let wanted: [(service: String, part: String)] = [
            ("gateway", "POST /v1/orders: 201"), ("orders", "done"),
            ("payments", "taken in"), ("deliveries", "came back"),
            ("notifications", "came back"),
        ]
        try eventually("all have told") {
            let lines = try logs(shop, "--order", placed["id"], "--level", "debug")
            return wanted.allSatisfy { wanted in
                lines.contains {
                    $0["level"]?.string == "debug" && $0["service"]?.string == wanted.service
                        && $0["message"]?.string?.contains(wanted.part) == true
                }
            }
        }
    }

    @Test func `whoever follows sees what comes`() throws {
        let shop = try RunningShop.fresh(as: .processes)
        let follower = try Child(
            [Shopctl.path, "logs", "--follow", "--data", shop.folder.data],
            output: "\(shop.folder.path)/follow")
        try eventually("it shows what was said") {
            follower.standardOutput.contains("supervisor: all parts are ready")
        }
        try shop.stop()
        try eventually("it shows what is said") {
            follower.standardOutput.contains("supervisor: stopped cleanly")
        }
        #expect(follower.exitCode == nil)
    }
}

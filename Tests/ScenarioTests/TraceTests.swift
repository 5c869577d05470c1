import EventSourcing
import Foundation
import Glibc
import HTTP
import Net
import Testing

/// What a collector of OpenTelemetry's, by its own definitions, sees of a shop.
@Suite(.scenarios) struct TraceTests {
    /// `Tests/Peers/otlp_collector.py`, which reads posts with `opentelemetry-proto`.
    private final class Collector {
        private let child: Child
        private let client: HTTPClient
        let url: String

        /// Nil where there is no opentelemetry-proto.
        init?(_ folder: Folder) throws {
            let python = "\(Shopctl.root.path)/.build/peers/venv/bin/python"
            let module = "opentelemetry.proto.collector.trace.v1.trace_service_pb2"
            guard try Shopctl.run(["sh", "-c", "'\(python)' -c 'import \(module)'"]).code == 0
            else {
                print("skipped: \"traces as a collector sees them\": no opentelemetry-proto")
                return nil
            }
            child = try Child(
                [python, "\(Shopctl.root.path)/Tests/Peers/otlp_collector.py"],
                output: "\(folder.path)/collector")
            let port = try eventually("the collector listens") { [child] () -> UInt16? in
                if let code = child.exitCode {
                    throw Failure("collector: \(code), \(child.standardError)")
                }
                return child.standardOutput.hasSuffix("\n")
                    ? UInt16(child.standardOutput.dropLast()) : nil
            }
            client = HTTPClient(port: port)
            url = "http://127.0.0.1:\(port)"
        }

        deinit { child.kill() }

        func get(_ target: String) throws -> Answer { Answer(try client.get(target)) }

        /// That all that was posted is as OTLP has it.
        func checkPosts() throws { #expect(try get("/problems").text == "") }
    }

    private static let client = (
        trace: "4bf92f3577b34da6a3ce929d0e0e4736", span: "00f067aa0ba902b7"
    )

    private func mails(_ shop: RunningShop) throws -> Int {
        let text = try sqlite(
            shop.folder.log("notifications"),
            "SELECT count(*) FROM events WHERE type = 'notification.sent'")
        return Int(text.split(separator: "\n").first ?? "") ?? 0
    }

    private func trace(_ answer: Answer) throws -> String {
        let parts = (answer.headers["traceparent"] ?? "").split(separator: "-")
        guard parts.count == 4 else { throw Failure("\(answer) has no traceparent") }
        return String(parts[1])
    }

    /// Brings goods in, and waits until they are seen: what a gateway finds in the logs when it
    /// starts is taken over as one, and not told of.
    private func stock(_ shop: RunningShop) throws {
        let answer = try shop.receive("mug", 100)
        #expect(try shop.read("/v1/stock/mug", seeing: answer).json["onHand"]?.integer == 100)
    }

    private func placed(_ shop: RunningShop, _ headers: HTTPHeaders = [:]) throws -> Answer {
        let answer = try shop.post(
            "/v1/orders", OrderBody(more: OrderBody.contact).text, headers)
        guard answer.status == 201 else { throw Failure("\(answer)") }
        return answer
    }

    @Test(arguments: RunningShop.Form.allCases)
    func `from the request to the mail an order is one tree`(form: RunningShop.Form) throws {
        let folder = try Folder()
        guard let collector = try Collector(folder) else { return }
        let shop = try RunningShop(folder, as: form, options: ["--trace-to", collector.url])
        try stock(shop)
        let (id, span) = Self.client
        let unsampled = String(id.reversed())
        var answers: [Answer] = []
        for headers in [
            [:], ["traceparent": "00-\(id)-\(span)-01"],
            ["traceparent": "00-\(unsampled)-\(span)-00"],
        ] as [HTTPHeaders] {
            // One after the other: a commit is below the first of those that it is for.
            answers.append(try placed(shop, headers))
            #expect(try shop.end(of: answers[answers.count - 1]["id"])["status"] == "completed")
        }
        let own = answers[0]
        try eventually("all mails are sent") { try mails(shop) == 9 }
        #expect(try trace(own) == Answer.digits(own.headers["X-Correlation-Id"]))
        // What is queued is sent at the end.
        try shop.stop()
        let answer = try collector.get("/check?trace=\(try trace(own))")
        #expect(answer.status == 200, "\(answer.text)")
        let under = try collector.get("/check?trace=\(id)&client=\(span)")
        #expect(under.status == 200, "\(under.text)")
        #expect(try collector.get("/spans?trace=\(unsampled)").text == "")
        try collector.checkPosts()
    }

    @Test(arguments: ["orders", "payments", "deliveries"])
    func `of a part that is killed the trees are whole again`(part: String) throws {
        let folder = try Folder()
        guard let collector = try Collector(folder) else { return }
        let shop = try RunningShop(
            folder, as: .processes, options: ["--trace-to", collector.url])
        try stock(shop)
        let victim = try eventually("the part is up") { () -> pid_t? in
            let parts = try shop.get("/v1/status").json["parts"]?.array ?? []
            let own = parts.first { $0["part"]?.string == part && $0["state"]?.string == "up" }
            return own?["process"]?.integer.map { pid_t($0) }
        }
        let first = try (0..<5).map { _ in try placed(shop) }
        kill(victim, SIGKILL)
        var second: [Answer] = []
        try eventually("orders are taken") {
            if let answer = try? placed(shop) { second.append(answer) }
            return second.count == 5
        }
        for answer in first + second {
            #expect(try shop.end(of: answer["id"])["status"] == "completed")
        }
        try eventually("all mails are sent") { try mails(shop) >= 30 }
        try shop.stop()
        for answer in first + second {
            let tree = try collector.get("/check?trace=\(try trace(answer))&repeated=1")
            #expect(tree.status == 200, "\(tree.text)")
        }
        try collector.checkPosts()
    }

    @Test(arguments: [true, false])
    func `a collector that is away or silent holds up no order`(isSilent: Bool) throws {
        let folder = try Folder()
        let held = try HeldPort()
        let place = try #require(
            Socket.resolve("127.0.0.1", port: held.number, numeric: true).first)
        // It takes connections, and never reads.
        let listener = isSilent ? try Socket.listen(place, backlog: 8) : nil
        let shop = try RunningShop(folder, options: ["--trace-to", "http://127.0.0.1:\(held)"])
        try shop.receive("mug", 1000)
        for _ in 0..<50 { #expect(try shop.ended()["status"] == "completed") }
        try shop.stop()
        withExtendedLifetime((held, listener)) {}
    }

    @Test func `the environment's variables count, and options before them`() throws {
        let folder = try Folder()
        guard let collector = try Collector(folder) else { return }
        let nowhere = "http://127.0.0.1:1"
        for (variables, options, isTold) in [
            (["OTEL_EXPORTER_OTLP_ENDPOINT=\(collector.url)"], [], true),
            (["OTEL_EXPORTER_OTLP_ENDPOINT=\(collector.url)/"], [], true),
            (
                [
                    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=\(collector.url)/v1/traces",
                    "OTEL_EXPORTER_OTLP_ENDPOINT=\(nowhere)",
                ], [], true
            ),
            (
                [
                    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=\(nowhere)",
                    "OTEL_TRACES_SAMPLER_ARG=0",
                ],
                ["--trace-to", collector.url, "--trace-sample", "1"], true
            ),
            (
                [
                    "OTEL_EXPORTER_OTLP_ENDPOINT=\(collector.url)", "OTEL_TRACES_SAMPLER_ARG=0",
                ], [], false
            ),
            (["OTEL_EXPORTER_OTLP_ENDPOINT="], [], false),
        ] as [([String], [String], Bool)] {
            let shop = try RunningShop(
                try Folder(), options: options, prefix: ["env"] + variables)
            let answer = try shop.receive("mug", 1)
            try shop.stop()
            let spans = try collector.get("/spans?trace=\(try trace(answer))").text
            #expect(spans.contains("receive goods") == isTold, "\(variables) \(spans)")
        }
        try collector.checkPosts()
    }

    @Test func `what is no collector's address is refused`() throws {
        for (command, hint) in [
            (["up", "--trace-to", "collector:4318"], "--trace-to must be http://HOST:PORT"),
            (["up", "--trace-to", "https://h:4318"], "https is not spoken here"),
            (["up", "--trace-sample", "0.5"], "--trace-sample needs --trace-to"),
            (
                ["up", "--trace-to", "http://h:4318", "--trace-sample", "1.5"],
                "--trace-sample must be a number from 0 to 1"
            ),
            (
                ["up", "--trace-to", "http://h:4318", "--trace-sample", "nan"],
                "--trace-sample must be"
            ),
            (
                ["serve", "orders", "--trace-to", "http://h:4318", "--trace-sample", "-1"],
                "--trace-sample must be"
            ),
        ] as [([String], String)] {
            let refused = try Shopctl.run([Shopctl.path] + command)
            #expect(refused.code == 2 && refused.error.contains(hint), "\(command): \(refused)")
        }
        let variable = try Shopctl.run([
            "env", "OTEL_EXPORTER_OTLP_ENDPOINT=nonsense", Shopctl.path, "up",
        ])
        #expect(variable.code == 2)
        #expect(variable.error.contains("OTEL_EXPORTER_OTLP_ENDPOINT must be"))
    }
}

extension Answer {
    /// A UUID without its hyphens.
    fileprivate static func digits(_ text: String?) -> String {
        (text ?? "").filter { $0 != "-" }
    }
}

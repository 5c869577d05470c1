import Foundation
import HTTP
import Synchronization
import Testing

/// Files that cannot be imported: told before anything is sent.
@Suite(.scenarios) struct ImportRefusalTests {
    private static let header =
        "invoice_no,stock_code,description,quantity,invoiced_at,unit_price,customer_id,country\n"
    private static let row = "1,a,MUG,1,2010-12-01 08:26:00,1.00,17850,France\n"

    private func sample() throws -> Data {
        try Data(
            contentsOf: Shopctl.root.appendingPathComponent("Examples/online-retail-500.csv.gz"))
    }

    @Test func `a file that cannot be imported is told, and nothing is sent`() throws {
        let shop = try RunningShop(try Folder())
        let folder = shop.folder.path
        let sample = try sample()
        var damaged = sample
        damaged[damaged.count - 6] ^= 0x55
        let files: [(name: String, content: Data, hint: String)] = [
            ("cut.csv.gz", sample.prefix(sample.count / 2), "damaged or cut off"),
            ("cut-late.csv.gz", sample.dropLast(1), "damaged or cut off"),
            ("damaged.csv.gz", damaged, "damaged or cut off"),
            ("start.csv.gz", sample.prefix(2), "damaged or cut off"),
            ("empty.csv", Data(), "is empty"),
            ("blank.csv", Data("\n\n".utf8), "empty"),
            ("header.csv", Data(Self.header.utf8), "nothing to import"),
            ("returns.csv", Data("\(Self.header)C\(Self.row)".utf8), "nothing to import"),
            (
                "no-price.csv", Data(Self.header.replacing("unit_price,", with: "").utf8),
                "lacks unit_price"
            ),
            ("notes.txt", Data("Dear Ada,\nthank you.\n".utf8), "is this an Online Retail file?"),
            (
                "binary", try Data(contentsOf: URL(fileURLWithPath: Shopctl.path)).prefix(100_000),
                "line 1"
            ),
            ("latin.csv", Data("\(Self.header)\(Self.row)".utf8) + [0x31, 0xA3, 0x0A], "line 3"),
            ("short.csv", Data("\(Self.header)\(Self.row)2,b\n".utf8), "line 3: has 2 fields"),
            (
                "quantity.csv",
                Data("\(Self.header)\(Self.row)\(Self.row.replacing("G,1", with: "G,one"))".utf8),
                "line 3: quantity must be a whole number, and 'one' is not"
            ),
        ]
        for (name, content, hint) in files {
            let path = "\(folder)/\(name)"
            try content.write(to: URL(fileURLWithPath: path))
            let refused = try Shopctl.run("import", "online-retail", path, "--url", shop.url)
            #expect(refused.code == 1 && refused.output.isEmpty, "\(name): \(refused)")
            #expect(refused.error.contains(hint), "\(name): \(refused.error)")
            #expect(refused.error.contains(path), "\(name): \(refused.error)")
        }
        for (path, hint) in [
            (folder, "no regular file"), ("\(folder)/nothing", "cannot be opened"),
            ("/dev/null", "no regular file"),
        ] {
            let refused = try Shopctl.run("import", "online-retail", path, "--url", shop.url)
            #expect(refused.code == 1 && refused.error.contains(hint), "\(refused)")
        }
        for service in ["orders", "deliveries"] {
            #expect(try Shopctl.events(service, in: shop.folder).isEmpty, "\(service)")
        }
    }

    @Test func `a shop that is not there, or is none, is told at once`() throws {
        let folder = try Folder()
        let path = "\(folder.path)/one.csv"
        try "\(Self.header)\(Self.row)".write(toFile: path, atomically: true, encoding: .utf8)
        let nobody = try Shopctl.run("import", "online-retail", path, "--url", "http://127.0.0.1:1")
        #expect(nobody.code == 1 && nobody.output.isEmpty, "\(nobody)")
        #expect(nobody.error.contains("shopctl up"), "\(nobody.error)")
        let other = try HTTPServer.start { _, responder in responder.respond(.text(200, "hello")) }
        defer { other.stop() }
        let refused = try Shopctl.run(
            "import", "online-retail", path, "--url", "http://127.0.0.1:\(other.port)")
        #expect(refused.code == 1 && refused.error.contains("not as a shop"), "\(refused)")
    }

    @Test func `a busy shop is asked again with the same keys`() throws {
        let folder = try Folder()
        let path = "\(folder.path)/one.csv"
        try "\(Self.header)\(Self.row)".write(toFile: path, atomically: true, encoding: .utf8)
        let asked = Mutex<[String]>([])
        let busy = try HTTPServer.start { request, responder in
            guard request.method == .post else {
                return responder.respond(.text(200, "{\"status\":\"\(Self.status(request))\"}"))
            }
            let key = request.headers["Idempotency-Key"] ?? ""
            let isFirst = asked.withLock { asked in
                asked.append(key)
                return !asked.dropLast().contains(key)
            }
            var answer = HTTPResponse.text(isFirst ? 503 : 201, "{\"id\":\"o-1\"}")
            if isFirst { answer.headers["Retry-After"] = "1" }
            responder.respond(answer)
        }
        defer { busy.stop() }
        let done = try Shopctl.run(
            "import", "online-retail", path, "--url", "http://127.0.0.1:\(busy.port)")
        #expect(done.code == 0 && done.output.contains("1 placed"), "\(done)")
        let keys = asked.withLock { $0 }
        #expect(keys.count == 4 && keys[0] == keys[1] && keys[0].hasPrefix("import-"), "\(keys)")
        #expect(keys.suffix(2) == ["import/1", "import/1"], "\(keys)")
    }

    @Test func `a sum of all orders that does not fit is said to be so`() throws {
        let folder = try Folder()
        let path = "\(folder.path)/dear.csv"
        let rows = Self.row.replacing("1.00", with: "92233720368547758.07")
        try "\(Self.header)\(rows)2\(rows.dropFirst())"
            .write(toFile: path, atomically: true, encoding: .utf8)
        let shop = try HTTPServer.start { request, responder in
            let body = "{\"id\":\"o-1\",\"status\":\"\(Self.status(request))\"}"
            responder.respond(.text(request.method == .post ? 201 : 200, body))
        }
        defer { shop.stop() }
        let command = [
            Shopctl.path, "import", "online-retail", path, "--url",
            "http://127.0.0.1:\(shop.port)",
        ]
        let done = try Shopctl.run(command)
        #expect(done.code == 0 && done.output.contains("2 placed"), "\(done)")
        #expect(done.output.contains("does not fit into 64 bits"), "\(done)")
        let json = try Shopctl.run(command + ["--json"])
        #expect(json.output.contains("\"amount\":null"), "\(json)")
    }

    @Test func `a shop that is busy for longer than anybody waits is told at once`() throws {
        let folder = try Folder()
        let path = "\(folder.path)/one.csv"
        try "\(Self.header)\(Self.row)".write(toFile: path, atomically: true, encoding: .utf8)
        let busy = try HTTPServer.start { request, responder in
            guard request.method == .post else {
                return responder.respond(.text(200, "{\"status\":\"alive\"}"))
            }
            var answer = HTTPResponse.text(503, "{}")
            answer.headers["Retry-After"] = "3600"
            responder.respond(answer)
        }
        defer { busy.stop() }
        let done = try Shopctl.run(
            "import", "online-retail", path, "--url", "http://127.0.0.1:\(busy.port)")
        #expect(done.code == 1 && done.error.contains("answers 503; tried for "), "\(done)")
        #expect(!done.error.contains("tried for 60 s"), "\(done)")
    }

    /// Alive, and each order completed.
    private static func status(_ request: HTTPRequest) -> String {
        request.target == "/livez" ? "alive" : "completed"
    }

    @Test func `a machine without gzip is told what to do`() throws {
        let folder = try Folder()
        let path = "\(folder.path)/sample.csv.gz"
        try sample().write(to: URL(fileURLWithPath: path))
        let refused = try Shopctl.run([
            "env", "PATH=\(folder.path)", Shopctl.path, "import", "online-retail", path,
        ])
        #expect(refused.code == 1 && refused.error.contains("gzip cannot be run"), "\(refused)")
    }
}

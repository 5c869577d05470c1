import EventSourcing
import Foundation
import Glibc
import HTTP
import Testing

/// The operator's console: how it is served, and what a browser makes of it. The ways of clicks are
/// in `Tests/Console`.
@Suite(.scenarios) struct ConsoleTests {
    @Test func `the console is served whole, under a policy that lets nothing else in`() throws {
        let shop = try RunningShop.fresh()
        let page = try shop.get("/console")
        #expect(page.status == 200, "\(page)")
        #expect(page.headers["Content-Type"] == "text/html; charset=utf-8")
        let names = Self.links(page.text)
        #expect(names.contains("console.css") && names.contains("main.js"))
        var left = Set(names)
        var seen: Set<String> = []
        while let name = left.popFirst() {
            guard seen.insert(name).inserted else { continue }
            let file = try shop.get("/console/\(name)")
            #expect(file.status == 200 && !file.text.isEmpty, "\(name)")
            let policy = file.headers["Content-Security-Policy"] ?? ""
            #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe"))
            #expect(file.headers["X-Content-Type-Options"] == "nosniff")
            #expect(file.headers["Referrer-Policy"] == "no-referrer")
            #expect(file.headers["Cache-Control"] == "no-cache")
            // Nothing is loaded from elsewhere; a picture's vocabulary is a name alone.
            let text = file.text.replacing("http://www.w3.org/2000/svg", with: "")
            #expect(!text.contains("http://") && !text.contains("https://"), "\(name)")
            left.formUnion(Self.imports(file.text))
        }
        #expect(seen.count > 15, "\(seen)")
        let unknown = try shop.get("/console/passwd")
        #expect(unknown.status == 404 && unknown.isProblem, "\(unknown)")
        #expect(try shop.post("/console", "{}").status == 405)
    }

    @Test func `a browser that has a file of the console is told so`() throws {
        let shop = try RunningShop.fresh()
        let first = try shop.get("/console/main.js")
        let tag = try #require(first.headers["ETag"])
        #expect(tag.hasPrefix("\"") && tag.hasSuffix("\""))
        let again = try shop.get("/console/main.js", ["If-None-Match": tag])
        #expect(again.status == 304 && again.text.isEmpty && again.headers["ETag"] == tag)
        let other = try shop.get("/console/console.css", ["If-None-Match": tag])
        #expect(other.status == 200 && other.headers["ETag"] != tag)
    }

    @Test func `a browser finds all views of the console at work, and a shop that was away`() throws
    {
        let found = try Shopctl.run(["python3", "--version"]).code == 0
        let browser = try Shopctl.run(["sh", "-c", "command -v chromium"]).code == 0
        guard found, browser else {
            print("skipped: \"a browser finds all views of the console\": there is no chromium")
            return
        }
        // Long enough in the provider's hands for its saga to be looked at.
        let options = ["--pay-within", "600"]
        let folder = try Folder()
        var shop = try RunningShop(folder, options: options)
        let port = shop.port
        try shop.receive("mug", 1000)
        let suite = "\(Shopctl.root.path)/Tests/Console/suite.py"
        let clicks = try Child(["python3", suite, shop.url], output: "\(folder.path)/clicks")
        func says(_ line: String) throws {
            try eventually("the suite says: \(line)", within: 500) {
                clicks.exitCode != nil || clicks.standardOutput.contains(line)
            }
        }
        try says("take the shop away")
        shop.kill()
        try says("bring the shop back")
        shop = try RunningShop(folder, port: port, options: options)
        let code = try clicks.end(within: 120)
        let said = clicks.standardOutput + clicks.standardError
        #expect(code == 0 && said.contains(", 0 failed"), "\(said.suffix(6000))")
    }

    /// What the page loads: `/console/main.js` is `main.js`.
    private static func links(_ page: String) -> [String] {
        page.split(separator: "\"").filter { $0.hasPrefix("/console/") }
            .map { String($0.dropFirst("/console/".count)) }
    }

    /// What a script loads: `from './dom.js'` is `dom.js`.
    private static func imports(_ script: String) -> [String] {
        script.split(separator: "'").filter { $0.hasPrefix("./") && $0.hasSuffix(".js") }
            .map { String($0.dropFirst(2)) }
    }
}

import Testing

/// Each check finds what was planted, and passes over what only looks like it.
@Suite struct CheckTests {
    private func lines(_ violations: [Violation]) -> [Int?] { violations.map(\.line) }

    @Test func `strings and comments are no code, interpolations are`() {
        let source = SourceText(
            """
            let a = "x { // \\(call("}")) y" // note {
            let b = #"\\(no) \\#(yes)"# /* one /* two */ { */ + c
            func `it is "quoted" { `() {}
            """)
        let code = source.code.map { $0.split(separator: " ").joined(separator: " ") }
        #expect(
            code == ["let a = (call( ))", "let b = (yes) + c", "func ` `() {}"])
        #expect(source.comments[0].trimmed == "// note {")
        #expect(source.comments[1].trimmed == "/* one /* two */ { */")
    }

    @Test func `a string over several lines is no code`() {
        let fence = "\"\"\""
        let source = SourceText("f(\(fence)\n  } \" try! {\n  \(fence))\ng()")
        #expect(source.code.map { String($0.trimmed) } == ["f(", "", ")", "g()"])
    }

    @Test(arguments: [
        ("Sources/Services/Orders/A.swift", "import Payments"),
        ("Sources/Services/Gateway/A.swift", "package import EventStore"),
        ("Sources/EventStore/Proofs/A.swift", "import Domain"),
        ("Sources/Domain/Orders/A.swift", "import Foundation"),
        ("Sources/HTTP/A.swift", "@preconcurrency internal import struct Domain.Order"),
        ("Sources/SQLite/A.swift", "import FoundationNetworking"),
        ("Sources/Unheard/A.swift", ""),
        ("Sources/Services/A.swift", ""),
    ])
    func `an import against the layout is found`(path: String, text: String) {
        #expect(Layout.violations(path, SourceText(text)).count == 1)
    }

    @Test(arguments: [
        ("Sources/Services/Orders/A.swift", "import Domain\npackage import EventStore"),
        ("Sources/EventStore/Proofs/A.swift", "internal import CPlatform\nimport Glibc"),
        ("Sources/TestKit/A.swift", "import Testing\nimport Messaging"),
        ("Sources/Domain/A.swift", "// import Foundation\nlet a = \"import HTTP\""),
    ])
    func `an import within the layout passes`(path: String, text: String) {
        #expect(Layout.violations(path, SourceText(text)).isEmpty)
    }

    @Test(arguments: [
        "let t = Date()", "let id = UUID()", "Int.random(in: 1...6)", "ContinuousClock().now",
        "clock_gettime(CLOCK_REALTIME, &t)", "arc4random()", "getenv(\"A\")",
        "SystemRandomNumberGenerator()", "ProcessInfo.processInfo", "\"\\(UUID())\"",
        "items.shuffled()",
    ])
    func `a question to the system is found, but in a shell`(text: String) {
        let source = SourceText("\n" + text)
        #expect(lines(Ambient.violations("Sources/Domain/A.swift", source)) == [2])
        for shell in Ambient.shells.keys {
            #expect(Ambient.violations(shell, source).isEmpty)
        }
    }

    @Test(arguments: [
        "// Date()", "\"Date()\"", "let d = RecordedDate()", "runtime.random()", "MyUUID()",
        "items.shuffled(using: &seeded)", "Int.random(in: 1...6, using: &seeded)",
    ])
    func `what only looks like such a question passes`(text: String) {
        #expect(Ambient.violations("Sources/Domain/A.swift", SourceText(text)).isEmpty)
    }

    @Test(arguments: [
        "let a = try! f()", "fatalError()", "let b = a as! B",
        "final class C: @unchecked Sendable {}",
    ])
    func `a hazard needs a comment right above it`(text: String) {
        func count(_ text: String) -> Int { Hazards.violations("a", SourceText(text)).count }
        #expect(count(text) == 1)
        #expect(count("// Why not.\n\n" + text) == 1)
        #expect(count("// It cannot fail, since ...\n" + text) == 0)
        #expect(count("let text = \"try! as! fatalError(\" // try!") == 0)
    }

    @Test func `work put off is found in comments of every kind`() {
        let text = "// TODO: later\nlet a = 1 /* FIXME */\n/// XXX\nlet TODO = \"XXX\" // TODOS"
        #expect(lines(Hazards.violations("a", SourceText(text))) == [1, 2, 3])
    }

    @Test func `a path of one machine is found in any file`() {
        let folder = "wo" + "rk"
        #expect(lines(Hazards.machinePaths("a", "x\ncd /\(folder)/kassa")) == [2])
        #expect(Hazards.machinePaths("a", "cd /\(folder)flows /var/lib").isEmpty)
    }

    @Test func `a script without run bit, interpreter or stop at failures is found`() {
        let good = "#!/usr/bin/env bash\nset -euo pipefail\necho\n"
        #expect(Scripts.violations("s", good, isExecutable: true).isEmpty)
        #expect(Scripts.violations("s", good, isExecutable: false).count == 1)
        #expect(Scripts.violations("s", "echo\n", isExecutable: true).count == 1)
        #expect(Scripts.violations("s", "#!/bin/bash\necho\n", isExecutable: true).count == 1)
    }

    @Test func `a link to nowhere is found, and one to the web or in code passes over`() {
        let page = """
            [a](here.md) [b](../README.md#top) [c](https://example.org/x) [d](#part)
            `[e](code.md)` [f](gone.md "title") [g](../../out.md)

            ```
            [h](fenced.md)
            ```
            [i]: also-gone.md
            """
        let known: Set<String> = ["docs/here.md", "README.md"]
        let found = Markdown.violations("docs/page.md", page, exists: known.contains)
        #expect(lines(found) == [2, 2, 7])
    }
}

import Testing

/// The rules, applied to the tree as it is.
@Suite struct TreeTests {
    let tree: Tree
    init() throws { tree = try Tree() }

    /// One violation a line, so that a failure reads like a compiler's messages.
    private func expectNone(_ violations: [Violation]) {
        let report = violations.map(\.description).joined(separator: "\n")
        #expect(violations.isEmpty, "\(report)")
    }

    @Test func `the tree is found`() {
        #expect(tree.paths.contains("Package.swift"))
        #expect(tree.paths.contains("Tests/TidyTests/TreeTests.swift"))
    }

    @Test func `targets import only what the layout allows`() throws {
        let sources = try tree.sources(in: ["Sources/"], endings: [".swift"])
        expectNone(sources.flatMap { Layout.violations($0, $1) })
    }

    @Test func `only shells ask for the time, randomness or the environment`() throws {
        let sources = try tree.sources(in: ["Sources/"], endings: [".swift"])
        expectNone(sources.flatMap { Ambient.violations($0, $1) })
    }

    @Test func `hazards are explained, and no work is put off`() throws {
        let sources = try tree.sources(
            in: ["Sources/", "Tests/", "Fuzz/", "Package.swift"], endings: [".swift", ".c", ".h"])
        expectNone(sources.flatMap { Hazards.violations($0, $1) })
    }

    @Test func `files, functions and lines keep to the limits`() throws {
        let sources = try tree.sources(
            in: ["Sources/", "Tests/", "Fuzz/", "Package.swift"],
            endings: [".swift", ".c", ".h", ".js", ".css", ".py"])
        expectNone(sources.flatMap { Limits.violations($0, $1) })
    }

    @Test func `no file names a path of one machine`() throws {
        expectNone(
            try tree.paths.flatMap { path in
                try tree.text(path).map { Hazards.machinePaths(path, $0) } ?? []
            })
    }

    @Test func `every script runs and stops at failures`() throws {
        let scripts = tree.paths.filter {
            $0.hasPrefix("scripts/") || $0 == ".ci/run" || $0.hasSuffix(".sh")
        }
        expectNone(
            try scripts.flatMap { path in
                Scripts.violations(
                    path, try tree.text(path) ?? "", isExecutable: tree.isExecutable(path))
            })
    }

    @Test func `every link of a page leads somewhere`() throws {
        expectNone(
            try tree.paths.filter { $0.hasSuffix(".md") }.flatMap { path in
                Markdown.violations(path, try tree.text(path) ?? "", exists: tree.exists)
            })
    }
}

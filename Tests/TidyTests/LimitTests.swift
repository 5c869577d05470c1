import Testing

@Suite struct LimitTests {
    private func found(_ text: String, _ path: String = "a.swift") -> [Int?] {
        Limits.violations(path, SourceText(text)).map(\.line)
    }

    private func lines(_ count: Int, _ line: String = "f()") -> String {
        Array(repeating: line, count: count).joined(separator: "\n")
    }

    @Test func `a file of 401 lines is found, unless its top says why`() {
        #expect(found(lines(400) + "\n").isEmpty)
        #expect(found(lines(401) + "\n") == [nil])
        #expect(found("// tidy: a table\n" + lines(401)).isEmpty)
        #expect(found("// tidy: \n" + lines(401)) == [nil])
        #expect(found(lines(9) + "\n// tidy: a table\n" + lines(401)) == [nil])
    }

    @Test func `a line of 101 columns is found, unless the line above says why`() {
        let long = String(repeating: "é", count: 101)
        #expect(found(lines(9) + "\n" + long.dropLast()).isEmpty)
        #expect(found(lines(9) + "\n" + long) == [10])
        #expect(found(lines(9) + "\n" + long, "a.c") == [10])
        #expect(found(lines(9) + "\n// tidy: a vector\n" + long).isEmpty)
    }

    @Test(arguments: [
        "func f(_ a: Int = { 1 }()) -> [Int] {", "init?(_ a: [Int] = []) {",
        "func `a { sentence`() throws(E) where A: B {",
        "package static func == (a: A, b: A) -> B {",
        "func f() {\n  let s = \"}\" // }",
    ])
    func `a function of 71 lines is found, unless a line above says why`(head: String) {
        let start = lines(9, "let a = self.init()") + "\n"
        let inner = 69 - head.split(separator: "\n").count
        let function = head + "\n" + lines(inner) + "\n}\n"
        #expect(found(start + function).isEmpty)
        let long = head + "\n" + lines(inner + 2) + "\n}\n"
        #expect(found(start + long) == [10])
        #expect(found(start + "// tidy: one switch\n/// Text.\n@Test\n" + long).isEmpty)
    }

    @Test func `a requirement without a body is no function of what follows it`() {
        let head = "protocol P {\nfunc f() -> Int\ninit(a: Int)\nvar b: Int { get }\n}\n"
        #expect(found(head + "struct S {\n" + lines(80, "let a = 1") + "\n}").isEmpty)
    }

    @Test func `functions in functions are each counted`() {
        let text = "func f() {\n\(lines(3))\nfunc g() {\n\(lines(80))\n}\n}"
        #expect(found(text) == [1, 5])
    }
}

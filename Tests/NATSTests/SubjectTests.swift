import NATS
import Testing

@Suite struct SubjectTests {
    @Test(arguments: [
        "a", "a.b.c", "*", ">", "a.*.b", "a.>.b", "a*", "später.ü", "$JS.API.INFO", "_INBOX.x-1",
        "A.1.!",
    ])
    func `a subject is tokens joined by dots`(subject: String) {
        #expect(Subject.isValid(subject))
        #expect(Subject.isValid(subject[...]))
    }

    @Test(arguments: [
        "", ".", "..", "a.", ".a", "a..b", "a b", " a", "a\tb", "a\r\n", "a.\u{0}", "a\u{7F}",
    ])
    func `an empty token, a space and a control sign make no subject`(subject: String) {
        #expect(!Subject.isValid(subject))
        #expect(!Subject.isPattern(subject))
    }

    @Test(arguments: ["a", "*", ">", "a.*", "a.>", "*.>", "*.*", "a.*.c", "a*.>b", ">>", "**.a"])
    func `a pattern has its tail at the end`(pattern: String) {
        #expect(Subject.isPattern(pattern))
    }

    @Test(arguments: [">.a", "a.>.b", ">.>", "*.>.*", "a.>."])
    func `a tail elsewhere makes no pattern`(pattern: String) {
        #expect(!Subject.isPattern(pattern))
    }

    @Test(arguments: [
        ("a", false), ("a.b", false), ("a*", false), (">a", false), ("**", false), ("*", true),
        (">", true), ("a.*", true), ("a.>", true), ("*.a", true), ("a.>.b", true),
    ])
    func `a wildcard is a token of its own`(subject: String, has: Bool) {
        #expect(Subject.hasWildcard(subject) == has)
    }

    @Test(arguments: [
        ("a.b", "a.b", true), ("a.b", "a.c", false), ("a.b", "a", false), ("a", "a.b", false),
        ("*", "a", true), ("*", "*", true), ("*", ">", false), ("a.*", "a.b.c", false),
        (">", "*", true), (">", ">", true), ("a.>", "a", false), ("a.>", "a.*.c", true),
        ("a.>", "*.b", false), ("*.>", "a.>", true), ("*.>", ">", false), ("a.*", "a.>", false),
        ("a*", "ab", false), ("A", "a", false),
    ])
    func `one pattern covers another where all of its subjects are its own`(
        wide: String, narrow: String, covers: Bool
    ) {
        #expect(Subject.covers(wide, narrow) == covers)
    }

    @Test(arguments: [
        ("a.b", "a.b", true), ("a.b", "a.c", false), ("a.*", "*.b", true), ("a.*", "b.*", false),
        ("a.>", "a", false), ("a.>", "a.b", true), (">", "a.b.c", true), ("*", "a.b", false),
        ("*.b.>", "a.*.c", true), ("a.>", "*.b.c.d", true), ("a.*.c", "a.b.*.d", false),
        ("*a", "ba", false),
    ])
    func `two patterns overlap where a subject can be of both`(
        one: String, other: String, overlap: Bool
    ) {
        #expect(Subject.overlap(one, other) == overlap)
        #expect(Subject.overlap(other, one) == overlap)
    }

    /// All sequences of up to so many of the tokens.
    private static func sequences(_ tokens: [String], upTo count: Int) -> [String] {
        var all: [[String]] = [[]]
        for length in 1...count {
            all += all.filter { $0.count == length - 1 }.flatMap { front in
                tokens.map { front + [$0] }
            }
        }
        return all.dropFirst().map { $0.joined(separator: ".") }
    }

    private static let patterns =
        sequences(["a", "b", "*"], upTo: 3)
        + [">"] + sequences(["a", "b", "*"], upTo: 2).map { "\($0).>" }
    /// With a token that no pattern names, and one token more than any pattern has.
    private static let subjects = sequences(["a", "b", "c"], upTo: 4)

    /// Told apart from the rules under test: token by token, from the front.
    private static func stands(_ pattern: [Substring], for subject: [Substring]) -> Bool {
        guard let token = pattern.first else { return subject.isEmpty }
        guard let first = subject.first else { return false }
        if token == ">" { return true }
        return (token == "*" || token == first)
            && stands(Array(pattern.dropFirst()), for: Array(subject.dropFirst()))
    }

    private static let standsFor: [Set<String>] = patterns.map { pattern in
        Set(
            subjects.filter { stands(pattern.split(separator: "."), for: $0.split(separator: ".")) }
        )
    }

    @Test func `covering and overlapping are what the sets of subjects say`() {
        for (wide, ofWide) in zip(Self.patterns, Self.standsFor) {
            for (narrow, ofNarrow) in zip(Self.patterns, Self.standsFor) {
                #expect(
                    Subject.covers(wide, narrow) == ofNarrow.isSubset(of: ofWide),
                    "\(wide) and \(narrow)")
                #expect(
                    Subject.overlap(wide, narrow) == !ofWide.isDisjoint(with: ofNarrow),
                    "\(wide) and \(narrow)")
            }
        }
    }

    @Test func `a pattern matches what it covers`() {
        for (pattern, stands) in zip(Self.patterns, Self.standsFor) {
            let ready = SubjectPattern(pattern)
            for subject in Self.subjects {
                #expect(
                    ready.matches(subject) == stands.contains(subject), "\(pattern), \(subject)")
            }
        }
    }

    @Test func `a pattern of strange tokens matches what it covers`() {
        var numbers = Numbers(seed: 11)
        let tokens = ["a", "ab", "a*", "*a", "**", ">>", ">a", "a>", "ü", "é"]
        var matched = 0
        for _ in 0..<30_000 {
            func make(_ tokens: [String]) -> [String] {
                (0...numbers.below(4)).map { _ in tokens[numbers.below(tokens.count)] }
            }
            var wide = make(tokens + ["*", "*", "*", "*"])
            if numbers.below(3) == 0 { wide.append(">") }
            let pattern = wide.joined(separator: ".")
            let subject = make(tokens).joined(separator: ".")
            let covers = Subject.covers(pattern, subject)
            #expect(SubjectPattern(pattern).matches(subject) == covers, "\(pattern), \(subject)")
            matched += covers ? 1 : 0
        }
        #expect(matched > 1000)
    }
}

@Suite struct SubjectTreeTests {
    private static let tokens = ["a", "b", "c", "ü"]

    private static func pattern(_ numbers: inout Numbers) -> String {
        var tokens = (0...numbers.below(3)).map { _ in
            (Self.tokens + ["*"])[numbers.below(Self.tokens.count + 1)]
        }
        if numbers.below(4) == 0 { tokens[tokens.count - 1] = ">" }
        return tokens.joined(separator: ".")
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `the tree finds what a look at each pattern finds`(seed: UInt64) {
        var numbers = Numbers(seed: seed)
        var tree = SubjectTree<UInt64>()
        var entries: [UInt64: String] = [:]
        var found = 0
        for step in 1...500 as ClosedRange<UInt64> {
            if numbers.below(5) < 3 || entries.isEmpty {
                let pattern = Self.pattern(&numbers)
                tree.insert(step, at: pattern, id: step)
                entries[step] = pattern
            } else {
                let ids = entries.keys.sorted()
                let id = ids[numbers.below(ids.count)]
                // One that is not there, or is elsewhere, takes nothing away.
                tree.remove(id + 100_000, from: entries[id] ?? "")
                tree.remove(id, from: "nowhere.>")
                tree.remove(id, from: entries.removeValue(forKey: id) ?? "")
            }
            #expect(tree.count == entries.count)
            let subject = (0...numbers.below(3)).map { _ in
                (Self.tokens + ["*", ">"])[numbers.below(Self.tokens.count + 2)]
            }.joined(separator: ".")
            let expected = entries.filter { SubjectPattern($0.value).matches(subject) }.keys
            // Asked twice: the second answer is remembered.
            for _ in 0..<2 { #expect(tree.matches(subject).sorted() == expected.sorted()) }
            found += expected.count
        }
        #expect(found > 300)
        for (id, pattern) in entries { tree.remove(id, from: pattern) }
        #expect(tree.count == 0 && tree.matches("a").isEmpty)
    }

    @Test func `what is remembered of many subjects stays right`() {
        var tree = SubjectTree<Int>()
        tree.insert(1, at: "s.*", id: 1)
        for number in 0..<10_000 { #expect(tree.matches("s.\(number)") == [1]) }
        tree.insert(2, at: "s.77", id: 2)
        #expect(tree.matches("s.77").sorted() == [1, 2] && tree.matches("s.78") == [1])
    }
}

/// The rules of subjects: tokens joined by dots, none of them empty, no space in any.
package enum Subject {
    /// Whether messages may be published to it. A `*` or `>` is a token like others here.
    package static func isValid(_ subject: some StringProtocol) -> Bool {
        isWellFormed(subject) { _, _ in true }
    }

    /// Whether it may be subscribed to: `*` stands for one token, `>` at the end for one or more.
    /// Within a token both are letters like others.
    package static func isPattern(_ subject: some StringProtocol) -> Bool {
        isWellFormed(subject) { token, isLast in token.elementsEqual(">".utf8) ? isLast : true }
    }

    /// Whether it has a wildcard.
    package static func hasWildcard(_ subject: some StringProtocol) -> Bool {
        subject.utf8.split(separator: dot, omittingEmptySubsequences: false)
            .contains { $0.elementsEqual("*".utf8) || $0.elementsEqual(">".utf8) }
    }

    /// Whether every subject that `narrow` stands for is one that `wide` stands for.
    package static func covers(_ wide: some StringProtocol, _ narrow: some StringProtocol) -> Bool {
        let (wide, narrow) = (tokens(wide), tokens(narrow))
        for (index, token) in wide.enumerated() {
            guard index < narrow.count else { return false }
            if token.elementsEqual(">".utf8) { return true }
            if narrow[index].elementsEqual(">".utf8) { return false }
            if token.elementsEqual("*".utf8) { continue }
            guard token.elementsEqual(narrow[index]) else { return false }
        }
        return wide.count == narrow.count
    }

    /// Whether a subject can be one that both stand for.
    package static func overlap(_ one: some StringProtocol, _ other: some StringProtocol) -> Bool {
        let (one, other) = (tokens(one), tokens(other))
        for index in 0..<min(one.count, other.count) {
            let (left, right) = (one[index], other[index])
            if left.elementsEqual(">".utf8) || right.elementsEqual(">".utf8) { return true }
            if left.elementsEqual("*".utf8) || right.elementsEqual("*".utf8) { continue }
            guard left.elementsEqual(right) else { return false }
        }
        return one.count == other.count
    }

    package static let dot = UInt8(ascii: ".")

    private static func tokens<Text: StringProtocol>(_ subject: Text)
        -> [Text.UTF8View.SubSequence]
    {
        subject.utf8.split(separator: dot, omittingEmptySubsequences: false)
    }

    private static func isWellFormed<Text: StringProtocol>(
        _ subject: Text, _ isGood: (Text.UTF8View.SubSequence, Bool) -> Bool
    ) -> Bool {
        let tokens = tokens(subject)
        for (index, token) in tokens.enumerated() {
            guard !token.isEmpty, token.allSatisfy({ $0 > 0x20 && $0 != 0x7F }),
                isGood(token, index == tokens.count - 1)
            else { return false }
        }
        return true
    }
}

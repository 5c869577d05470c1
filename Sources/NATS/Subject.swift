/// The rules of subjects: tokens joined by dots, none of them empty, no space in any.
package enum Subject {
    /// Whether messages may be published to it. A `*` or `>` is a token like others here.
    package static func isValid(_ subject: some StringProtocol) -> Bool {
        // Each message's is looked at, so without a list of its tokens: an empty one is where two
        // dots meet, or a dot and an end.
        var last = dot
        for byte in subject.utf8 {
            guard isInToken(byte) || byte == dot && last != dot else { return false }
            last = byte
        }
        return last != dot
    }

    private static func isInToken(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != 0x7F && byte != dot
    }

    /// Whether it may be subscribed to: `*` stands for one token, `>` at the end for one or more.
    /// Within a token both are letters like others.
    package static func isPattern(_ subject: some StringProtocol) -> Bool {
        isValid(subject)
            && tokens(subject).dropLast().allSatisfy { !$0.elementsEqual(">".utf8) }
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
}

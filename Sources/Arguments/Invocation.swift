/// A command line that was understood: the command, and what was given to it.
package struct Invocation: Hashable, Sendable {
    /// The names of the commands, the program's first: `["shopctl", "bench", "store"]`.
    package let path: [String]
    private let options: [String: [String]]
    private let positionals: [String: [String]]

    init(path: [String], options: [String: [String]], positionals: [String: [String]]) {
        self.path = path
        self.options = options
        self.positionals = positionals
    }

    /// Whether the flag was given.
    package func flag(_ name: String) -> Bool { options[name] != nil }

    /// The option's value or default.
    ///
    /// - Throws: `.missingOption` where there is neither.
    package func text(_ name: String) throws(UsageError) -> String {
        guard let text = optionalText(name) else {
            throw error(.missingOption(name, placeholder: "VALUE"))
        }
        return text
    }

    /// The option's value or default, if there is one.
    package func optionalText(_ name: String) -> String? { options[name]?.last }

    /// The values of a repeated option, in order.
    package func texts(_ name: String) -> [String] { options[name] ?? [] }

    /// The option's value or default as a whole number: an optional minus and digits, nothing else.
    ///
    /// - Throws: `.missingOption`, or `.invalidValue` for another form or a number outside `range`.
    package func integer(_ name: String, in range: ClosedRange<Int>) throws(UsageError) -> Int {
        try number(try text(name), of: "--" + name, in: range)
    }

    /// The same, where the option may be absent.
    package func optionalInteger(
        _ name: String, in range: ClosedRange<Int>
    ) throws(UsageError) -> Int? {
        guard let text = optionalText(name) else { return nil }
        return try number(text, of: "--" + name, in: range)
    }

    /// The option's value or default as one of `choices`.
    ///
    /// - Throws: `.missingOption`, or `.invalidValue` for anything else.
    package func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String, of choices: Choice.Type = Choice.self
    ) throws(UsageError) -> Choice {
        let text = try text(name)
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw error(.invalidValue(of: "--" + name, text, expected: "one of \(known)"))
        }
        return choice
    }

    /// The argument in the positional's place.
    ///
    /// - Throws: `.missingArgument` where it is optional and absent.
    package func argument(_ name: String) throws(UsageError) -> String {
        guard let text = optionalArgument(name) else { throw error(.missingArgument(name)) }
        return text
    }

    /// The argument in the positional's place, if there is one.
    package func optionalArgument(_ name: String) -> String? { positionals[name]?.first }

    /// All arguments of a positional that takes any number.
    package func arguments(_ name: String) -> [String] { positionals[name] ?? [] }

    /// The argument in the positional's place, as a whole number.
    package func integerArgument(
        _ name: String, in range: ClosedRange<Int>
    ) throws(UsageError) -> Int {
        try number(try argument(name), of: name, in: range)
    }

    /// An error about this command line, for values that only the command itself can judge.
    package func invalid(
        _ what: String, _ text: String, expected: String
    ) -> UsageError {
        error(.invalidValue(of: what, text, expected: expected))
    }

    /// An error about how the parts of this command line go together.
    package func error(_ problem: UsageError.Problem) -> UsageError {
        UsageError(command: path.joined(separator: " "), problem)
    }

    private func number(
        _ text: String, of what: String, in range: ClosedRange<Int>
    ) throws(UsageError) -> Int {
        guard let number = Int(strictText: text), range.contains(number) else {
            let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
            throw invalid(what, text, expected: expected)
        }
        return number
    }
}

extension Int {
    /// Reads `0`, or digits that do not begin with one, with a minus or without; `Int("+2")` would
    /// be 2.
    fileprivate init?(strictText text: String) {
        let isNegative = text.utf8.first == UInt8(ascii: "-")
        let digits = isNegative ? text.utf8.dropFirst() : text.utf8[...]
        guard let first = digits.first, digits.allSatisfy({ 0x30...0x39 ~= $0 }),
            first != UInt8(ascii: "0") || digits.count == 1 && !isNegative
        else { return nil }
        self.init(text)
    }
}

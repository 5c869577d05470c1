/// A command line that cannot be run. It is printed on standard error, and the program exits with
/// `exitCode`.
package struct UsageError: Error, Hashable, CustomStringConvertible {
    /// The exit status that says so.
    package static let exitCode: Int32 = 2

    package enum Problem: Hashable, Sendable {
        /// `nearest` is the declared name that was perhaps meant.
        case unknownOption(String, nearest: String?)
        case unknownCommand(String, nearest: String?)
        case missingCommand
        /// An option at the end of the line, or in front of another option.
        case missingValue(option: String)
        /// `--flag=value`.
        case unexpectedValue(flag: String)
        case repeatedOption(String)
        case missingOption(String, placeholder: String)
        case missingArgument(String)
        case unexpectedArgument(String)
        /// `what` is `--option` or a positional's name.
        case invalidValue(of: String, String, expected: String)
        /// Two that exclude each other, each as it is typed.
        case notTogether(String, String)
        /// `what` means something only with one of the others.
        case needs(String, String)
        /// None of the command's forms; each as it is typed.
        case missingForm([String])
    }

    /// The command as it is typed, `shopctl bench store`.
    package let command: String
    package let problem: Problem

    package init(command: String, _ problem: Problem) {
        self.command = command
        self.problem = problem
    }

    /// Two lines: what is wrong, and what to do next.
    package var description: String {
        "\(command): \(sentence)\nRun '\(command) --help' to see what it takes."
    }

    private var sentence: String {
        switch problem {
        case .unknownOption(let name, let nearest):
            "there is no option \(name)" + Self.suggestion(nearest)
        case .unknownCommand(let name, let nearest):
            "there is no command '\(name)'" + Self.suggestion(nearest)
        case .missingCommand: "say which command to run"
        case .missingValue(let option):
            "--\(option) needs a value; write --\(option)=VALUE if it begins with hyphens"
        case .unexpectedValue(let flag): "--\(flag) is a switch and takes no value"
        case .repeatedOption(let name): "--\(name) can be given only once"
        case .missingOption(let name, let placeholder): "--\(name) \(placeholder) is required"
        case .missingArgument(let name): "\(name) is missing"
        case .unexpectedArgument(let text): "'\(text)' is one argument too many"
        case .invalidValue(let what, let text, let expected):
            "\(what) must be \(expected), and '\(text)' is not"
        case .notTogether(let one, let other): "\(one) and \(other) cannot be given together"
        case .needs(let what, let other): "\(what) needs \(other) beside it"
        case .missingForm(let forms): "say which: \(forms.joined(separator: ", or "))"
        }
    }

    private static func suggestion(_ nearest: String?) -> String {
        nearest.map { "; did you mean \($0)?" } ?? ""
    }
}

/// What a command line comes to.
package enum ParsedLine: Hashable, Sendable {
    case run(Invocation)
    /// `--help` was asked for: text to print on standard output, with exit status 0.
    case help(String)
}

extension Command {
    /// Reads the arguments after the program's name.
    ///
    /// - Throws: what does not fit, with the command it was found in.
    package func parse(_ arguments: [String]) throws(UsageError) -> ParsedLine {
        var parser = Parser(command: self)
        return try parser.parse(arguments[...])
    }
}

/// Goes down the commands while reading the line from left to right.
private struct Parser {
    var command: Command
    /// The names of the commands so far, and the options that they declare.
    var path: [String]
    var options: [Option]
    var values: [String: [String]] = [:]
    var plain: [String] = []

    init(command: Command) {
        self.command = command
        path = [command.name]
        options = command.options
    }

    mutating func parse(_ line: ArraySlice<String>) throws(UsageError) -> ParsedLine {
        var rest = line
        var onlyPlain = false
        while let argument = rest.popFirst() {
            if onlyPlain || argument == "-" || !argument.utf8.starts(with: "-".utf8) {
                try takePlain(argument)
            } else if argument == "--" {
                onlyPlain = true
            } else if argument == "--help" || argument == "-h" {
                return .help(command.help(path: path, options: options))
            } else {
                try takeOption(argument, &rest)
            }
        }
        return .run(try invocation())
    }

    private func error(_ problem: UsageError.Problem) -> UsageError {
        UsageError(command: path.joined(separator: " "), problem)
    }

    private mutating func takePlain(_ argument: String) throws(UsageError) {
        guard !command.subcommands.isEmpty else {
            plain.append(argument)
            return
        }
        guard let next = command.subcommands.first(where: { $0.name == argument }) else {
            let nearest = Nearest.name(to: argument, among: command.subcommands.map(\.name))
            throw error(.unknownCommand(argument, nearest: nearest))
        }
        let left = command.alone ?? []
        command = next
        path.append(next.name)
        // What stands only with the upper command by itself was given in front of this one.
        if let stray = left.first(where: { values[$0.name] != nil }) {
            throw error(.unknownOption("--" + stray.name, nearest: nil))
        }
        options += next.options
    }

    private mutating func takeOption(
        _ argument: String, _ rest: inout ArraySlice<String>
    ) throws(UsageError) {
        // Bytes, as a combining mark behind it would hide the sign from a split by characters.
        let parts = argument.utf8.split(
            separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        let typed = String(Substring(parts[0]))
        let declared = options + (command.alone ?? [])
        guard let option = declared.last(where: { "--" + $0.name == typed }) else {
            let known = declared.map { "--" + $0.name } + ["--help"]
            throw error(.unknownOption(typed, nearest: Nearest.name(to: typed, among: known)))
        }
        if option.kind != .repeated, values[option.name] != nil {
            throw error(.repeatedOption(option.name))
        }
        if option.kind == .flag {
            guard parts.count == 1 else { throw error(.unexpectedValue(flag: option.name)) }
            values[option.name] = []
        } else if parts.count == 2 {
            values[option.name, default: []].append(String(Substring(parts[1])))
        } else {
            guard let value = rest.popFirst(), !value.utf8.starts(with: "--".utf8) else {
                throw error(.missingValue(option: option.name))
            }
            values[option.name, default: []].append(value)
        }
    }

    private mutating func invocation() throws(UsageError) -> Invocation {
        guard command.subcommands.isEmpty || command.alone != nil else {
            throw error(.missingCommand)
        }
        for option in options + (command.alone ?? []) where values[option.name] == nil {
            switch option.kind {
            case .required:
                throw error(
                    .missingOption(option.name, placeholder: option.placeholder ?? "VALUE"))
            case .value(default: let value?): values[option.name] = [value]
            case .value(default: nil), .flag, .repeated: break
            }
        }
        var rest = plain[...]
        var positionals: [String: [String]] = [:]
        for positional in command.positionals {
            switch positional.count {
            case .one:
                guard let text = rest.popFirst() else {
                    throw error(.missingArgument(positional.name))
                }
                positionals[positional.name] = [text]
            case .optional:
                if let text = rest.popFirst() { positionals[positional.name] = [text] }
            case .any:
                positionals[positional.name] = Array(rest)
                rest = []
            }
        }
        if let extra = rest.first { throw error(.unexpectedArgument(extra)) }
        return Invocation(path: path, options: values, positionals: positionals)
    }
}

extension Command {
    /// The text of `--help`, without a newline at its end.
    func help(path: [String], options: [Option]) -> String {
        let name = path.joined(separator: " ")
        let options = options + (alone ?? [])
        var usage = "Usage: \(name)"
        for option in options where option.kind == .required { usage += " " + option.form }
        if options.contains(where: { $0.kind != .required }) { usage += " [options]" }
        if !subcommands.isEmpty { usage += alone == nil ? " COMMAND" : " [COMMAND]" }
        for positional in positionals { usage += " " + positional.form }

        var sections = ["\(name): \(summary)", usage]
        if !subcommands.isEmpty {
            sections.append(section("Commands", subcommands.map { ($0.name, $0.summary) }))
        }
        if !positionals.isEmpty {
            sections.append(section("Arguments", positionals.map { ($0.name, $0.summary) }))
        }
        let help = ("-h, --help", "shows this text")
        sections.append(section("Options", options.map { ($0.form, $0.explanation) } + [help]))
        sections.append("Example:\n  " + example)
        return sections.joined(separator: "\n\n")
    }

    private func section(_ title: String, _ rows: [(String, String)]) -> String {
        let width = rows.map(\.0.count).max() ?? 0
        let lines = rows.map { row in
            "  " + row.0 + String(repeating: " ", count: width - row.0.count + 2) + row.1
        }
        return "\(title):\n" + lines.joined(separator: "\n")
    }
}

extension Option {
    fileprivate var form: String { "--" + name + (placeholder.map { " " + $0 } ?? "") }

    fileprivate var explanation: String {
        switch kind {
        case .value(default: let value?): "\(summary) (without it: \(value))"
        case .repeated: "\(summary) (as often as needed)"
        case .required: "\(summary) (required)"
        case .value(default: nil), .flag: summary
        }
    }
}

extension Positional {
    fileprivate var form: String {
        switch count {
        case .one: name
        case .optional: "[\(name)]"
        case .any: "[\(name)...]"
        }
    }
}

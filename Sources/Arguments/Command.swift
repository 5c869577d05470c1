/// A command line as a value: what it is called, what it takes, and the commands below it.
///
/// A command with subcommands takes no positionals, and does nothing by itself unless `alone` says
/// so. Its options are valid in all of them, before and after their names.
package struct Command: Hashable, Sendable {
    package let name: String
    /// One line for the list of commands, beginning in lower case.
    package let summary: String
    package let options: [Option]
    package let positionals: [Positional]
    /// A line that works when typed as it stands.
    package let example: String
    package let subcommands: [Command]
    /// What it takes besides where it runs without a subcommand; nil where it needs one.
    package let alone: [Option]?

    package init(
        _ name: String, _ summary: String, options: [Option] = [], positionals: [Positional] = [],
        example: String, subcommands: [Command] = [], alone: [Option]? = nil
    ) {
        self.name = name
        self.summary = summary
        self.options = options
        self.positionals = positionals
        self.example = example
        self.subcommands = subcommands
        self.alone = alone
    }
}

/// An option, `--name value` or `--name=value`, or a flag, `--name`.
package struct Option: Hashable, Sendable {
    /// How often it may and must be given, and what stands for it where it is not.
    package enum Kind: Hashable, Sendable {
        case flag
        case value(default: String?)
        case required
        case repeated
    }

    /// The name, without the hyphens.
    package let name: String
    /// What the value is called in the help, such as `DIR`; nil for a flag.
    package let placeholder: String?
    package let summary: String
    package let kind: Kind

    /// On or off.
    package static func flag(_ name: String, _ summary: String) -> Option {
        Option(name: name, placeholder: nil, summary: summary, kind: .flag)
    }

    /// At most once; where it is absent, `default` stands for it if there is one.
    package static func value(
        _ name: String, _ placeholder: String, _ summary: String, default value: String? = nil
    ) -> Option {
        Option(
            name: name, placeholder: placeholder, summary: summary, kind: .value(default: value))
    }

    /// Exactly once.
    package static func required(
        _ name: String, _ placeholder: String, _ summary: String
    ) -> Option {
        Option(name: name, placeholder: placeholder, summary: summary, kind: .required)
    }

    /// Any number of times; the values keep their order.
    package static func repeated(
        _ name: String, _ placeholder: String, _ summary: String
    ) -> Option {
        Option(name: name, placeholder: placeholder, summary: summary, kind: .repeated)
    }
}

/// An argument that is known by its place.
package struct Positional: Hashable, Sendable {
    /// How many arguments it takes. What does not take exactly one stands last.
    package enum Count: Hashable, Sendable {
        case one
        case optional
        case any
    }

    /// The name, as the help shows it, such as `FILE`.
    package let name: String
    package let summary: String
    package let count: Count

    package init(_ name: String, _ summary: String, count: Count = .one) {
        self.name = name
        self.summary = summary
        self.count = count
    }
}

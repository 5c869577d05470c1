import Arguments
import Testing

enum Format: String, CaseIterable { case text, json }

/// A small program of the shape that `shopctl` has.
let shop = Command(
    "shop", "keeps a shop",
    options: [.value("data", "DIR", "where the logs are", default: "data")],
    example: "shop open --port 8080",
    subcommands: [
        Command(
            "open", "opens the shop",
            options: [
                .value("port", "PORT", "the port to listen on", default: "8080"),
                .value("limit", "N", "stop after so many orders"),
                .flag("verbose", "say more"),
                .repeated("only", "SERVICE", "run this service"),
                .value("format", "FORMAT", "text or json", default: "text"),
            ],
            example: "shop open --port 8080"),
        Command(
            "copy", "copies a log", options: [.required("to", "FILE", "the copy")],
            positionals: [
                Positional("LOG", "the log"), Positional("PART", "its parts", count: .any),
            ],
            example: "shop copy orders --to orders.copy"),
        Command(
            "bench", "measures", example: "shop bench store",
            subcommands: [
                Command(
                    "store", "measures the store",
                    positionals: [Positional("EVENTS", "how many", count: .optional)],
                    example: "shop bench store 1000")
            ]),
    ])

func invocation(_ line: String...) throws -> Invocation {
    switch try shop.parse(line) {
    case .run(let invocation): return invocation
    case .help: throw Unexpected.help
    }
}

enum Unexpected: Error { case help, run }

@Suite struct ParsingTests {
    @Test func `a value follows its option, or an equals sign`() throws {
        for line in [["open", "--port", "81"], ["open", "--port=81"]] {
            guard case .run(let open) = try shop.parse(line) else { throw Unexpected.help }
            #expect(try open.integer("port", in: 1...65535) == 81)
            #expect(open.path == ["shop", "open"])
        }
    }

    @Test func `a value may hold equals signs, be empty, and begin with a combining mark`() throws {
        #expect(try invocation("open", "--data=a=b=").text("data") == "a=b=")
        #expect(try invocation("open", "--data=").text("data") == "")
        #expect(try invocation("open", "--data=\u{301}x").text("data") == "\u{301}x")
        #expect(try invocation("open", "--data=--x").text("data") == "--x")
    }

    @Test func `an absent option has its default, or no value`() throws {
        let open = try invocation("open")
        #expect(try open.integer("port", in: 1...65535) == 8080)
        #expect(try open.optionalInteger("limit", in: 1...10) == nil)
        #expect(!open.flag("verbose"))
        #expect(open.texts("only").isEmpty)
        #expect(try open.choice("format", of: Format.self) == .text)
    }

    @Test func `a repeated option keeps all values in order`() throws {
        let open = try invocation("open", "--only", "b", "--verbose", "--only=a")
        #expect(open.texts("only") == ["b", "a"])
        #expect(open.flag("verbose"))
    }

    @Test func `an upper command's option stands before or after the lower command`() throws {
        #expect(try invocation("--data", "x", "bench", "store").text("data") == "x")
        #expect(try invocation("bench", "--data", "x", "store").text("data") == "x")
        #expect(try invocation("bench", "store", "--data", "x").text("data") == "x")
    }

    @Test func `arguments go to the positionals in order, and all are plain after two hyphens`()
        throws
    {
        let copy = try invocation("copy", "orders", "-", "--to", "f", "--", "--to", "-h")
        #expect(try copy.argument("LOG") == "orders")
        #expect(copy.arguments("PART") == ["-", "--to", "-h"])
        #expect(try copy.text("to") == "f")
        #expect(try invocation("bench", "store").optionalArgument("EVENTS") == nil)
        #expect(try invocation("bench", "store", "12").integerArgument("EVENTS", in: 1...20) == 12)
    }
}

@Suite struct UsageErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var line: [String]
        var command: String
        var problem: UsageError.Problem
        var testDescription: String { line.joined(separator: " ") }

        init(_ line: [String], _ command: String, _ problem: UsageError.Problem) {
            (self.line, self.command, self.problem) = (line, command, problem)
        }
    }

    @Test(arguments: [
        Case([], "shop", .missingCommand),
        Case(["bench"], "shop bench", .missingCommand),
        Case(["opne"], "shop", .unknownCommand("opne", nearest: "open")),
        Case(["everything"], "shop", .unknownCommand("everything", nearest: nil)),
        Case(["open", "--prot", "1"], "shop open", .unknownOption("--prot", nearest: "--port")),
        Case(["open", "--prot=1"], "shop open", .unknownOption("--prot", nearest: "--port")),
        Case(["open", "--hlep"], "shop open", .unknownOption("--hlep", nearest: "--help")),
        Case(["open", "-v"], "shop open", .unknownOption("-v", nearest: nil)),
        Case(["--port", "1", "open"], "shop", .unknownOption("--port", nearest: nil)),
        Case(["open", "--port"], "shop open", .missingValue(option: "port")),
        Case(["open", "--port", "--verbose"], "shop open", .missingValue(option: "port")),
        Case(["open", "--verbose=yes"], "shop open", .unexpectedValue(flag: "verbose")),
        Case(["open", "--port=1", "--port=2"], "shop open", .repeatedOption("port")),
        Case(["open", "--verbose", "--verbose"], "shop open", .repeatedOption("verbose")),
        Case(["copy", "orders"], "shop copy", .missingOption("to", placeholder: "FILE")),
        Case(["copy", "--to=f"], "shop copy", .missingArgument("LOG")),
        Case(["open", "now"], "shop open", .unexpectedArgument("now")),
        Case(["bench", "store", "1", "2"], "shop bench store", .unexpectedArgument("2")),
    ])
    func `a line that does not fit says where and why`(wrong: Case) {
        #expect(throws: UsageError(command: wrong.command, wrong.problem)) {
            try shop.parse(wrong.line)
        }
    }

    @Test(arguments: [
        "", "+2", "-0", "02", "1_0", "0x1", "1.0", " 1", "1 ", "٣", "0", "65536", "-1",
        "99999999999999999999", "-",
    ])
    func `a port that is no whole number in its range is refused`(text: String) throws {
        let open = try invocation("open", "--port=\(text)")
        #expect(
            throws: UsageError(
                command: "shop open",
                .invalidValue(of: "--port", text, expected: "a whole number from 1 to 65535"))
        ) { try open.integer("port", in: 1...65535) }
    }

    @Test func `numbers at the ends of the range are taken`() throws {
        for number in [Int.min, -1, 0, 1, Int.max] {
            let open = try invocation("open", "--limit", String(number))
            #expect(try open.optionalInteger("limit", in: .min ... .max) == number)
        }
    }

    @Test func `a choice that is none names those there are`() throws {
        let open = try invocation("open", "--format=xml")
        #expect(
            throws: UsageError(
                command: "shop open",
                .invalidValue(of: "--format", "xml", expected: "one of text, json"))
        ) { try open.choice("format", of: Format.self) }
    }

    @Test func `the message says what is wrong and what to do next`() {
        let error = UsageError(command: "shop", .unknownCommand("opne", nearest: "open"))
        #expect(
            error.description == """
                shop: there is no command 'opne'; did you mean open?
                Run 'shop --help' to see what it takes.
                """)
        #expect(UsageError.exitCode == 2)
    }
}

@Suite struct HelpTests {
    func help(_ line: String...) throws -> String {
        guard case .help(let text) = try shop.parse(line) else { throw Unexpected.run }
        return text
    }

    @Test func `help lists commands, options and an example`() throws {
        #expect(
            try help("--help") == """
                shop: keeps a shop

                Usage: shop [options] COMMAND

                Commands:
                  open   opens the shop
                  copy   copies a log
                  bench  measures

                Options:
                  --data DIR  where the logs are (without it: data)
                  -h, --help  shows this text

                Example:
                  shop open --port 8080
                """)
    }

    @Test func `help of a lower command shows its own arguments and the options from above`() throws
    {
        #expect(
            try help("copy", "-h") == """
                shop copy: copies a log

                Usage: shop copy --to FILE [options] LOG [PART...]

                Arguments:
                  LOG   the log
                  PART  its parts

                Options:
                  --data DIR  where the logs are (without it: data)
                  --to FILE   the copy (required)
                  -h, --help  shows this text

                Example:
                  shop copy orders --to orders.copy
                """)
        #expect(try help("bench", "store", "7", "--help").contains("[EVENTS]"))
    }
}

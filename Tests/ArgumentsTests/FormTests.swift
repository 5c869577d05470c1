import Arguments
import Testing

/// A command that runs by itself, and has a command below it as well.
private let replay = Command(
    "replay", "tells what happened", options: [.value("data", "DIR", "where", default: "data")],
    example: "replay --verify",
    subcommands: [
        Command(
            "order", "tells of one order", options: [.value("at", "TIME", "when")],
            positionals: [Positional("ID", "the order")], example: "replay order 7")
    ],
    alone: [.flag("verify", "proves it"), .value("service", "NAME", "whose", default: "all")])

private func problem(_ line: String...) -> UsageError.Problem? {
    do throws(UsageError) {
        _ = try replay.parse(line)
        return nil
    } catch { return error.problem }
}

@Suite struct FormTests {
    @Test func `a command may run by itself, with options of its own`() throws {
        guard case .run(let alone) = try replay.parse(["--verify", "--data", "d"]) else {
            throw Unexpected.help
        }
        #expect(alone.path == ["replay"] && alone.flag("verify"))
        #expect(try alone.text("data") == "d")
        #expect(try alone.text("service") == "all")
    }

    @Test func `the command below it does not take them, before or after its name`() throws {
        guard case .run(let order) = try replay.parse(["--data", "d", "order", "7"]) else {
            throw Unexpected.help
        }
        #expect(order.path == ["replay", "order"])
        #expect(order.optionalText("service") == nil)
        #expect(problem("--verify", "order", "7") == .unknownOption("--verify", nearest: nil))
        #expect(
            problem("order", "7", "--service", "x") == .unknownOption("--service", nearest: nil))
        #expect(problem("order", "7", "--verify") == .unknownOption("--verify", nearest: nil))
    }

    @Test func `its help names both`() throws {
        guard case .help(let text) = try replay.parse(["--help"]) else { throw Unexpected.run }
        #expect(text.contains("[COMMAND]") && text.contains("order"))
        #expect(text.contains("--verify") && text.contains("--service NAME"))
        guard case .help(let order) = try replay.parse(["order", "--help"]) else {
            throw Unexpected.run
        }
        #expect(!order.contains("--verify"))
    }

    @Test func `what is wrong with a whole line is a sentence`() throws {
        guard case .run(let line) = try replay.parse([]) else { throw Unexpected.help }
        func text(_ problem: UsageError.Problem) -> String { line.error(problem).description }
        #expect(text(.notTogether("--a", "--b")).contains("--a and --b cannot be given together"))
        #expect(text(.needs("--a", "--b")).contains("--a needs --b beside it"))
        #expect(text(.missingForm(["one", "two"])).contains("say which: one, or two"))
    }
}

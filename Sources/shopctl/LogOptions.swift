import Arguments
import EventSourcing
import Glibc
import Host

/// What is told of the log of operators, and how.
enum LogOptions {
    enum Form: String {
        /// For a person; JSON, one object a line, for whatever gathers logs.
        case text, json
    }

    static let levels = LogLine.Level.allCases.map(\.rawValue).joined(separator: ", ")
    static let level = Option.value(
        "log-level", "LEVEL",
        "what is told and kept of the log: \(levels); debug has each request, command, message "
            + "and call", default: "info")
    static let form = Option.value(
        "log-form", "FORM",
        "text or json; without it text on a terminal, and JSON lines elsewhere")

    static let all = [level, form]

    static func level(_ invocation: Invocation, _ name: String = "log-level") throws(UsageError)
        -> LogLine.Level
    {
        let text = try invocation.text(name)
        guard let level = LogLine.Level(rawValue: text) else {
            throw invocation.invalid("--\(name)", text, expected: "one of \(levels)")
        }
        return level
    }

    static func form(_ invocation: Invocation) throws(UsageError) -> Form {
        guard let text = invocation.optionalText("log-form") else {
            return isatty(STDERR_FILENO) == 1 ? .text : .json
        }
        guard let form = Form(rawValue: text) else {
            throw invocation.invalid("--log-form", text, expected: "text or json")
        }
        return form
    }

    /// As a command line, for a part that runs below this process, which reads its lines.
    static func arguments(_ invocation: Invocation) throws(UsageError) -> [String] {
        ["--log-level", try level(invocation).rawValue, "--log-form", Form.json.rawValue]
    }
}

/// Where a process's own lines go: to standard error, and to its file in the shop's folder.
struct LogOutput: Sendable {
    private let name: String
    private let level: LogLine.Level
    private let form: LogOptions.Form
    private let file: LineFile
    private let runtime = SystemRuntime()

    /// - Parameter name: the process's; its lines are of it unless they say otherwise.
    init(_ invocation: Invocation, of name: String) throws {
        self.name = name
        level = try LogOptions.level(invocation)
        form = try LogOptions.form(invocation)
        file = LineFile(name, in: try invocation.text("data"))
    }

    var tellsAll: Bool { level == .debug }

    @Sendable func take(_ line: LogLine) {
        guard line.level >= level else { return }
        let line = WrittenLine(line, of: name, at: runtime.now())
        file.append(line)
        switch form {
        case .json: Self.write(line.json)
        case .text: Self.write(Self.text(line))
        }
    }

    /// For the file alone: whoever watches is told in another way.
    func keep(_ text: String) {
        guard level <= .info else { return }
        file.append(WrittenLine(LogLine(text, .info), of: name, at: runtime.now()))
    }

    /// Passes on what a part has written to its standard error; its file has it already.
    ///
    /// - Parameter prefix: the part's column on a terminal.
    func pass(_ text: String, of part: String, prefix: String) {
        let line = WrittenLine(json: text.utf8)
        // What is no line of the log is a crash's, or somebody else's; nobody has kept it yet.
        let shown = line ?? WrittenLine(runtime.now(), .error, part, text)
        if line == nil { file.append(shown) }
        switch form {
        case .text:
            Self.write(
                "\(prefix)\(line.map { Self.text($0, isNamed: false) } ?? Terminal.plain(text))")
        case .json: Self.write(shown.json)
        }
    }

    /// For a person: foreign text in it steers no terminal.
    static func text(_ line: WrittenLine, isNamed: Bool = true) -> String {
        let level = line.level.rawValue
        let shown =
            switch line.level {
            case .error: Terminal.red(level)
            case .warning: Terminal.bold(level)
            case .info: level
            case .debug: Terminal.dim(level)
            }
        let name = isNamed ? "\(Terminal.plain(line.service)): " : ""
        return "\(line.time) \(shown) \(name)\(Terminal.plain(line.message))"
            + Terminal.plain(line.about)
    }

    private static func write(_ text: String) {
        let bytes = Array("\(text)\n".utf8)
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}

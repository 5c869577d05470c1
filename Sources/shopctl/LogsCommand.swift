import Arguments
import EventSourcing
import Glibc
import Host

/// `shopctl logs`: what the processes of a shop have said, by time.
enum LogsCommand {
    private static let most = 100_000

    static let command = Command(
        "logs", "show what the shop's processes have said, or all lines of one order",
        options: [
            ShopCommand.data,
            .value(
                "order", "ID",
                "the lines of this order, of all services, its events among them"),
            .value("service", "NAME", "only the lines of this part"),
            .value(
                "level", "LEVEL", "only lines of this level and above: \(LogOptions.levels)",
                default: "debug"),
            .value("since", "TIME", "only what was said from then on, 2026-11-28T05:24:04Z"),
            .value("limit", "COUNT", "the newest so many", default: "200"),
            .flag("follow", "go on with what comes, until Ctrl-C"),
            ShopCommand.json,
        ],
        example: "shopctl logs --order 0198c7d2-0000-7000-8000-000000000000")

    static func run(_ invocation: Invocation) throws {
        var question = LineQuestion()
        question.level = try LogOptions.level(invocation, "level")
        question.limit = try invocation.integer("limit", in: 1...most)
        question.service = try service(invocation)
        if let text = invocation.optionalText("since") {
            guard let time = Timestamp(text) else {
                throw invocation.invalid(
                    "--since", text, expected: "a time, such as 2026-11-28T05:24:04Z")
            }
            question.since = time
        }
        question.order = invocation.optionalText("order")
        var history = LineHistory(in: try invocation.text("data"), question)
        let isJSON = invocation.flag("json")
        var output = LineOutput.standard
        try show(history.read(), isJSON, &output)
        while invocation.flag("follow") {
            try output.pause(milliseconds: 200)
            try show(history.more(), isJSON, &output)
        }
    }

    private static func show(_ lines: [WrittenLine], _ isJSON: Bool, _ output: inout LineOutput)
        throws
    {
        for line in lines { try output.line(isJSON ? line.json : LogOutput.text(line)) }
        try output.flush()
    }

    private static func service(_ invocation: Invocation) throws(UsageError) -> String? {
        guard let name = invocation.optionalText("service") else { return nil }
        let others = ["shop", "supervisor"]
        let known = ShopPart.allCases.map(\.rawValue) + others
        guard known.contains(name) else {
            throw invocation.invalid(
                "--service", name, expected: "one of \(known.joined(separator: ", "))")
        }
        return name
    }
}

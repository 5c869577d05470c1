import Arguments
import EventSourcing

/// The commands of `shopctl`, and who carries them out.
enum ShopCommand {
    static let json = Option.flag("json", "print JSON instead of text")
    static let data = Option.value("data", "DIR", "the shop's folder", default: ".kassa")
    static let url = Option.value(
        "url", "URL", "where the gateway listens", default: "http://127.0.0.1:8080")

    static let all = Command(
        "shopctl", "Runs an event-sourced shop, places orders, and proves its history.",
        example: "shopctl up",
        subcommands: [
            UpCommand.command, ServeCommand.command, StatusCommand.command,
            AccountsCommand.command, OrderCommand.command, StockCommand.command,
            SagaCommand.command, ParkedCommand.command, EventsCommand.command,
            LogsCommand.command, ImportCommand.command, ReplayCommand.command,
            ReportCommand.command,
            ExportCommand.command, ProjectionsCommand.command, DoctorCommand.command,
            EpochCommand.command, BenchCommand.command, SimulateCommand.command,
        ])

    /// 0 done, 1 refused or failed; 2, wrong usage, is the caller's.
    static func run(_ invocation: Invocation) -> Int32 {
        do {
            // What a shell makes of a variable that is not set is not the folder `/`.
            if invocation.optionalText("data")?.isEmpty == true {
                throw invocation.invalid("--data", "", expected: "a folder")
            }
            switch invocation.path.dropFirst().first {
            case "up": try UpCommand.run(invocation)
            case "serve": try ServeCommand.run(invocation)
            case "status": return try StatusCommand.run(invocation)
            case "accounts": return try AccountsCommand.run(invocation)
            case "order": try OrderCommand.run(invocation)
            case "stock": try StockCommand.run(invocation)
            case "saga": try SagaCommand.run(invocation)
            case "parked": return try ParkedCommand.run(invocation)
            case "events": try EventsCommand.run(invocation)
            case "logs": try LogsCommand.run(invocation)
            case "replay": return try ReplayCommand.run(invocation)
            case "projections": try ProjectionsCommand.run(invocation)
            case "report": try ReportCommand.run(invocation)
            case "export": try ExportCommand.run(invocation)
            case "doctor": return try DoctorCommand.run(invocation)
            case "epoch": try EpochCommand.run(invocation)
            case "import": return try ImportCommand.run(invocation)
            case "bench": return try BenchCommand.run(invocation)
            case "simulate": return try SimulateCommand.run(invocation)
            default: throw CommandFailure("no such command; see shopctl --help")
            }
            return 0
        } catch let error as UsageError {
            Terminal.complain(error.description)
            return UsageError.exitCode
        } catch is OutputClosed {
            // Whoever read has seen enough.
            return 0
        } catch {
            Terminal.endProgress()
            // A line each: whoever started this process reads them so.
            Terminal.complain("\(error)".split(separator: "\n").joined(separator: " "))
            return 1
        }
    }
}

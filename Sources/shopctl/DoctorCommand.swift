import Arguments
import EventSourcing
import Glibc
import Host

/// `shopctl doctor`: is everything as it should be, and if not, what is to be done.
enum DoctorCommand {
    static let command = Command(
        "doctor", "look at the shop's files and the machine, and change nothing",
        options: [
            ShopCommand.data,
            .value("port", "PORT", "where the shop is meant to listen", default: "8080"),
            ShopCommand.json,
        ],
        example: "shopctl doctor --data .kassa")

    /// - Returns: 1 where there is a problem; a warning is none.
    static func run(_ invocation: Invocation) throws -> Int32 {
        var settings = Doctor.Settings(
            data: try invocation.text("data"),
            port: UInt16(try invocation.integer("port", in: 1...65535)),
            searchPath: getenv("PATH").map { String(cString: $0) } ?? "", runtime: SystemRuntime())
        settings.progress = { Terminal.progress($0) }
        let doctor = Doctor(settings)
        Terminal.endProgress()
        print(invocation.flag("json") ? json(doctor) : text(doctor))
        return doctor.problems > 0 ? 1 : 0
    }

    private static func text(_ doctor: Doctor) -> String {
        var lines: [String] = []
        for check in doctor.checks {
            let state =
                switch check.state {
                case .ok: Terminal.green("ok     ")
                case .warning: Terminal.bold("warning")
                case .problem: Terminal.red("problem")
                }
            lines.append("\(state)  \(check.name): \(check.finding)")
            if let advice = check.advice { lines.append("         -> \(advice)") }
        }
        lines.append(
            "\(doctor.problems) problems, \(doctor.warnings) warnings; shopctl replay --verify "
                + "proves every event and row")
        return lines.joined(separator: "\n")
    }

    private static func json(_ doctor: Doctor) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("healthy", doctor.problems == 0)
            json.member("problems", Int64(doctor.problems))
            json.member("warnings", Int64(doctor.warnings))
            json.member("checks") { json in
                json.array { json in
                    for check in doctor.checks {
                        json.object { json in
                            json.member("name", check.name)
                            json.member("state", check.state.rawValue)
                            json.member("finding", check.finding)
                            if let advice = check.advice { json.member("advice", advice) }
                        }
                    }
                }
            }
        }
        return json.text
    }
}

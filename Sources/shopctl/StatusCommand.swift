import Arguments
import EventSourcing
import HTTP

/// `shopctl status`: how each part of a running shop does.
enum StatusCommand {
    static let command = Command(
        "status", "how each part of a running shop does, and how far readers are behind",
        options: [ShopCommand.url, ShopCommand.json], example: "shopctl status")

    /// 0 where the shop is ready and all parts are up, else 1.
    static func run(_ invocation: Invocation) throws -> Int32 {
        // Whoever asks how a shop does wants to know soon that it does not answer.
        let status = try GatewayClient(invocation, within: .seconds(5))
            .send(.get, "/v1/status").json
        var output = LineOutput.standard
        if invocation.flag("json") {
            try output.line(status.text)
        } else {
            for line in lines(status) { try output.line(line) }
        }
        try output.flush()
        let parts = status["parts"]?.array ?? []
        let isWell =
            status["status"]?.string == "ready"
            && parts.allSatisfy { ["up", "elsewhere"].contains($0["state"]?.string) }
        return isWell ? 0 : 1
    }

    private static func lines(_ status: JSON) -> [String] {
        var lines = ["\(status["status"]?.string ?? "unknown") at \(status["at"]?.string ?? "")"]
        if status["intakeStopped"] == .bool(true) {
            lines.append("new orders and goods are refused for now")
        }
        lines += [""] + parts(status) + [""] + consumers(status)
        let sagas = status["sagas"] ?? .null
        lines += [
            "",
            "open sagas \(OrderText.number(sagas["open"])), of which have not begun "
                + OrderText.number(sagas["waiting"]),
        ]
        return lines
    }

    private static func parts(_ status: JSON) -> [String] {
        var table = Table([
            .text("PART"), .text("STATE"), .figure("UP"), .figure("MEMORY"), .figure("LOG HEAD"),
            .figure("PARKED"), .text("CALLS"), .figure("PROCESS"), .text("ADDRESS"),
            .text("BUILD"),
        ])
        for part in status["parts"]?.array ?? [] {
            table.add([
                part["part"]?.string ?? "", part["state"]?.string ?? "",
                part["upMilliseconds"]?.integer.map(time) ?? "",
                part["residentBytes"]?.integer.map { "\($0 >> 20) MiB" } ?? "",
                part["logHead"]?.integer.map { "\($0)" } ?? "",
                part["parkedMessages"]?.integer.map { "\($0)" } ?? "",
                part["calls"]?["breaker"]?.string ?? "",
                part["process"]?.integer.map { "\($0)" } ?? "", part["address"]?.string ?? "",
                part["version"]?.string ?? "",
            ])
        }
        return table.lines
    }

    private static func consumers(_ status: JSON) -> [String] {
        var table = Table([
            .text("READER"), .text("SOURCE"), .figure("READ TO"), .figure("EVENTS BEHIND"),
            .figure("TIME BEHIND"),
        ])
        for reader in status["consumers"]?.array ?? [] {
            table.add([
                reader["consumer"]?.string ?? "", reader["source"]?.string ?? "",
                OrderText.number(reader["position"]), OrderText.number(reader["behindEvents"]),
                reader["behindMilliseconds"]?.integer.map(time) ?? "",
            ])
        }
        return table.lines
    }

    /// A length of time in its two greatest units.
    private static func time(_ milliseconds: Int64) -> String {
        let seconds = milliseconds / 1000
        switch seconds {
        case ..<10: return "\(seconds).\(milliseconds % 1000 / 100) s"
        case ..<120: return "\(seconds) s"
        case ..<7200: return "\(seconds / 60) min \(seconds % 60) s"
        case ..<172_800: return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
        default: return "\(seconds / 86_400) d \(seconds % 86_400 / 3600) h"
        }
    }
}

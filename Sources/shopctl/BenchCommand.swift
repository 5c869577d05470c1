import Arguments
import Host

/// `shopctl bench`: what this build does on this machine.
enum BenchCommand {
    static let command = Command(
        "bench", "measure what this build does on this machine",
        options: [
            .value(
                "data", "DIR", "where to put the files; removed afterwards", default: ".kassa-bench"
            ), ShopCommand.json,
        ],
        example: "shopctl bench store",
        subcommands: [
            Command(
                "store", "events a second that one writer appends in batches",
                options: [.value("events", "COUNT", "how many", default: "400000")],
                example: "shopctl bench store --events 400000"),
            Command(
                "shop", "orders a second from placing to completion, and where the time goes",
                options: [
                    .value("orders", "COUNT", "how many", default: "10000"),
                    .value("lines", "COUNT", "lines an order", default: "3"),
                ],
                example: "shopctl bench shop --orders 10000"),
            Command(
                "growth", "one log of many events: appending, opening and reading it by then",
                options: [
                    .value(
                        "events", "COUNT", "how many; each takes 600 bytes or so on disk",
                        default: "10000000")
                ],
                example: "shopctl bench growth --events 10000000"),
            Command(
                "rebuild",
                "a shop of many orders: its rows built anew, its audit, and the time to start",
                options: [
                    .value("orders", "COUNT", "how many", default: "30000"),
                    .value("lines", "COUNT", "lines an order", default: "3"),
                    .value(
                        "shop", "DIR",
                        "a stopped shop to look at without changing it; made without"),
                ],
                example: "shopctl bench rebuild --orders 30000"),
        ])

    static func run(_ invocation: Invocation) throws {
        let data = try invocation.text("data")
        let report: BenchReport
        switch invocation.path.last {
        case "store":
            report = try StoreBench.run(
                data: data, events: try invocation.integer("events", in: 1000...100_000_000),
                progress: Terminal.progress)
        case "growth":
            report = try GrowthBench.run(
                data: data, events: try invocation.integer("events", in: 1000...1_000_000_000),
                progress: Terminal.progress)
        case "rebuild":
            var settings = RebuildBench.Settings(data: data)
            settings.shop = invocation.optionalText("shop")
            settings.orders = try invocation.integer("orders", in: 10...10_000_000)
            settings.lines = try invocation.integer("lines", in: 1...2000)
            report = try RebuildBench.run(settings, progress: Terminal.progress)
        default:
            report = try ShopBench.run(
                data: data, orders: try invocation.integer("orders", in: 10...10_000_000),
                lines: try invocation.integer("lines", in: 1...2000),
                progress: Terminal.progress)
        }
        Terminal.endProgress()
        if invocation.flag("json") {
            print(report.json)
        } else {
            for figure in report.figures { print("  \(figure.name): \(figure.text)") }
        }
    }
}

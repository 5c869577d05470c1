import Arguments
import Host

/// What is measured of long logs.
extension BenchCommand {
    static let growth = Command(
        "growth", "one log of many events: appending, opening and reading it by then",
        options: [
            .value(
                "events", "COUNT", "how many; each takes 400 bytes or so on disk",
                default: "10000000")
        ],
        example: "shopctl bench growth --events 10000000")

    static let rebuild = Command(
        "rebuild", "a shop of many orders: its rows built anew, its audit, and the time to start",
        options: [
            .value("orders", "COUNT", "how many; 40,000 leave a million events", default: "40000"),
            .value("lines", "COUNT", "lines an order", default: "3"),
            .value(
                "shop", "DIR", "a stopped shop to look at without changing it; made without"),
        ],
        example: "shopctl bench rebuild --orders 40000")

    static func planGrowth(_ invocation: Invocation) throws -> Run {
        let events = try invocation.integer("events", in: 1000...1_000_000_000)
        return {
            try inFolder(invocation) { data in
                (try GrowthBench.run(data: data, events: events, progress: Terminal.progress), [])
            }
        }
    }

    static func planRebuild(_ invocation: Invocation) throws -> Run {
        let shop = invocation.optionalText("shop")
        let orders = try invocation.integer("orders", in: 10...10_000_000)
        let lines = try invocation.integer("lines", in: 1...2000)
        return {
            try inFolder(invocation) { data in
                var settings = RebuildBench.Settings(data: data)
                settings.shop = shop
                (settings.orders, settings.lines) = (orders, lines)
                return (try RebuildBench.run(settings, progress: Terminal.progress), [])
            }
        }
    }
}

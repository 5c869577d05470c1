import Arguments
import Glibc
import Host

/// What is measured of the whole shop.
extension BenchCommand {
    private static let clientsOption = Option.value(
        "clients", "COUNT", "connections that orders are placed on", default: "64")
    private static let linesOption = Option.value(
        "lines", "COUNT", "lines an order", default: "3")

    static let shopOptions: [Option] = [
        .value("orders", "COUNT", "how many the burst has; 10000 without"),
        .value("duration", "SECONDS", "have a burst for so long instead"), clientsOption,
        linesOption,
        .value("full", "SECONDS", "how long as many are placed as are completed", default: "10"),
        .value("half", "SECONDS", "how long half of that load is held", default: "5"),
        .value("url", "URL", "drive a shop that runs there; without, one is started"),
    ]

    static let shop = Command(
        "shop", "orders a second from placing to completion, and where the time goes",
        options: shopOptions, example: "shopctl bench shop --orders 10000")

    static let overload = Command(
        "overload", "many times what is completed at full load, and what comes after",
        options: [
            .value("times", "COUNT", "how many times as much is placed", default: "10"),
            .value("seconds", "SECONDS", "how long", default: "20"),
            .value(
                "full", "SECONDS", "how long full load is held before and after", default: "10"),
            .value(
                "clients", "COUNT", "connections that orders are placed on", default: "2000"),
            linesOption,
            .flag("processes", "a process each, as shopctl up has it, instead of one"),
        ],
        example: "shopctl bench overload --times 10")

    static let soak = Command(
        "soak", "half of the load for long: whether memory or descriptors grow",
        options: [
            .required("minutes", "MINUTES", "how long"),
            .value(
                "rate", "COUNT", "orders a second; half of what a short burst completes without"),
            clientsOption, linesOption,
        ],
        example: "shopctl bench soak --minutes 60")

    static func planShop(_ invocation: Invocation) throws -> Run {
        var settings = ShopBench.Settings()
        let orders = try invocation.optionalInteger("orders", in: 1...10_000_000)
        let seconds = try invocation.optionalInteger("duration", in: 1...86_400)
        if orders != nil, seconds != nil {
            throw invocation.error(.notTogether("--orders", "--duration"))
        }
        if let orders { settings.burst = .orders(orders) }
        if let seconds { settings.burst = .seconds(seconds) }
        settings.clients = try clients(invocation)
        settings.lines = try lines(invocation)
        settings.fullSeconds = try invocation.integer("full", in: 1...86_400)
        settings.halfSeconds = try invocation.integer("half", in: 1...86_400)
        if invocation.optionalText("url") != nil {
            let (host, port) = try invocation.gateway()
            return { [settings] in
                let running = ShopBench.Target.running(host: host, port: port)
                return (try ShopBench.run(settings, running, progress: Terminal.progress), [])
            }
        }
        return { [settings] in
            try inFolder(invocation) { data in
                (try ShopBench.run(settings, .fresh(data), progress: Terminal.progress), [])
            }
        }
    }

    static func planOverload(_ invocation: Invocation) throws -> Run {
        var settings = OverloadBench.Settings()
        settings.times = Double(try invocation.integer("times", in: 2...1000))
        settings.seconds = try invocation.integer("seconds", in: 1...3600)
        settings.fullSeconds = try invocation.integer("full", in: 1...3600)
        settings.clients = try clients(invocation)
        settings.lines = try lines(invocation)
        settings.processes = invocation.flag("processes")
        return { [settings] in
            try inFolder(invocation) { data in
                (try OverloadBench.run(settings, data: data, progress: Terminal.progress), [])
            }
        }
    }

    static let processes = Command(
        "processes", "a process each beside one process, at full load, in turn",
        options: [
            .value("seconds", "SECONDS", "how long full load is held each time", default: "10"),
            .value("rounds", "COUNT", "how often each is measured", default: "2"),
            clientsOption, linesOption,
        ],
        example: "shopctl bench processes --seconds 20")

    static func planProcesses(_ invocation: Invocation) throws -> Run {
        var settings = ProcessesBench.Settings()
        settings.seconds = try invocation.integer("seconds", in: 1...3600)
        settings.rounds = try invocation.integer("rounds", in: 1...100)
        settings.clients = try clients(invocation)
        settings.lines = try lines(invocation)
        return { [settings] in
            try inFolder(invocation) { data in
                (try ProcessesBench.run(settings, data: data, progress: Terminal.progress), [])
            }
        }
    }

    static let tracing = Command(
        "tracing", "full load without spans and with a span of everything, in turn",
        options: [
            .value("seconds", "SECONDS", "how long full load is held each time", default: "10"),
            .value("rounds", "COUNT", "how often each is measured", default: "3"),
            clientsOption, linesOption,
        ],
        example: "shopctl bench tracing --seconds 15")

    static func planTracing(_ invocation: Invocation) throws -> Run {
        var settings = TracingBench.Settings()
        settings.seconds = try invocation.integer("seconds", in: 1...3600)
        settings.rounds = try invocation.integer("rounds", in: 1...100)
        settings.clients = try clients(invocation)
        settings.lines = try lines(invocation)
        return { [settings] in
            try inFolder(invocation) { data in
                (try TracingBench.run(settings, data: data, progress: Terminal.progress), [])
            }
        }
    }

    static func planSoak(_ invocation: Invocation) throws -> Run {
        var settings = SoakBench.Settings()
        settings.seconds = 60 * Double(try invocation.integer("minutes", in: 1...10_080))
        settings.rate = try invocation.optionalInteger("rate", in: 1...100_000).map(Double.init)
        settings.clients = try clients(invocation)
        settings.lines = try lines(invocation)
        let isText = !invocation.flag("json")
        func show(_ sample: SoakBench.Sample) {
            guard isText else { return Terminal.progress(line(sample.texts)) }
            Terminal.endProgress()
            print(line(sample.texts))
            fflush(nil)
        }
        return { [settings] in
            try inFolder(invocation) { data in
                if isText { print(line(SoakBench.Sample.titles)) }
                return try SoakBench.run(
                    settings, data: data, progress: Terminal.progress, show: show)
            }
        }
    }

    /// Cells as wide as the titles of a soak's samples, figures to the right.
    private static func line(_ cells: [String]) -> String {
        zip(cells, SoakBench.Sample.titles).map { cell, title in
            String(repeating: " ", count: max(0, max(7, title.count) - cell.count)) + cell
        }.joined(separator: "  ")
    }

    private static func clients(_ invocation: Invocation) throws(UsageError) -> Int {
        try invocation.integer("clients", in: 1...4096)
    }

    private static func lines(_ invocation: Invocation) throws(UsageError) -> Int {
        try invocation.integer("lines", in: 1...2000)
    }
}

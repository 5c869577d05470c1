import Arguments
import EventSourcing
import Host

/// `shopctl export`: what is on record, for other programs; any amount of it in little memory.
enum ExportCommand {
    static let command = Command(
        "export", "write events or orders to a file, for other programs",
        options: [ExportFormat.option] + FileOutput.options + [ShopCommand.json],
        example: "shopctl export events --format jsonl --output events.jsonl",
        subcommands: [
            Command(
                "events", "every recorded event, read from the files",
                options: [ShopCommand.data, ShopCommand.service],
                example: "shopctl export events --service orders --output orders.csv"),
            Command(
                "orders", "a row an order, asked of the running shop",
                options: [ShopCommand.url] + OrderQuery.options,
                example: "shopctl export orders --from 2026-01-01 --output orders.csv"),
        ])

    static func run(_ invocation: Invocation) throws {
        let format = try invocation.choice("format", of: ExportFormat.self)
        let output = try FileOutput(invocation)
        let count: Int64
        if invocation.path.last == "events" {
            count = try events(invocation, format, output)
        } else {
            count = try orders(invocation, format, output)
        }
        Terminal.endProgress()
        guard let file = invocation.optionalText("output") else { return }
        if invocation.flag("json") {
            var json = JSONWriter()
            json.object { json in
                json.member("file", file)
                json.member("format", format.rawValue)
                json.member("rows", count)
            }
            print(json.text)
        } else {
            print("\(Terminal.green("wrote")) \(count) rows to \(file)")
        }
    }

    private static func events(
        _ invocation: Invocation, _ format: ExportFormat, _ output: FileOutput
    ) throws -> Int64 {
        let service = try invocation.service()
        if let file = invocation.optionalText("output"),
            DataFolder.holds(file, in: try invocation.text("data"))
        {
            throw invocation.invalid(
                "--output", file, expected: "a path outside of the shop's folder")
        }
        var listing = try EventListing(
            data: try invocation.text("data"),
            .services(service.map { [$0] } ?? EventListing.services))
        var rows = ExportRows(of: listing.recorded, isFile: output.isFile)
        try output.write { output in
            if format == .csv { try output.write(CSV.record(eventFields)) }
            while let event = try listing.next() {
                switch format {
                case .csv: try output.write(CSV.record(fields(event)))
                case .jsonl: try output.write(event.json + "\n")
                }
                try rows.next()
            }
        }
        return rows.count
    }

    private static let eventFields = [
        "id", "stream", "version", "type", "schema", "recordedAt", "occurredAt", "actor",
        "correlationId", "causationId", "data",
    ]

    private static func fields(_ event: EventListing.Event) -> [String] {
        [
            event.id, event.stream, String(event.version), event.type, String(event.schema),
            event.recordedAt, event.occurredAt ?? "", event.actor, event.correlation,
            event.causation ?? "", event.data,
        ]
    }

    private static func orders(
        _ invocation: Invocation, _ format: ExportFormat, _ output: FileOutput
    ) throws -> Int64 {
        let query = try OrderQuery(invocation)
        let client = try GatewayClient(invocation)
        var rows = ExportRows(of: nil, isFile: output.isFile)
        try output.write { output in
            if format == .csv { try output.write(CSV.record(orderFields)) }
            try query.each(limit: .max, client) { order in
                switch format {
                case .csv: try output.write(CSV.record(fields(order)))
                case .jsonl: try output.write(order.text + "\n")
                }
                try rows.next()
            }
        }
        return rows.count
    }

    private static let orderFields = [
        "id", "status", "reason", "customer", "reference", "total", "currency", "totalMinor",
        "lines", "units", "placedAt", "updatedAt",
    ]

    private static func fields(_ order: JSON) -> [String] {
        func text(_ name: String) -> String { order[name]?.string ?? "" }
        func number(_ json: JSON?) -> String { json?.integer.map(String.init) ?? "" }
        let total = order["total"]
        return [
            text("id"), text("status"), text("reason"), text("customer"), text("reference"),
            total?["text"]?.string ?? "", total?["currency"]?.string ?? "",
            number(total?["minor"]), number(order["lines"]), number(order["units"]),
            text("placedAt"), text("updatedAt"),
        ]
    }
}

/// Counts what is exported, says how far it has come, and notices Ctrl-C.
private struct ExportRows {
    private static let step: Int64 = 1000

    /// How many are expected, where that is known.
    private let expected: Int64?
    private let isFile: Bool
    private(set) var count: Int64 = 0

    init(of expected: Int64?, isFile: Bool) {
        self.expected = expected
        self.isFile = isFile
    }

    /// One more is written.
    mutating func next() throws {
        count += 1
        guard isFile, count % Self.step == 0 else { return }
        try Interruption.check()
        Terminal.progress("\(count)\(expected.map { " of \($0)" } ?? "") rows")
    }
}

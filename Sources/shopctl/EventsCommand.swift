import Arguments
import EventSourcing
import Host

/// `shopctl events`: what is on record, read from the files; works while the shop runs, and without
/// it.
enum EventsCommand {
    static let command = Command(
        "events", "list recorded events, of all services in the order of time",
        options: [
            ShopCommand.data, ShopCommand.service,
            .value("stream", "STREAM", "one stream only, such as order-ID"),
            .value(
                "after", "POSITION",
                "begin after this position of the service (of the stream: version)"),
            .value(
                "limit", "COUNT",
                "the most events listed; 100 without, and with --follow as many as come"),
            .flag("follow", "go on as events come, until Ctrl-C"),
            ShopCommand.json,
        ],
        example: "shopctl events --service payments --limit 20")

    private static let usualLimit = 100

    static func run(_ invocation: Invocation) throws {
        let limit = try invocation.optionalInteger("limit", in: 1...1_000_000_000)
        let isFollowing = invocation.flag("follow")
        let isJSON = invocation.flag("json")
        let range = try range(invocation)
        var listing = try EventListing(data: try invocation.text("data"), range)
        var left = limit ?? (isFollowing ? .max : usualLimit)
        var output = LineOutput.standard
        while left > 0 {
            if let event = try listing.next() {
                try output.line(isJSON ? event.json : text(event))
                left -= 1
            } else if isFollowing {
                try output.flush()
                try output.pause(milliseconds: 100)
            } else {
                break
            }
        }
        try output.flush()
    }

    /// A stream's name tells its service; a position means something in one log only.
    private static func range(_ invocation: Invocation) throws(UsageError) -> EventListing.Range {
        let service = try invocation.service()
        let after = try invocation.optionalInteger("after", in: 0...Int.max).map { Int64($0) }
        if let stream = invocation.optionalText("stream") {
            guard let owner = EventListing.service(ofStream: stream),
                service == nil || service == owner
            else {
                let whose = service.map { "a stream of \($0)" } ?? "a stream's name"
                throw invocation.invalid(
                    "--stream", stream,
                    expected: "\(whose), such as order-ID, payment-ID, stock-SKU")
            }
            return .stream(stream, of: owner, after: after ?? 0)
        }
        if let service { return .service(service, after: after ?? 0) }
        guard after == nil else {
            throw invocation.error(.needs("--after", "--service NAME or --stream STREAM"))
        }
        return .services(EventListing.services)
    }

    private static func text(_ event: EventListing.Event) -> String {
        let head = "\(event.id)  \(event.recordedAt)  \(event.stream)"
        return "\(Terminal.dim(head))  \(Terminal.bold(event.type))  \(event.data)"
    }
}

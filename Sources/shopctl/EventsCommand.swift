import Arguments
import EventSourcing
import Host

/// `shopctl events`: what is on record, read from the files; works while the shop runs, and without
/// it.
enum EventsCommand {
    static let command = Command(
        "events", "list recorded events",
        options: [
            ShopCommand.data,
            .value(
                "service", "NAME", "orders, payments, deliveries or notifications",
                default: "orders"),
            .value("stream", "STREAM", "one stream only, such as order-ID"),
            .value(
                "after", "POSITION", "begin after this position (in a stream: version)",
                default: "0"),
            .value("limit", "COUNT", "the most events listed", default: "100"),
            ShopCommand.json,
        ],
        example: "shopctl events --service payments --limit 20")

    static func run(_ invocation: Invocation) throws {
        let service = try invocation.text("service")
        guard ["orders", "payments", "deliveries", "notifications"].contains(service) else {
            throw invocation.invalid(
                "--service", service, expected: "orders, payments, deliveries or notifications")
        }
        let after = try invocation.integer("after", in: 0...Int.max)
        let limit = try invocation.integer("limit", in: 1...100_000)
        let listing = try EventListing(data: try invocation.text("data"), service: service)
        let stream = invocation.optionalText("stream")
        var position = Int64(after)
        var left = limit
        while left > 0 {
            let events = try listing.events(stream: stream, after: position, limit: min(left, 500))
            for event in events {
                print(invocation.flag("json") ? event.json : text(event))
            }
            guard let last = events.last else { break }
            position = stream == nil ? last.position : last.version
            left -= events.count
        }
    }

    private static func text(_ event: EventListing.Event) -> String {
        let head = "\(event.position)  \(event.recordedAt)  \(event.stream)"
        return "\(Terminal.dim(head))  \(Terminal.bold(event.type))  \(event.data)"
    }
}

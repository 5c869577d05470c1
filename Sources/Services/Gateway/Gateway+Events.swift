import EventSourcing
import HTTP
import Messaging
import Projections

extension Gateway {
    /// A page of a service's public facts, from the service's log itself: whatever was acknowledged
    /// is in it, so that no read of it waits for a Consistency-Token.
    func showEvents(_ exchange: Exchange) throws(RequestError) {
        let query = try EventsQuery(exchange.request, feeds)
        if let seen = try exchange.seen(), !seen.marks.allSatisfy({ feeds[$0.log] != nil }) {
            throw RequestError(.foreignToken)
        }
        later(exchange) { gateway in
            // Taken before the read: what is read is at least as new.
            let token = gateway.freshness.token
            do throws(FeedError) {
                let page = try query.feed.read(
                    Publication.facts, after: query.after, limit: query.limit)
                let events = try EventsPage(page, query)
                exchange.respond(
                    200, headers: events.headers(query, token), json: events.json(query))
            } catch {
                exchange.fail(.unavailable("feed-unavailable", error.description))
            }
        }
    }
}

/// What a page of events is asked for with.
private struct EventsQuery: Sendable {
    private static let maximum: Int64 = 1000

    let service: LogName
    let feed: any Feed
    let after: Position
    let limit: Int

    init(_ request: HTTPRequest, _ feeds: [LogName: any Feed]) throws(RequestError) {
        var query = Query(request, known: ["service", "after", "limit"])
        let names = feeds.keys.sorted().map(\.value).joined(separator: ", ")
        let found = query.required("service", rule: "must be one of \(names)") { text in
            feeds.first { $0.key.value.utf8.elementsEqual(text.utf8) }
        }
        let after = query.parsed("after", rule: "must be a position: 0, or as \"next\" gave it") {
            Int64(strictDecimal: $0.utf8)
        }
        limit = query.limit(upTo: Self.maximum, otherwise: Gateway.defaultPage)
        try query.check()
        guard let found else { throw RequestError(query.invalid) }
        (service, feed) = (found.key, found.value)
        self.after = after.map { Position($0) } ?? .start
    }
}

/// The events that are shown of a feed's page, and the position to go on from.
private struct EventsPage {
    private let events: [Message]
    /// All of the log up to here was looked at.
    private let next: Position
    /// Whether the log has more already.
    private let hasMore: Bool
    private let epoch: Epoch
    /// Whether any event of the log lies between what was asked for and `next`.
    private let hasMoved: Bool

    /// - Throws: where an event is damaged in the file: what follows must not seem to be all.
    init(_ page: FeedPage, _ query: EventsQuery) throws(FeedError) {
        events = page.messages
        next = page.through
        hasMore = page.hasMore
        epoch = page.epoch
        hasMoved = next > query.after
        for event in events where (try? JSON(parsing: event.data)) == nil {
            throw .unavailable("the data of \(event.identity) are damaged")
        }
    }

    func headers(_ query: EventsQuery, _ token: ConsistencyToken) -> HTTPHeaders {
        var token = token
        if hasMoved {
            token.merge(query.service, Mark(epoch: epoch, position: next))
        }
        var headers: HTTPHeaders = ["Cache-Control": "private, no-cache"]
        headers["Consistency-Token"] = token.description
        if hasMore {
            headers.link(
                next: "/v1/events?service=\(query.service)&after=\(next)&limit=\(query.limit)")
        }
        return headers
    }

    func json(_ query: EventsQuery) -> JSONWriter {
        var json = JSONWriter(reserving: 500 * events.count + 100)
        json.object { json in
            json.member("service", query.service.value)
            json.member("events") { json in
                json.array { json in for event in events { event.show(in: &json) } }
            }
            json.member("next", next.value)
        }
        return json
    }
}

extension Message {
    fileprivate func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("id", identity.description)
            json.member("stream", stream.description)
            json.member("version", version.value)
            json.member("type", type.name)
            json.member("schema", Int64(type.schema))
            json.member("recordedAt", recordedAt.description)
            if let occurredAt = metadata.occurredAt {
                json.member("occurredAt", occurredAt.description)
            }
            json.member("actor", metadata.actor)
            json.member("correlationId", metadata.correlation)
            if let cause = metadata.cause { json.member("causationId", cause.description) }
            json.member("data") { $0.data(data, of: type) }
        }
    }
}

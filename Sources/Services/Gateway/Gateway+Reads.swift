import Domain
import EventSourcing
import HTTP
import Projections

extension Gateway {
    private static let pageLimits: ClosedRange<Int64> = 1...500
    private static let pageDefault: Int64 = 100

    func showOrder(_ exchange: Exchange) throws(RequestError) {
        let id = try exchange.order()
        try whenFresh(exchange) { gateway, headers throws(ReadError) in
            guard let order = try gateway.readStore.order(id) else {
                return exchange.fail(.noOrder)
            }
            exchange.respond(order.entityTag, headers) { order.show(in: &$0) }
        }
    }

    func showTimeline(_ exchange: Exchange) throws(RequestError) {
        let id = try exchange.order()
        let (limit, cursor) = try page(exchange.request)
        try whenFresh(exchange) { gateway, headers throws(ReadError) in
            guard try gateway.readStore.order(id) != nil else { return exchange.fail(.noOrder) }
            // One more than asked for tells whether there is a next page.
            var entries = try gateway.readStore.timeline(id, limit: limit + 1, after: cursor)
            var headers = headers
            if entries.count > limit {
                entries.removeLast(entries.count - limit)
                if let last = entries.last {
                    let target = "/v1/orders/\(id)/timeline?limit=\(limit)"
                    headers["Link"] = "<\(target)&after=\(TimelineCursor(last))>; rel=\"next\""
                }
            }
            var json = JSONWriter(reserving: 400 * entries.count)
            json.object { json in
                json.member("order", id.value)
                json.member("events") { json in
                    json.array { json in for entry in entries { entry.show(in: &json) } }
                }
            }
            exchange.respond(200, headers: headers, json: json)
        }
    }

    func showStock(_ exchange: Exchange) throws(RequestError) {
        let sku = try exchange.sku()
        try whenFresh(exchange) { gateway, headers throws(ReadError) in
            guard let level = try gateway.readStore.stock(sku) else {
                return exchange.fail(.noSKU)
            }
            exchange.respond(OrderDetail.entityTag([level.mark]), headers) { json in
                json.object { json in
                    json.member("sku", sku.value)
                    json.member("onHand", level.onHand)
                    json.member("reserved", level.reserved)
                    json.member("available", level.available)
                }
            }
        }
    }

    private func page(_ request: HTTPRequest) throws(RequestError) -> (Int, TimelineCursor?) {
        var errors: [FieldError] = []
        var limit = Self.pageDefault
        if let text = request.query["limit"] {
            if let value = Int64(strictDecimal: text.utf8), Self.pageLimits.contains(value) {
                limit = value
            } else {
                errors.append(FieldError(place: .parameter("limit"), detail: "must be 1 to 500"))
            }
        }
        let after = request.query["after"]
        let cursor = after.flatMap { TimelineCursor($0) }
        if after != nil, cursor == nil {
            errors.append(
                FieldError(place: .parameter("after"), detail: "must be as a Link gave it"))
        }
        guard errors.isEmpty else {
            throw RequestError(
                Problem(
                    400, "invalid-query", "The query has \(errors.count) error(s).",
                    errors: errors))
        }
        return (Int(limit), cursor)
    }

    private typealias Read = @Sendable (Gateway, HTTPHeaders) throws(ReadError) -> Void

    /// Reads when what the client has seen is projected, or its time is over.
    private func whenFresh(_ exchange: Exchange, _ read: @escaping Read) throws(RequestError) {
        guard let token = try exchange.seen() else { return answer(exchange, read, lag: nil) }
        guard freshness.knows(token) else {
            throw RequestError(
                Problem(
                    400, "invalid-consistency-token",
                    "The Consistency-Token names a log that is not read here."))
        }
        freshness.wait(for: token, deadline: runtime.now() + readLimit) { hasSeen in
            if hasSeen { return self.answer(exchange, read, lag: nil) }
            guard exchange.request.headers.hasMember("Consistency", "stale-ok") else {
                return exchange.fail(
                    .unavailable(
                        "not-yet-visible",
                        "What the Consistency-Token names is not visible here yet; ask again, "
                            + "or send Consistency: stale-ok to read what is."))
            }
            self.answer(exchange, read, lag: self.lag(behind: token))
        }
    }

    private func answer(_ exchange: Exchange, _ read: Read, lag: String?) {
        // Taken before the read: what is read is at least as new.
        var headers: HTTPHeaders = ["Cache-Control": "private, no-cache"]
        headers["Consistency-Token"] = freshness.token.description
        if let lag { headers["Projection-Lag"] = lag }
        if let why = freshness.staleReason { headers["Projection-Stale"] = ascii(why) }
        do throws(ReadError) {
            try read(self, headers)
        } catch {
            exchange.fail(.unavailable("read-store-unavailable", error.description))
        }
    }

    /// `orders=5, payments=2`: how many events of each log are missing to the token.
    private func lag(behind token: ConsistencyToken) -> String {
        let here = freshness.token.marks
        return token.marks.compactMap { log, mark in
            let known = here.first { $0.log == log }?.mark ?? .none
            guard !known.covers(mark) else { return nil }
            return "\(log)=\(max(1, mark.position.value - known.position.value))"
        }.joined(separator: ", ")
    }

    /// A header's value: whatever is not printable ASCII becomes a question mark.
    private func ascii(_ text: String) -> String {
        String(
            decoding: text.utf8.prefix(300).map { $0 >= 0x20 && $0 < 0x7F ? $0 : 0x3F },
            as: UTF8.self)
    }
}

extension Exchange {
    /// Answers with a representation, or 304 where the client has it.
    fileprivate func respond(
        _ tag: String, _ headers: HTTPHeaders, _ show: (inout JSONWriter) -> Void
    ) {
        var headers = headers
        headers["ETag"] = tag
        if knows(tag) { return respond(HTTPResponse(304, headers: headers)) }
        var json = JSONWriter(reserving: 1000)
        show(&json)
        respond(200, headers: headers, json: json)
    }

    /// Whether `If-None-Match` names the tag; compared weakly (RFC 9110, 13.1.2). Our tags hold no
    /// commas.
    private func knows(_ tag: String) -> Bool {
        request.headers.list("If-None-Match").contains { member in
            let bytes = member.utf8
            let bare = bytes.starts(with: "w/".utf8) ? bytes.dropFirst(2) : bytes[...]
            return bare.elementsEqual(tag.utf8) || bare.elementsEqual("*".utf8)
        }
    }
}

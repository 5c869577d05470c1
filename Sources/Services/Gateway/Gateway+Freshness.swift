import EventSourcing
import HTTP
import Projections

extension Gateway {
    typealias Read = @Sendable (Gateway, HTTPHeaders) throws(ReadError) -> Void

    /// Reads when what the client has seen is projected, or its time is over.
    func whenFresh(_ exchange: Exchange, _ read: @escaping Read) throws(RequestError) {
        guard let token = try exchange.seen() else { return answer(exchange, read, lag: nil) }
        guard freshness.knows(token) else {
            throw RequestError(.foreignToken)
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
        let shown = freshness.shown
        var headers = HTTPHeaders(reserving: 8)
        headers.append("Cache-Control", "private, no-cache")
        headers.append("Consistency-Token", shown.token)
        if let lag { headers.append("Projection-Lag", lag) }
        if let why = shown.staleReason { headers.append("Projection-Stale", ascii(why)) }
        do throws(ReadError) {
            try read(self, headers)
        } catch {
            exchange.fail(.unreadable(error))
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
    func respond(
        _ tag: String, _ headers: HTTPHeaders, _ show: (inout JSONWriter) -> Void
    ) {
        respond(tag, headers) {
            var json = JSONWriter(reserving: 1000)
            show(&json)
            return json.bytes
        }
    }

    func respond(_ rendition: Rendition, _ headers: HTTPHeaders) {
        respond(rendition.entityTag, headers) { rendition.body }
    }

    /// - Parameter type: the body's media type.
    func respond(
        _ tag: String, _ headers: HTTPHeaders, type: String = "application/json",
        _ body: () -> [UInt8]
    ) {
        var headers = headers
        headers.append("ETag", tag)
        if knows(tag) { return respond(HTTPResponse(304, headers: headers)) }
        headers.append("Content-Type", type)
        respond(HTTPResponse(200, headers: headers, body: body()))
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

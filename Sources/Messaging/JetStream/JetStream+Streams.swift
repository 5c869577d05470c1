import EventSourcing
import Foundation
import NATS

/// What clients ask of streams.
extension JetStream {
    private static let maximumNames = 1024
    private static let maximumInfos = 256

    func createStream(_ request: JetStreamRequest) throws(JetStreamError) -> Answer {
        let configuration = try StreamConfiguration(try request.json())
        guard configuration.name == (try request.argument(0)) else { throw .mismatchedStream }
        try request.admit(changing: configuration)
        try findStream(configuration.name)
        if let stream = streams[configuration.name] {
            guard stream.configuration == configuration else { throw .otherStream }
            return try info(stream)
        }
        try checkOverlap(configuration)
        guard streams.count < request.standing.share(of: BrokerRules.maximumStreams) else {
            throw JetStreamError(400, 10027, "maximum number of streams reached")
        }
        let stream = try asking { () throws(BrokerError) in
            let segments = try broker.opened(configuration.name)
            segments.bound(configuration.bounds)
            let stream = ServedStream(configuration, segments, created: runtime.now(), hub, notices)
            do throws(BrokerError) { try createFile(stream) } catch {
                // Nothing of it is to be found later and taken for a stream.
                try broker.remove(configuration.name)
                throw error
            }
            return stream
        }
        add(stream)
        let info = try info(stream)
        return { json in
            info(&json)
            json.member("did_create", true)
        }
    }

    /// Offers a stream whose files are there. Those that cannot be read, as another build wrote
    /// them, must not be taken for none and be made anew.
    private func findStream(_ name: String) throws(JetStreamError) {
        guard streams[name] == nil, broker.names.contains(name) else { return }
        let found = try asking { () throws(BrokerError) in try open(name) }
        guard let found else { return }
        found.forwarded = found.first - 1
        add(found)
    }

    private func checkOverlap(_ configuration: StreamConfiguration) throws(JetStreamError) {
        for stream in streams.values where stream.name != configuration.name {
            if stream.configuration.overlaps(configuration) { throw .overlap }
        }
    }

    func updateStream(_ request: JetStreamRequest) throws(JetStreamError) -> Answer {
        let stream = try stream(request)
        let configuration = try StreamConfiguration(try request.json())
        guard configuration.name == stream.name else { throw .mismatchedStream }
        try request.admit(changing: stream.configuration)
        try request.admit(changing: configuration)
        guard !stream.isOwned else {
            throw .stream("this stream is the shop's own; its settings decide")
        }
        guard configuration.storage == stream.configuration.storage else {
            throw .stream("stream configuration update can not change storage type")
        }
        try checkOverlap(configuration)
        try asking { () throws(BrokerError) in
            try stream.update(configuration)
            try stream.save()
        }
        route(stream)
        return try info(stream)
    }

    func listStreams(_ request: JetStreamRequest, namesAlone: Bool) throws(JetStreamError)
        -> Answer
    {
        let json = try request.json()
        let (offset, subject): (Int64, String?)
        do throws(JSONError) {
            offset = try json.optionalInteger("offset") ?? 0
            subject = try json.text("subject")
        } catch { throw .invalidJSON }
        let found = streams.values.sorted { $0.name < $1.name }.filter { stream in
            guard let subject else { return true }
            return stream.configuration.subjects.contains { Subject.overlap($0, subject) }
        }
        let limit = namesAlone ? Self.maximumNames : Self.maximumInfos
        let (page, head) = Self.page(found, from: offset, limit: limit)
        if namesAlone {
            return { json in
                head(&json)
                json.member("streams") { json in
                    if found.isEmpty { return json.value(.null) }
                    json.array { json in for stream in page { json.value(stream.name) } }
                }
            }
        }
        var infos: [Answer] = []
        for stream in page { infos.append(try info(stream)) }
        return { json in
            head(&json)
            json.member("streams") { json in
                json.array { json in for info in infos { json.object(info) } }
            }
        }
    }

    func info(_ request: JetStreamRequest) throws(JetStreamError) -> Answer {
        let (stream, json) = (try stream(request), try request.json())
        let (filter, listsDeleted): (String?, Bool)
        do throws(JSONError) {
            (filter, listsDeleted) = (
                try json.text("subjects_filter"), try json.flag("deleted_details")
            )
        } catch { throw .invalidJSON }
        return try info(stream, filter.map { SubjectPattern($0) }, listsDeleted: listsDeleted)
    }

    func info(
        _ stream: ServedStream, _ filter: SubjectPattern? = nil, listsDeleted: Bool = false
    ) throws(JetStreamError) -> Answer {
        let summary = try asking { () throws(BrokerError) in
            stream.refresh()
            return try stream.summary(filter, listsDeleted: listsDeleted)
        }
        return { json in
            json.member("config") { json in stream.configuration.write(to: &json) }
            json.member("created", stream.created.description)
            json.member("state") { json in summary.write(to: &json) }
        }
    }

    func deleteStream(_ request: JetStreamRequest) throws(JetStreamError) -> Answer {
        let stream = try stream(request)
        try request.admit(changing: stream.configuration)
        guard !stream.isOwned else {
            throw JetStreamError(
                500, 10057, "this stream is the shop's own and is not to be deleted")
        }
        try asking { () throws(BrokerError) in try remove(stream) }
        return { json in json.member("success", true) }
    }

    func purge(_ request: JetStreamRequest) throws(JetStreamError) -> Answer {
        let stream = try stream(request)
        try request.admit(changing: stream.configuration)
        guard !stream.isOwned, !stream.configuration.deniesPurge else { throw .purgeDenied }
        let json = try request.json()
        let (filter, sequence, keep): (String?, Int64, Int64)
        do throws(JSONError) {
            filter = try json.text("filter")
            sequence = max(try json.optionalInteger("seq") ?? 0, 0)
            keep = max(try json.optionalInteger("keep") ?? 0, 0)
        } catch { throw .invalidJSON }
        guard filter != nil || sequence == 0 || keep == 0 else { throw .badRequest }
        let gone = try asking { () throws(BrokerError) in
            stream.refresh()
            return try stream.purge(
                before: sequence > 0 ? UInt64(sequence) : stream.last + 1,
                filter.map { SubjectPattern($0) }, keep: Int(clamping: keep))
        }
        return { json in
            json.member("success", true)
            json.member("purged", Int64(clamping: gone))
        }
    }

    func deleteMessage(_ request: JetStreamRequest) throws(JetStreamError) -> Answer {
        let stream = try stream(request)
        try request.admit(changing: stream.configuration)
        guard !stream.isOwned, !stream.configuration.deniesDelete else { throw .deleteDenied }
        let json = try request.json()
        let sequence: Int64
        do throws(JSONError) { sequence = try json.integer("seq") } catch { throw .badRequest }
        guard sequence > 0 else { throw .badRequest }
        let isGone = try asking { () throws(BrokerError) in
            stream.refresh()
            let isGone = try stream.delete(UInt64(sequence))
            try stream.saveGaps()
            return isGone
        }
        guard isGone else { throw .notDeleted }
        return { json in json.member("success", true) }
    }

    // MARK: Single messages

    /// The message that is asked for by place, by the next of a subject, or by the last of one.
    private func find(_ json: JSONObject, in stream: ServedStream) throws(JetStreamError)
        -> StoredMessage?
    {
        let (sequence, next, last): (Int64, String?, String?)
        do throws(JSONError) {
            sequence = try json.optionalInteger("seq") ?? 0
            next = try json.text("next_by_subj")
            last = try json.text("last_by_subj")
        } catch { throw .invalidJSON }
        guard (sequence > 0 && last == nil) || (sequence <= 0 && (last != nil || next != nil))
        else { throw .badRequest }
        return try asking { () throws(BrokerError) in
            stream.refresh()
            if let last {
                guard let newest = try stream.index.newest(matching: last, in: stream).last else {
                    return nil
                }
                return try stream.message(at: newest)
            }
            guard let next else {
                return try stream.message(at: UInt64(clamping: sequence))
            }
            let pattern = SubjectPattern(next)
            var at = max(UInt64(clamping: sequence), stream.first)
            while at <= stream.last {
                let (found, through) = try stream.read(
                    from: at, limit: 1, wants: pattern.matches)
                if let message = found.first { return message }
                at = through + 1
            }
            return nil
        }
    }

    func getMessage(_ request: JetStreamRequest) throws(JetStreamError) -> Answer {
        let stream = try stream(request)
        guard let found = try find(try request.json(), in: stream) else { throw .noMessage }
        return { json in
            json.member("message") { json in
                json.object { json in
                    json.member("subject", found.message.subject)
                    json.member("seq", Int64(clamping: found.sequence))
                    let headers = found.message.wireHeaders
                    if !headers.isEmpty {
                        json.member("hdrs", Data(headers).base64EncodedString())
                    }
                    if !found.message.payload.isEmpty {
                        json.member("data", Data(found.message.payload).base64EncodedString())
                    }
                    json.member("time", found.time.description)
                }
            }
        }
    }

    private static func lastOf(_ subject: String) throws(JetStreamError) -> JSONObject {
        do throws(JSONError) {
            return try JSONObject(.object([JSON.Member("last_by_subj", .string(subject))]))
        } catch { throw .badRequest }
    }

    /// Answers with the message itself: `DIRECT.GET.STREAM`, or with the subject behind it, whose
    /// last one is meant.
    func getDirectly(_ message: ClientOperation.Publish, _ rest: Substring) {
        guard let reply = message.reply else { return }
        let tokens = rest.dropFirst("DIRECT.GET.".count)
        let name = tokens.prefix { $0 != "." }
        let subject = tokens.dropFirst(name.count + 1)
        guard let stream = streams[String(name)], stream.configuration.allowsDirect else { return }
        func refuse(_ status: Int, _ text: String) {
            let headers = StatusMessage.headers(status, text)
            say(
                ClientOperation.Publish(
                    subject: reply, reply: nil, headers: headers, payload: []))
        }
        if subject.isEmpty, message.payload.isEmpty { return refuse(408, "Empty Request") }
        do throws(JetStreamError) {
            let json =
                subject.isEmpty
                ? try JetStreamRequest.json(message.payload)
                : try Self.lastOf(String(subject))
            guard let found = try find(json, in: stream) else {
                return refuse(404, "Message Not Found")
            }
            let headers = WireHeaders.adding(
                [
                    ("Nats-Stream", stream.name), ("Nats-Subject", found.message.subject),
                    ("Nats-Sequence", String(found.sequence)),
                    ("Nats-Time-Stamp", found.time.description),
                ], to: found.message.wireHeaders)
            say(
                ClientOperation.Publish(
                    subject: reply, reply: nil, headers: headers, payload: found.message.payload))
        } catch { refuse(408, "Bad Request") }
    }
}

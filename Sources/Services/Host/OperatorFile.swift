import Domain
import EventSourcing
import EventStore
import Gateway
import Messaging
import Orders

/// What an operator looks at in a service's file, as JSON, the way the API shows it. It reads as
/// any reader does, and waits for no writer.
struct OperatorFile: Sendable {
    /// A page is cut where it would be larger, unless it is one message.
    private static let mostBytes = 4 * 1024 * 1024
    /// So many open checkouts are looked at for one page: then it may be short, and says where to
    /// go on.
    private static let mostLookedAt = 2000

    let path: String
    let runtime: any Runtime

    func parked(_ query: ParkedQuery) throws(StoreError) -> [UInt8] {
        let queries = try LogReader(path: path).queries
        let found = try queries.parked(
            source: query.source, key: query.key,
            after: query.cursor.map { ($0.source, $0.position) }, limit: query.limit + 1)
        var (shown, size) = (0, 0)
        for message in found.prefix(query.limit) {
            size += message.payload.count
            if shown > 0, size > Self.mostBytes { break }
            shown += 1
        }
        var json = JSONWriter(reserving: size + 300 * shown + 100)
        json.object { json in
            json.member("service", queries.name.value)
            json.member("messages") { json in
                json.array { json in
                    for message in found.prefix(shown) { message.show(in: &json) }
                }
            }
            if found.count > shown, let last = found.prefix(shown).last {
                let next = ParkedQuery.Cursor(source: last.source, position: last.position)
                json.member("next", next.description)
            }
        }
        return json.bytes
    }

    func sagas(_ query: SagaQuery) throws(StoreError) -> [UInt8] {
        let (queries, now) = (try LogReader(path: path).queries, runtime.now())
        var (views, last, lookedAt): ([SagaView], OrderID?, Int) = ([], query.cursor, 0)
        var hasMore = true
        while hasMore, views.count < query.limit, lookedAt < Self.mostLookedAt {
            let page = try OrdersCore.open(queries, after: last, limit: 100)
            hasMore = page.count == 100
            for order in page where views.count < query.limit {
                (last, lookedAt) = (order, lookedAt + 1)
                guard let view = try SagaView(order, in: queries, at: now), query.wants(view)
                else { continue }
                views.append(view)
                if views.count == query.limit { hasMore = true }
            }
        }
        // The counts are of all, not of a page.
        let counts = query.cursor == nil ? try OrdersCore.countSteps(queries, at: now) : []
        var json = JSONWriter(reserving: 300 * views.count + 1000)
        json.object { json in
            json.member("sagas") { json in
                json.array { json in
                    for view in views { json.object { json in view.showPlace(in: &json) } }
                }
            }
            if query.cursor == nil {
                json.member("steps") { json in
                    json.array { json in for count in counts { count.encode(to: &json) } }
                }
            }
            if hasMore, let last { json.member("next", last.value) }
        }
        return json.bytes
    }

    /// Nil where there is no such order.
    func saga(of order: OrderID) throws(StoreError) -> [UInt8]? {
        let queries = try LogReader(path: path).queries
        guard let view = try SagaView(order, in: queries, at: runtime.now()) else { return nil }
        var json = JSONWriter(reserving: 4000)
        json.object { json in view.show(in: &json) }
        return json.bytes
    }
}

extension SagaQuery {
    fileprivate func wants(_ view: SagaView) -> Bool {
        if isStuck, !view.isStuck { return false }
        return step == nil || view.progress.pending?.step == step
    }
}

extension ParkedMessage {
    fileprivate func show(in json: inout JSONWriter) {
        json.object { json in
            json.member("source", source)
            json.member("position", position.value)
            json.member("key", key)
            if let message {
                json.member("id", message.identity.description)
                json.member("type", message.type.name)
                json.member("schema", Int64(message.type.schema))
                json.member("recordedAt", message.recordedAt.description)
            }
            json.member("reason", reason)
            json.member("at", at.description)
            if let data = try? JSON(parsing: payload) {
                json.member("data") { $0.value(data) }
            } else {
                json.member("text", String(decoding: payload, as: UTF8.self))
            }
        }
    }
}

extension SagaStepCount {
    func encode(to json: inout JSONWriter) {
        json.object { json in
            json.member("step", step)
            json.member("direction", direction.rawValue)
            json.member("open", open)
            json.member("stuck", stuck)
            json.member("oldestAt", oldest.description)
        }
    }

    init(_ json: JSONObject) throws(JSONError) {
        guard let direction = StepReference.Direction(rawValue: try json.string("direction"))
        else { throw json.error("direction", "must be forward or undo") }
        guard let oldest = Timestamp(try json.string("oldestAt")) else {
            throw json.error("oldestAt", "must be a time")
        }
        self.init(
            step: try json.string("step"), direction: direction,
            open: try json.integer("open"), stuck: try json.integer("stuck"), oldest: oldest)
    }
}

extension SagaView {
    /// Where it stands, as a list shows it.
    fileprivate func showPlace(in json: inout JSONWriter) {
        json.member("order", order.value)
        json.member("state", state.rawValue)
        if let pending = progress.pending {
            json.member("step", pending.step)
            json.member("direction", pending.direction.rawValue)
            json.member("attempt", Int64(pending.attempt))
        }
        if let since { json.member("since", since.description) }
        if let due { json.member("dueAt", due.description) }
        json.member("stuck", isStuck)
        if let why { json.member("why", why) }
    }

    fileprivate func show(in json: inout JSONWriter) {
        showPlace(in: &json)
        json.member("isPastPivot", progress.isPastPivot)
        if let reason = progress.reason { json.member("reason", reason) }
        if let pending = progress.pending { json.member("pending") { pending.encode(to: &$0) } }
        json.member("steps") { json in
            json.array { json in
                for step in steps {
                    json.object { json in
                        json.member("step", step.name)
                        json.member("service", step.service)
                        json.member("state", step.state.rawValue)
                        json.member("attempts", Int64(step.attempts))
                        if let at = step.at { json.member("at", at.description) }
                    }
                }
            }
        }
        json.member("history") { json in
            json.array { json in
                for record in history {
                    json.object { json in
                        json.member("id", record.identity.description)
                        json.member("type", record.type.name)
                        json.member("recordedAt", record.recordedAt.description)
                        if let metadata = try? record.parsedMetadata() {
                            json.member("actor", metadata.actor)
                            if let cause = metadata.cause {
                                json.member("causationId", cause.description)
                            }
                        }
                        json.member("data") { $0.value(record.publicData) }
                    }
                }
            }
        }
    }
}

extension StoredRecord {
    /// A checkout's data but for the means of payment, which stays in the log.
    fileprivate var publicData: JSON {
        guard let json = try? JSON(parsing: data) else { return .null }
        return json.without("token")
    }
}

extension JSON {
    fileprivate func without(_ name: String) -> JSON {
        switch self {
        case .object(let members):
            .object(
                members.filter { $0.name != name }.map {
                    Member($0.name, $0.value.without(name))
                })
        case .array(let elements): .array(elements.map { $0.without(name) })
        case .null, .bool, .integer, .number, .string: self
        }
    }
}
